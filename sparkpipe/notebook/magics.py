"""The magics of the extension."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from IPython.core.magic import Magics, line_magic, magics_class

from sparkpipe.cli.options import parameters, relation_options, selection_options
from sparkpipe.cli.slicing import run_slices, slice_options
from sparkpipe.errors import (
    ConfigError,
    ProjectNotFoundError,
    RunFailedError,
    did_you_mean,
    tell_lost,
    users_place,
)
from sparkpipe.notebook.node_code import find_node, node_code
from sparkpipe.notebook.spark_name import SparkOnFirstUse
from sparkpipe.notebook.state import Notebook
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.pipeline import Pipeline
    from sparkpipe.session import Relation

NAME = "SparkpipeMagics"
_MAGICS = ("reload_sparkpipe", "run_pipeline", "load_node")


def _given(**options: Any) -> dict[str, Any]:
    return options


def _command(name: str, about: str, *parts: Any) -> click.Command:
    callback: Any = _given
    for part in reversed(parts):
        callback = part(callback)
    return click.command(name, help=about)(callback)


_RELOAD = _command(
    "%reload_sparkpipe",
    "Take changed code and configuration; or load the project of another folder. An option that is "
    "not given stays as it was.",
    click.argument("path", required=False),
    click.option("--env", "-e", help="Configuration environment on top of base [local]."),
    click.option("--params", multiple=True, help="Parameters: a.b:1,c:text"),
)
_RUN = _command(
    "%run_pipeline",
    "Run a pipeline, or the part of it that the given filters all keep, and return what the "
    "catalog does not hold.",
    click.argument("name", required=False),
    selection_options,
    relation_options,
    slice_options,
    click.option("--no-journal", is_flag=True, help="Do not write the run down."),
    click.option("--no-progress", is_flag=True, help="Do not show how far the run is."),
)
_LOAD = _command(
    "%load_node",
    "Write a cell that loads the inputs of a node and has the body of its function.",
    click.argument("name"),
)
_COMMANDS = {"reload_sparkpipe": _RELOAD, "run_pipeline": _RUN, "load_node": _LOAD}


# IPython leaves the line as it is where it does not know a variable.
_VARIABLE = re.compile(r"\{([^\W\d]\w*)\}")


def _parsed(command: click.Command, line: str, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the options of a line; None if it asks for help, which is printed.

    Args:
        command: The magic.
        line: What is given to it.
        known: The variables of the notebook.

    Raises:
        ConfigError: It has an option that is none, or none that is needed; or names a variable
            that the notebook does not have.
    """
    name = str(command.name)
    for variable in _VARIABLE.findall(line):
        if variable not in known:
            raise ConfigError(
                f"{name}: the notebook has no variable '{variable}'.",
                hint=did_you_mean(variable, [one for one in known if one[:1] != "_"]),
            )
    hint = f"See {name} --help"
    try:
        given = command.main(shlex.split(line), prog_name=name, standalone_mode=False)
    except ValueError as exc:
        raise ConfigError(f"{name}: {exc}.", hint="Put what has spaces into quotes.") from exc
    except click.ClickException as exc:
        told = exc.format_message()
        stop = "" if told.endswith((".", "?", "?)")) else "."
        raise ConfigError(f"{name}: {told}{stop}", hint=hint) from exc
    return given if isinstance(given, dict) else None


def _resuming(line: str, resume_from: tuple[str, ...]) -> str:
    from sparkpipe.cli.commands.run import resume_command

    with _RUN.make_context(_RUN.name, shlex.split(line)) as context:
        return resume_command(context, resume_from)


def _show_place_only(exc: KeyboardInterrupt) -> None:
    """Let IPython show where an interrupt met the user's code, and not all frames of the run."""
    place = users_place(exc)
    lines = ["\x1b[31mKeyboardInterrupt\x1b[0m: the run was interrupted."]
    vars(exc)["_render_traceback_"] = lambda: [*lines, *([f"  at {place}"] if place else [])]


@magics_class
class SparkpipeMagics(Magics):
    """The magics, and the project that they work for."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._variables: Mapping[str, Any] = shell.user_ns
        self.notebook = Notebook(shell.user_ns)
        self.on_first_use = SparkOnFirstUse(
            self.notebook.lacks_spark,
            f"get_ipython().magics_manager.registry[{NAME!r}].notebook.provide_spark()",
        )

    @line_magic
    def reload_sparkpipe(self, line: str) -> None:
        """Take changed code and configuration: ``%reload_sparkpipe [path] [--env e] [--params p]``.

        ``--help`` shows what can be given.

        Raises:
            ConfigError: The project, or what was given, is wrong; all stays as it was.
            PreflightError: More than one thing is wrong with the project; all stays as it was.
        """
        given = _parsed(_RELOAD, line, self._variables)
        if given is None:
            return
        params = parameters(given["params"]) if given["params"] else None
        again = self.notebook.open(given["path"], given["env"], params)
        session = self.notebook.session
        count = f"{counted(len(again), 'module')} loaded again"
        print(f"Project '{session.project.project_name}': {count}.")  # noqa: T201

    @line_magic
    def run_pipeline(self, line: str) -> Any:
        """Run a pipeline: ``%run_pipeline name --from-nodes x``, with the options of a run.

        ``--help`` shows them.

        Returns:
            The outputs that the catalog does not hold, by name.

        Raises:
            ConfigError: What was given is wrong.
            PreflightError: All that is wrong with the pipeline; nothing has run.
            RunFailedError: Nodes failed.
            SlicesFailedError: Slices failed.
        """
        from sparkpipe.session import Relation

        given = _parsed(_RUN, line, self._variables)
        if given is None:
            return None
        name, pipeline = given.pop("name"), given.pop("pipeline")
        if name and pipeline and name != pipeline:
            raise ConfigError(
                f"%run_pipeline runs one pipeline, not both '{name}' and '{pipeline}'."
            )
        params = parameters(given.pop("params"))
        relation = Relation.taken_from({**given, "journal": not given.pop("no_journal")})
        given = {name: value for name, value in given.items() if not hasattr(relation, name)}
        session = self.notebook.session_with(params)
        try:
            return self._run(session, name or pipeline, params, relation, given)
        except RunFailedError as exc:
            if exc.resume_from:
                exc.hint = "\nTo continue: %run_pipeline --resume" if relation.journal else ""
                exc.hint += f"\nTo continue from there: {_resuming(line, exc.resume_from)}"
                exc.hint += tell_lost(exc.lost)
            raise
        except KeyboardInterrupt as exc:
            _show_place_only(exc)
            raise

    def _run(
        self,
        session: Any,
        name: str | None,
        params: dict[str, Any],
        relation: Relation,
        given: dict[str, Any],
    ) -> Any:
        from sparkpipe.cli.commands.run import result_rows
        from sparkpipe.events import observing
        from sparkpipe.notebook.result import RunResult
        from sparkpipe.report.summary import RunSummary
        from sparkpipe.runner import DryRunner
        from sparkpipe.session import Selection

        del given["config"]  # what the file says is among the options
        runner, load_versions = given.pop("runner"), given.pop("load_versions")
        options = {
            key: given.pop(key) for key in ("is_async", "max_workers", "continue_on_failure")
        }
        options |= {"load_versions": load_versions, "relation": relation}
        options |= {"run_params": params}  # those of the notebook may be for other pipelines
        no_progress = given.pop("no_progress")
        slices, at_once, fail_fast = (
            given.pop(key) for key in ("slices", "slices_at_once", "fail_fast")
        )
        if slices:
            sliced = session.prepare_slices(slices, Selection(name, **given), runner, **options)
            return run_slices(sliced, at_once, fail_fast=fail_fast, no_progress=no_progress)
        prepared = session.prepare(Selection(name, **given), runner, **options)
        if isinstance(prepared.runner, DryRunner):
            prepared.run()
            print(prepared.pipeline.describe(names_only=False))  # noqa: T201
            return None
        summary = RunSummary()
        watching = [summary] if no_progress else [summary, self._progress()]
        with observing(*watching):
            outputs = prepared.run()
        return RunResult(
            outputs,
            prepared.run_params["pipeline_name"],
            summary.seconds,
            summary.reports,
            result_rows(prepared, outputs, summary.reports),
            summary.advice,
            summary.record,
        )

    def _progress(self) -> Any:
        if hasattr(self.shell, "kernel"):
            from sparkpipe.notebook.progress import NotebookProgress

            return NotebookProgress()
        from sparkpipe.report.display import RunDisplay
        from sparkpipe.spark.jobs.run import current_task_counts

        return RunDisplay(current_task_counts)

    @line_magic
    def load_node(self, line: str) -> None:
        """Write a cell that loads a node's inputs and has its function's body: ``%load_node name``.

        Raises:
            ConfigError: No pipeline has such a node.
        """
        given = _parsed(_LOAD, line, self._variables)
        if given is None:
            return
        session = self.notebook.session
        pipeline_name, node = find_node(session.pipelines, given["name"])
        code = node_code(node, pipeline_name, session.catalog)
        if "DATABRICKS_RUNTIME_VERSION" in os.environ:  # its notebooks add no cells
            print(code)  # noqa: T201
        else:
            assert self.shell is not None
            self.shell.set_next_input(code)

    def complete(self, line: str, symbol: str) -> list[str]:
        """Return what a word of a magic's line may become.

        Args:
            line: The line.
            symbol: The word.
        """
        words = line.split()
        if not words or words[0].lstrip("%") not in _COMMANDS:
            return []
        command = _COMMANDS[words[0].lstrip("%")]
        options = [name for param in command.params for name in param.opts if name[:2] == "--"]
        if symbol.startswith("-"):
            return [name for name in options if name.startswith(symbol)]
        before = words[-1] if line.endswith(" ") else words[-2] if len(words) > 1 else ""
        return sorted(n for n in self._candidates(command, before) if n.startswith(symbol))

    def _candidates(self, command: click.Command, before: str) -> Iterable[str]:
        from sparkpipe.session import RUNNERS

        pipelines: Mapping[str, Pipeline] = self.notebook.session.pipelines
        nodes = {node.name for one in pipelines.values() for node in one.nodes}
        if command is _LOAD:
            return nodes
        if command is _RELOAD:
            return ()
        by_option: dict[str, Iterable[str]] = {
            "node": nodes,
            "tag": {tag for one in pipelines.values() for tag in one.tags},
            "input": {name for one in pipelines.values() for name in one.all_inputs()},
            "output": {name for one in pipelines.values() for name in one.all_outputs()},
            "runner": RUNNERS,
        }
        if not before.startswith("-"):
            return pipelines
        ending = before.lstrip("-").removeprefix("from-").removeprefix("to-").removesuffix("s")
        return by_option.get(ending, pipelines if ending == "pipeline" else ())


def _complete(shell: Any, event: Any) -> list[str]:
    from sparkpipe.errors import SparkpipeError

    magics = shell.magics_manager.registry.get(NAME)
    try:
        return magics.complete(event.line, event.symbol) if magics is not None else []
    except SparkpipeError:  # told when the line runs
        return []


def install(shell: Any) -> None:
    """Add the magics to a shell, and load the project of its folder.

    Args:
        shell: A shell of IPython.

    Raises:
        ConfigError: The project is wrong.
        PreflightError: More than one thing is.
    """
    magics = SparkpipeMagics(shell)
    shell.register_magics(magics)
    shell.ast_transformers.append(magics.on_first_use)
    for name in _MAGICS:
        for key in (name, f"%{name}"):
            shell.set_hook("complete_command", _complete, str_key=key)
    try:
        magics.notebook.open()
    except ProjectNotFoundError as exc:
        # A notebook may lie outside of its project, and name it in the next cell.
        print(exc, file=sys.stderr)  # noqa: T201


def remove(shell: Any) -> None:
    """Take the magics and the names of the extension out of a shell.

    Args:
        shell: A shell of IPython.
    """
    magics = shell.magics_manager.registry.pop(NAME, None)
    if magics is None:
        return
    magics.notebook.close()
    shell.ast_transformers.remove(magics.on_first_use)
    for name in _MAGICS:
        shell.magics_manager.magics["line"].pop(name, None)
