"""What the commands of a project share: options, and errors in a few lines."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from sparkpipe.errors import PreflightError, RunFailedError, SparkpipeError

F = TypeVar("F", bound=Callable[..., Any])

# A terminal should show what failed without scrolling; the rest is in the log file.
_MOST_PROBLEMS = 10
_MOST_FAILURES = 3
_MOST_LINES = 3


class ProjectCommand(click.Command):
    """A command that tells an error in a few lines and ends with its exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SparkpipeError as exc:
            show_error(exc, verbose=bool(ctx.params.get("verbose")))
            ctx.exit(1 if isinstance(exc, RunFailedError) else 2)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as exc:
            show_unexpected(exc, verbose=bool(ctx.params.get("verbose")))
            ctx.exit(1)


def project_options(command: F) -> F:
    """Add the options that every command of a project has."""
    for option in reversed(
        (
            click.option("--env", "-e", help="Configuration environment on top of base [local]."),
            click.option("--conf-source", help="Folder of configuration [conf]."),
            click.option("--verbose", "-v", is_flag=True, help="Show all logs and tracebacks."),
        )
    ):
        command = option(command)
    return command


def names(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read an option of names parted by commas; it may be given more than once."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def echo_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def show_error(error: SparkpipeError, verbose: bool) -> None:
    """Tell an error on standard error, in at most fifteen lines unless ``verbose``."""
    if verbose:
        for cause in error.failures if isinstance(error, RunFailedError) else ():
            click.echo(cause.traceback_text, err=True)
        if not isinstance(error, RunFailedError):
            click.echo("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, RunFailedError):
        lines = _failure_lines(error)
    elif isinstance(error, PreflightError) and len(error.problems) > 1:
        shown = error.problems[:_MOST_PROBLEMS] if not verbose else error.problems
        lines = [f"{len(error.problems)} problems were found before anything ran:"]
        lines += [f"  - {_first_lines(problem, 1)}" for problem in shown]
        if len(shown) < len(error.problems):
            lines.append(
                f"  ... {len(error.problems) - len(shown)} more: sparkpipe check --verbose"
            )
    else:
        lines = [str(error)]
    _echo_red("Error: ", "\n".join(lines))


def _failure_lines(error: RunFailedError) -> list[str]:
    lines = [
        f"the run failed: {error.completed} of {error.total} nodes done, "
        f"{len(error.failures)} failed."
    ]
    for failure in error.failures[:_MOST_FAILURES]:
        lines.append(_first_lines(failure.message, _MOST_LINES))
        if failure.location:
            lines.append(f"  at {failure.location}")
    if len(error.failures) > _MOST_FAILURES:
        lines.append(f"... {len(error.failures) - _MOST_FAILURES} more failures in the log.")
    return lines


def _first_lines(text: str, most: int) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[:most]) + (" ..." if len(lines) > most else "")


def show_unexpected(error: Exception, verbose: bool) -> None:
    """Tell an error that is not one of ours: of a hook, or a fault of sparkpipe."""
    if verbose:
        click.echo("".join(traceback.format_exception(error)), err=True)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    _echo_red(
        "Error: ",
        f"{type(error).__name__}: {error}\n  at {frame.filename}:{frame.lineno} in {frame.name}"
        + ("" if verbose else "\nThe whole traceback: --verbose"),
    )


def _echo_red(label: str, text: str) -> None:
    click.echo(click.style(label, fg="red", bold=True) + text, err=True, file=sys.stderr)
