"""Why a node failed, told in a few lines."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Collection
from pathlib import Path
from types import CodeType

from sparkpipe.errors import (
    DataSetError,
    NodeCancelledError,
    NodeRunError,
    NodeTimeoutError,
    PipelineError,
    SparkpipeError,
)
from sparkpipe.events import ErrorReport
from sparkpipe.io.core import reason_of
from sparkpipe.pipeline.functions import find_innermost
from sparkpipe.pipeline.node import Node
from sparkpipe.redaction import redacted_text, without
from sparkpipe.spark.databricks import foreign_feature
from sparkpipe.spark.failures import NodeStopped

#: So much of a traceback is kept, of its beginning and its end.
_MOST = 200_000
# Of the user's lines, and of each of them.
_MOST_LINES = 10
_LONGEST_LINE = 200


def node_failure(
    node: Node,
    exc: BaseException,
    *,
    is_loaded: bool = False,
    was_cancelled: bool = False,
    timed_out: bool = False,
    secrets: Collection[str] = (),
) -> NodeRunError:
    """Tell why a node did not end well: what failed, and where in the user's code.

    Args:
        node: The node.
        exc: What one of its steps has raised.
        is_loaded: Whether its inputs had been loaded.
        was_cancelled: Whether its Spark jobs were cancelled by this run.
        timed_out: Whether it was out of its time.
        secrets: What no message may tell, whoever tells it.
    """
    from sparkpipe.spark.failures.judging import is_cancellation, java_stack

    stopped = is_cancellation(exc)
    # Whatever it raised: being stopped shows in many ways.
    if timed_out:
        return NodeTimeoutError(
            f"Node '{node.name}' took longer than its timeout of {node.timeout:g} s. "
            "Give it more time, or find what it waits for.",
            node.name,
        )
    if stopped and (was_cancelled or isinstance(exc, NodeStopped)):
        return NodeCancelledError(f"Node '{node.name}' was cancelled.", node.name)
    hint = exc.hint if isinstance(exc, SparkpipeError) else foreign_feature(exc)
    if isinstance(exc, DataSetError) and not exc.where:
        message = f"Node '{node.name}' {exc.message[:1].lower()}{exc.message[1:]}"
    elif isinstance(exc, PipelineError) and f"'{node.name}'" in exc.message:
        message = exc.message
    elif isinstance(exc, SystemExit):
        message = f"Node '{node.name}' failed: its function called sys.exit({exc.code!r})."
    else:
        message = f"Node '{node.name}' failed: {reason_of(exc)}"
    message = without(secrets, str(SparkpipeError(message, hint=hint)))
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    # What a function returned can be wrong without anything raised in it.
    lines = [
        (place, _cut(without(secrets, redacted_text(line)))) for place, line in _lines(node, exc)
    ]
    location = lines[-1][0] if lines else _definition(node) if is_loaded else ""
    told = without(secrets, redacted_text(_shortened(text + java_stack(exc))))
    return NodeRunError(message, node.name, location, told, lines)


def _shortened(text: str) -> str:
    """Leave out the middle of a very long traceback: of an error that tells all its data."""
    if len(text) <= _MOST:
        return text
    # At a space, for half of a secret would be known as none.
    begin = max(text.rfind(" ", 0, _MOST // 2), 0)
    end = max(text.find(" ", len(text) - _MOST // 2), len(text) - _MOST)
    return f"{text[:begin]}\n[{end - begin:,} characters]\n{text[end:]}"


def _cut(line: str) -> str:
    """Leave out the end of a long line, likewise at a space."""
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[: max(line.rfind(' ', 0, _LONGEST_LINE), 0)]} …".strip()


def report_of(failure: NodeRunError) -> ErrorReport:
    """Return a failure as a plain value, under the class of the error that was raised first."""
    first: BaseException = failure
    seen: set[int] = set()
    # A timeout or a cancellation is told as what it is, not by what stopped the node.
    while type(failure) is NodeRunError and first.__cause__ is not None and id(first) not in seen:
        seen.add(id(first))
        first = first.__cause__
    return ErrorReport(type(first).__name__, failure.message, failure.location, failure.lines)


def _lines(node: Node, exc: BaseException) -> list[tuple[str, str]]:
    """Return the user's lines on the way to the failure, the nearest last: place and source."""
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__
    frames = [frame for error in chain for frame in traceback.walk_tb(error.__traceback__)]
    files = {frame.f_code.co_filename for frame, _ in frames}
    users = {file for file in files if _is_users(file)}
    found = [one for one in frames if one[0].f_code.co_filename in users]
    if not found:
        # A project that is installed as a package: the line of its function, at least.
        code = getattr(find_innermost(node.func), "__code__", None)
        found = [one for one in frames if one[0].f_code is code][-1:]
    told: dict[str, str] = {}
    for frame, number in found:
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        place = f"{_shown_path(file)}:{number} in {name}"
        # What a cause has in common with what it caused is told once, where it is nearest.
        told.pop(place, None)
        told[place] = linecache.getline(file, number or 0, frame.f_globals).strip()
    return [*told.items()][-_MOST_LINES:]


def _definition(node: Node) -> str:
    code = getattr(find_innermost(node.func), "__code__", None)
    if not isinstance(code, CodeType) or not _is_users(code.co_filename):
        return ""
    return f"{_shown_path(code.co_filename)}:{code.co_firstlineno} in {code.co_name}"


_PACKAGE = Path(__file__).resolve().parent.parent


def _is_users(filename: str) -> bool:
    """Whether a file is the user's: neither ours, nor of an installed package, nor of Python."""
    import sysconfig

    if not filename.endswith(".py"):  # code that was compiled, or made while running
        return False
    path = Path(filename).resolve()
    if path.is_relative_to(_PACKAGE):
        return path.is_relative_to(_PACKAGE / "examples")
    installed = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return not any(path.is_relative_to(Path(folder).resolve()) for folder in installed)


def _shown_path(filename: str) -> str:
    path = Path(filename)
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except (ValueError, FileNotFoundError):  # elsewhere, or the working folder has been removed
        return filename
