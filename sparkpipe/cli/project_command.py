"""What the commands of a project share: options, and errors in a few lines."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from sparkpipe.cli import project_names
from sparkpipe.cli.interrupt import exit_status
from sparkpipe.cli.streams import echo, echo_error
from sparkpipe.errors import (
    PreflightError,
    RunFailedError,
    SlicesFailedError,
    SparkpipeError,
    refusing_exits,
)
from sparkpipe.redaction import redacted_text
from sparkpipe.words import counted, listed

if TYPE_CHECKING:
    from sparkpipe.project import Project
    from sparkpipe.session import Session

F = TypeVar("F", bound=Callable[..., Any])

# A terminal should show what failed without scrolling; the rest is in the log file.
_MOST_PROBLEMS = 10
_MOST_FAILURES = 3
_MOST_CANCELLED = 5
_MOST_LINES = 3
_MOST_LINES_OF_ONE = 12
_LONGEST_LINE = 1000

_RAISES = "sparkpipe.raises"
_MAY_BE_EMPTY = ("params",)


class ProjectCommand(click.Command):
    """A command that tells an error in a few lines and ends with its exit status."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; an empty option, as of a variable that is not set, is refused."""
        rest = super().parse_args(ctx, args)
        for param in () if ctx.resilient_parsing else self.params:
            name = param.name or ""
            value = ctx.params.get(name)
            if (
                isinstance(param, click.Option)
                and name not in _MAY_BE_EMPTY
                and any(isinstance(one, str) and not one.strip() for one in (value, *_each(value)))
                and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
            ):
                told = "it is empty. Give it a value, or leave it out."
                raise click.BadParameter(told, ctx, param)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it calls of the project may end it, but by no status of its own."""
        with (
            telling_errors(ctx, bool(ctx.params.get("verbose")), "--verbose"),
            refusing_exits(f"'{ctx.command_path}'"),
        ):
            return super().invoke(ctx)


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


@contextmanager
def telling_errors(ctx: click.Context, verbose: bool, more: str) -> Iterator[None]:
    """Show an error raised within in a few lines, and end the command with its exit status.

    Args:
        ctx: The context of the command.
        verbose: Tell all, with tracebacks.
        more: How to ask for that.
    """
    if ctx.meta.get(_RAISES):
        yield
        return
    try:
        yield
    except SparkpipeError as exc:
        show_error(exc, verbose)
        ctx.exit(1 if isinstance(exc, (RunFailedError, SlicesFailedError)) else 2)
    except (click.exceptions.Exit, click.Abort, click.ClickException):
        raise
    except KeyboardInterrupt as exc:
        echo("Interrupted.", err=True, level="ERROR")
        ctx.exit(exit_status(exc))
    except Exception as exc:
        show_unexpected(exc, verbose, more=more)
        ctx.exit(1)


def raise_errors(ctx: click.Context) -> None:
    """Let the command of a context raise its error, as a function does, and not tell it."""
    ctx.meta[_RAISES] = True


def end(ctx: click.Context, status: int, error: BaseException) -> NoReturn:
    """End a command because of an error that has been told: with a status, or by the error itself.

    Args:
        ctx: The context of the command.
        status: The exit status of the process.
        error: What is raised where :func:`raise_errors` was asked for.
    """
    if ctx.meta.get(_RAISES):
        raise error
    raise click.exceptions.Exit(status) from error


def current_project() -> Project:
    """Return the project that the command is for: that of a packaged one, or of this folder.

    Raises:
        ProjectNotFoundError: There is none.
        ConfigError: Its ``pyproject.toml`` is wrong.
    """
    from sparkpipe.project import Project, find_project

    context = click.get_current_context(silent=True)
    packaged = context.find_object(Project) if context is not None else None
    return packaged or find_project()


def package_folder(project: Project) -> Path:
    """Return the folder of a project's package, which need not be there."""
    return project.source_dir.joinpath(*project.package_name.split("."))


def open_session(
    env: str | None,
    conf_source: str | None,
    extra_params: Mapping[str, Any] | None = None,
    defer: str | None = None,
) -> Session:
    """Return a session of the current project.

    Args:
        env: The configuration environment on top of base.
        conf_source: A folder of configuration, or an archive of one.
        extra_params: Parameters on top of those of the files.
        defer: The environment from which is read what the other one has not.

    Raises:
        ConfigError: The project or its configuration is wrong.
    """
    from sparkpipe.session import Session

    session = Session(
        current_project(), env, extra_params, conf_source=conf_source or None, defer=defer
    )
    if session.conf_source is not None:
        click.get_current_context().call_on_close(session.conf_source.close)
    return session


def _refusing_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from sparkpipe.cli.options import text

    return text(ctx, param, value)


def project_options(command: F) -> F:
    """Add the options that every command of a project has."""
    for option in reversed(
        (
            click.option(
                "--env",
                "-e",
                callback=_refusing_empty,
                help="Configuration environment on top of base [local].",
                shell_complete=project_names.environments,
            ),
            click.option(
                "--conf-source",
                callback=_refusing_empty,
                help="Folder of configuration, or a .tar.gz or .zip of one [conf].",
            ),
            click.option("--verbose", "-v", is_flag=True, help="Show all logs and tracebacks."),
        )
    ):
        command = option(command)
    return command


def echo_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with their columns aligned."""
    from sparkpipe.report.text import aligned

    for line in aligned(rows):
        echo(line)


def show_error(
    error: SparkpipeError, verbose: bool, *, every_problem: bool = False, more: str = ""
) -> None:
    """Show an error on standard error, in at most fifteen lines.

    Args:
        error: What to tell.
        verbose: Tell all, with tracebacks.
        every_problem: Tell each problem found before a run, however many there are.
        more: What is told below, such as how to go on.
    """
    if isinstance(error, RunFailedError):
        lines = _failure_lines(error)
        traces = [cause.traceback_text for cause in error.failures]
    elif isinstance(error, PreflightError) and len(error.problems) > 1:
        shown = error.problems[: None if verbose or every_problem else _MOST_PROBLEMS]
        lines = [f"{len(error.problems)} problems were found before anything ran:"]
        lines += [f"  - {_first_lines(problem, 1)}" for problem in shown]
        if len(shown) < len(error.problems):
            left = len(error.problems) - len(shown)
            lines.append(f"  ... {left} more: sparkpipe check, or --verbose")
        traces = [traceback_of(error)]
    else:
        lines = [str(error) if verbose else _first_lines(str(error), _MOST_LINES_OF_ONE)]
        traces = [traceback_of(error)]
    lines += [more] if more else []
    echo_error("\n".join(lines), "\n".join(traces) if verbose else "")


def _failure_lines(error: RunFailedError) -> list[str]:
    lines = [
        f"the run failed: {error.completed} of {counted(error.total, 'node')} done, "
        f"{len(error.failures)} failed."
    ]
    most = _MOST_LINES if len(error.failures) == 1 else _MOST_LINES - 1
    for failure in error.failures[:_MOST_FAILURES]:
        lines.append(_first_lines(failure.message, most))
        if failure.location:
            lines.append(f"  at {failure.location}")
    if len(error.failures) > _MOST_FAILURES:
        lines.append(f"... {len(error.failures) - _MOST_FAILURES} more failures in the log.")
    if error.cancelled:
        shown = listed(error.cancelled, _MOST_CANCELLED)
        lines.append(f"Cancelled because of that: {shown}.")
    return lines


def _first_lines(text: str, most: int) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    shown = "\n".join(
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..."
        for line in lines[:most]
    )
    return shown + (" ..." if len(lines) > most else "")


def show_unexpected(
    error: Exception, verbose: bool, log: str = "", more: str = "--verbose"
) -> None:
    """Show an error that sparkpipe did not raise on purpose: of a hook, of Spark, or a bug."""
    from sparkpipe.spark.failures.judging import spark_reason  # it costs every import

    text = redacted_text(spark_reason(error) or f"{type(error).__name__}: {error}")
    told = _first_lines(text, _MOST_LINES_OF_ONE - 2)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"\n  at {frame.filename}:{frame.lineno} in {frame.name}"
    hint = "" if verbose else f"\nFull traceback: {f'{log}, or ' if log else ''}{more}"
    echo_error(told + where + hint, traceback_of(error) if verbose else "")


def traceback_of(error: BaseException) -> str:
    """Return the traceback of an error, without the secrets of addresses and options in it."""
    return redacted_text("".join(traceback.format_exception(error)))
