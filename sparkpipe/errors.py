"""Every error that sparkpipe raises on purpose.

::

    SparkpipeError
    ├── ConfigError                  a file of the project says something impossible
    │   ├── ArgumentError            an argument of a call is not possible (also a ValueError)
    │   └── ProjectNotFoundError     there is no project in this folder or above it
    ├── PipelineError                nodes that do not make a pipeline (also a ValueError)
    │   ├── NodeSignatureError       a function does not take its node's inputs (also a TypeError)
    │   ├── CircularDependencyError  nodes wait for one another
    │   ├── OutputNotUniqueError     two nodes write one data set
    │   ├── ConfirmNotUniqueError    two nodes confirm one data set
    │   └── ModularPipelineError     names given to `pipeline()` do not fit the pipeline
    ├── DataSetError                 a data set could not be made, loaded or saved
    │   ├── DataSetNotFoundError     the catalog has no data set of that name
    │   ├── SeveralDataSetErrors     more than one could not be loaded or saved
    │   ├── CheckFailedError         its data did not pass its checks
    │   ├── DataSetAlreadyExistsError
    │   ├── CredentialsNotFoundError an entry names credentials that are not there (also a KeyError)
    │   ├── RegexError               names are looked for by what is no regular expression
    │   │                            (also a SyntaxError)
    │   └── VersionNotFoundError
    ├── SparkStartError              no Spark session could be started
    ├── PreflightError               all that was wrong before anything ran (also a ValueError)
    ├── NodeRunError                 one node failed: at which step, where in the code
    │   ├── NodeTimeoutError         it took longer than its timeout
    │   └── NodeCancelledError       it did not fail, but was cancelled because another one did
    ├── RunFailedError               a run failed: all its NodeRunErrors
    └── SlicesFailedError            runs of some slices failed: how each has ended

An error says what happened, where, and (``hint``) what to do next; ``__cause__`` keeps its cause.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sparkpipe.words import counted, listed

_MOST_LOST = 3
_MOST_SLICES = 5


class SparkpipeError(Exception):
    """Base of all errors of sparkpipe.

    Args:
        message: What happened and where, in one or a few lines.
        hint: What to do next; printed after the message.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        stop = "" if not self.hint or self.message.endswith((".", ":", "?", "!", ")")) else "."
        return f"{self.message}{stop} {self.hint}".rstrip()

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback: what to know is in the message.

        ``%debug`` and ``sys.last_value`` still have all.
        """
        title, *lines = self._lines_to_show()
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {title}", *lines]

    def _lines_to_show(self) -> list[str]:
        place = users_place(self)
        return [str(self), *([f"  at {place}"] if place else [])]


class ConfigError(SparkpipeError):
    """A configuration file, an option or a setting of the project is wrong."""


class ArgumentError(ConfigError, ValueError):
    """An argument of a class or function is not possible."""


class ProjectNotFoundError(ConfigError):
    """No ``pyproject.toml`` with a ``[tool.sparkpipe]`` table was found."""


class PipelineError(SparkpipeError, ValueError):
    """Nodes that cannot make up a pipeline, or a filter that names what is not there."""


class NodeSignatureError(PipelineError, TypeError):
    """The parameters of a node's function do not match the inputs of the node."""


class CircularDependencyError(PipelineError):
    """Some nodes need, directly or through others, their own outputs."""


class OutputNotUniqueError(PipelineError):
    """More than one node writes the same data set."""


class ConfirmNotUniqueError(PipelineError):
    """More than one node confirms the same data set."""


class ModularPipelineError(PipelineError):
    """A namespace, or names of inputs, outputs or parameters, do not fit the pipeline."""


class DataSetError(SparkpipeError):
    """A data set could not be created, loaded, saved or released.

    Attributes:
        where: Class and place of the data set, which stand before the message; a catalog, which
            tells its name, too, has them in the message.
    """

    where: str = ""

    def __str__(self) -> str:
        told = super().__str__()
        return f"{self.where}: {told}" if self.where else told


class SeveralDataSetErrors(DataSetError):  # noqa: N818 - more than one
    """Several data sets failed at once.

    Args:
        message: What is told of all of them.
        exceptions: What was raised, for who wants to judge each.
    """

    def __init__(self, message: str, exceptions: Sequence[BaseException] = ()) -> None:
        super().__init__(message)
        self.exceptions = tuple(exceptions)


class CheckFailedError(DataSetError):
    """Data did not pass the checks of its data set, and was not saved, or not given to a node."""


class DataSetNotFoundError(DataSetError):
    """The catalog has no data set of the name asked for."""


class DataSetAlreadyExistsError(DataSetError):
    """A data set of that name is already in the catalog."""


class CredentialsNotFoundError(DataSetError, KeyError):
    """An entry of the catalog names credentials that are not there."""


class RegexError(DataSetError, SyntaxError):
    """Names of data sets are looked for by what is no regular expression."""


class VersionNotFoundError(DataSetError):
    """No saved version of a versioned data set was found."""


class SparkStartError(SparkpipeError):
    """No Spark session could be started."""


class PreflightError(SparkpipeError, ValueError):
    """Everything that was found wrong before any node ran.

    Args:
        problems: One message for each problem, in the order of discovery.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            message = self.problems[0]
        else:
            message = f"{len(self.problems)} problems were found before anything ran:" + "".join(
                f"\n  - {problem}" for problem in self.problems
            )
        super().__init__(message)
        # Exceptions are pickled as their class and arguments.
        self.args = (self.problems,)


class NodeRunError(SparkpipeError):
    """One node failed.

    Args:
        message: What failed, with the names of node and data set, and the reason.
        node_name: The name of the node.
        location: ``file:line in function`` of the user's code nearest to the failure; may be empty.
        traceback_text: The whole traceback of the cause.
        lines: See :class:`sparkpipe.events.ErrorReport`.
    """

    def __init__(
        self,
        message: str,
        node_name: str = "",
        location: str = "",
        traceback_text: str = "",
        lines: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.node_name = node_name
        self.location = location
        self.traceback_text = traceback_text
        self.lines = tuple(lines)
        self.args = (message, node_name, location, traceback_text, self.lines)


class NodeTimeoutError(NodeRunError):
    """A node took longer than its timeout."""


class NodeCancelledError(NodeRunError):
    """A node was cancelled, because another one failed or the run was interrupted."""


class RunFailedError(SparkpipeError):
    """A run failed; every failure is in it.

    Args:
        failures: The failures in the order in which they happened.
        resume_from: Names of the nodes from which the run can be continued.
        completed: Number of nodes that had completed.
        total: Number of nodes in the run.
        cancelled: Names of the nodes that were cancelled while they ran.
        skipped: Names of the nodes that were not started.
        lost: Names of data sets that were only in memory, for which nodes that had completed run
            again.
    """

    def __init__(
        self,
        failures: Sequence[NodeRunError],
        resume_from: Sequence[str] = (),
        completed: int = 0,
        total: int = 0,
        cancelled: Sequence[str] = (),
        skipped: Sequence[str] = (),
        lost: Sequence[str] = (),
    ) -> None:
        self.failures = tuple(failures)
        self.resume_from = tuple(resume_from)
        self.completed = completed
        self.total = total
        self.cancelled = tuple(cancelled)
        self.skipped = tuple(skipped)
        self.lost = tuple(lost)
        hint = ""
        if self.resume_from:
            hint = f"\nTo continue from there: sparkpipe run --from-nodes {','.join(resume_from)}"
            hint += tell_lost(self.lost)
        lines = [failure.message for failure in self.failures]
        if self.cancelled:
            lines.append(f"Cancelled: {', '.join(self.cancelled)}.")
        super().__init__("\n".join(lines), hint=hint)
        counts = (completed, total)
        self.args = (self.failures, self.resume_from, *counts, cancelled, skipped, self.lost)

    def __str__(self) -> str:
        return self.message + self.hint

    def _lines_to_show(self) -> list[str]:
        lines = [
            f"the run failed: {self.completed} of {counted(self.total, 'node')} done, "
            f"{len(self.failures)} failed."
        ]
        for failure in self.failures:
            lines.append(failure.message)
            if failure.location:
                lines.append(f"  at {failure.location}")
        if self.cancelled:
            lines.append(f"Cancelled: {', '.join(self.cancelled)}.")
        lines += self.hint.strip().splitlines()
        return [*lines, "Whole traceback: print(sys.last_value.failures[0].traceback_text)"]

    def __repr__(self) -> str:
        return f"RunFailedError({self.message!r})"


class SlicesFailedError(SparkpipeError):
    """Slices failed; how each has ended is in it.

    Args:
        outcomes: Of all slices, each with its ``name``, ``status`` and ``error``.
    """

    def __init__(self, outcomes: Sequence[Any]) -> None:
        self.outcomes = tuple(outcomes)
        failed = [one for one in self.outcomes if one.error is not None]
        # Of a slice there is more than one outcome where some of its nodes wait for other slices.
        names = {one.name for one in self.outcomes if one.name or one.error is not None}
        ill = {one.name for one in failed}
        left_out = {one.name for one in self.outcomes if one.status == "not run"} - ill - {""}
        more = f", and {len(left_out)} did not run" if left_out else ""
        lines = [f"{len(ill)} of {len(names)} slices failed{more}."]
        lines += [f"{one.name or 'what runs once'}: {first_line(str(one.error))}" for one in failed]
        shown = lines[: _MOST_SLICES + 1]
        if len(lines) > len(shown):
            shown.append(f"... {len(lines) - len(shown)} more")
        super().__init__("\n".join(shown))
        self.args = (self.outcomes,)

    def tracebacks(self) -> list[tuple[str, str]]:
        """Return the run of each slice that failed, and where in the code it did."""
        told = []
        for one in self.outcomes:
            failures = one.error.failures if isinstance(one.error, RunFailedError) else ()
            texts = [f"{one.name}: {each.message}\n{each.traceback_text}" for each in failures]
            if one.error is not None and not failures:
                texts.append(f"{one.name}: {one.error}")
            told += [(one.run_id, text) for text in texts]
        return told


def tell_lost(names: Sequence[str]) -> str:
    """Return a line that says why completed nodes run again; an empty text if none does.

    >>> tell_lost(["rejects"]).strip()
    "It starts there because 'rejects' was only in memory."
    """
    if not names:
        return ""
    told = listed((f"'{name}'" for name in names), _MOST_LOST)
    verb = "was" if len(names) == 1 else "were"
    return f"\nIt starts there because {told} {verb} only in memory."


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ``Did you mean 'x'?`` for the candidate closest to ``name``, or an empty string.

    >>> did_you_mean("ordres", ["orders", "customers"])
    "Did you mean 'orders'?"
    >>> did_you_mean("ordres", [])
    ''
    """
    from difflib import get_close_matches

    known = {str(candidate).casefold(): str(candidate) for candidate in candidates}
    close = get_close_matches(name.casefold(), known, n=1)
    return f"Did you mean '{known[close[0]]}'?" if close else ""


def told_with_place(exc: BaseException) -> str:
    """Return kind, first line and place of an error in the code of a user."""
    text = first_line(exc)
    return f"{type(exc).__name__}{text and f': {text}'} ({place_of(exc)})"


@contextmanager
def refusing_exits(what: str) -> Iterator[None]:
    """Within it, what ends a process or a task ends only what was called, as an error.

    ``sys.exit(0)`` in a hook would be a success of a run that did nothing.

    Args:
        what: What was called, for the message.

    Raises:
        SparkpipeError: It raised ``SystemExit``, or what else is no plain exception.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as exc:
        raise SparkpipeError(f"{what} raised {told_with_place(exc)}") from exc


def first_line(told: object) -> str:
    r"""Return the first line of a text, or of what an error says.

    >>> first_line("disk full\nat block 7")
    'disk full ...'
    """
    line, _, more = str(told).strip().partition("\n")
    return f"{line} ..." if more else line


def place_of(exc: BaseException) -> str:
    """Return ``in file:line``: where an error was raised, or where the syntax is wrong."""
    import traceback

    if isinstance(exc, SyntaxError) and exc.filename:
        return f"in {exc.filename}:{exc.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(exc.__traceback__)
        if not frame.filename.startswith("<") and "importlib" not in frame.filename
    ]
    # Of what Spark raises, the line that has called Spark is the one to look at.
    own = [frame for frame in frames if f"{os.sep}pyspark{os.sep}" not in frame.filename]
    frames = own or frames
    return f"in {frames[-1].filename}:{frames[-1].lineno}" if frames else "somewhere"


def users_place(exc: BaseException) -> str:
    """Return the line of a user's file from which an error came; empty if it is that of a cell."""
    import traceback
    from pathlib import Path

    not_the_users = {Path(__file__).parent, Path(traceback.__file__).parent}
    frames = [
        frame
        for frame in traceback.extract_tb(exc.__traceback__)
        # A cell has no file; below it are IPython and the standard library.
        if (path := Path(frame.filename)).is_file()
        and not_the_users.isdisjoint(path.parents)
        and not {"site-packages", "dist-packages"}.intersection(path.parts)
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""


_collected: ContextVar[list[SparkpipeError] | None] = ContextVar("_collected", default=None)


@contextmanager
def collecting_errors() -> Iterator[list[SparkpipeError]]:
    """Within it, errors given to :func:`report` are listed instead of raised.

    ``sparkpipe check`` wants all problems of a project's pipelines, not the first one.
    """
    errors: list[SparkpipeError] = []
    token = _collected.set(errors)
    try:
        yield errors
    finally:
        _collected.reset(token)


def report(error: SparkpipeError) -> None:
    """Raise ``error``, or add it to the list of the surrounding :func:`collecting_errors`."""
    collector = _collected.get()
    if collector is None:
        raise error
    collector.append(error)
