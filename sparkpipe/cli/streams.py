"""What commands print."""

from __future__ import annotations

import os

import click

#: Says how logs are written: ``text``, or ``json`` for a line of JSON each.
FORMAT_VARIABLE = "SPARKPIPE_LOG_FORMAT"


def echo(text: object = "", *, err: bool = False, nl: bool = True, level: str = "INFO") -> None:
    """Print a text with names that may hold anything; nothing in it can steer a terminal.

    Args:
        text: What to print.
        err: Print it on standard error; where logs are JSON, as a line of them.
        nl: End it with a new line.
        level: Of such a line.
    """
    if err and are_logs_json():
        click.echo(as_log_line(str(text), level), err=True)
        return
    from sparkpipe.report.text import printable_lines

    click.echo(printable_lines(str(text)), err=err, nl=nl)


def echo_error(text: str, traceback_text: str = "") -> None:
    """Print on standard error why a command has failed.

    Args:
        text: The reason, and what to do next.
        traceback_text: Where it came from, if that was asked for.
    """
    if are_logs_json():
        click.echo(as_log_line(text, "ERROR", traceback_text), err=True)
        return
    if traceback_text:
        echo(traceback_text, err=True)
    click.secho("Error: ", fg="red", bold=True, err=True, nl=False)
    echo(text, err=True)


def are_logs_json() -> bool:
    """Whether each line on standard error is to be JSON."""
    return os.environ.get(FORMAT_VARIABLE) == "json"


def as_log_line(text: str, level: str = "INFO", traceback_text: str = "") -> str:
    """Return a text as a line of a log in JSON, with the run that this is about.

    Args:
        text: The message.
        level: Its level.
        traceback_text: Where an error came from.
    """
    from sparkpipe.logging import JsonFormatter

    return JsonFormatter().line(text.rstrip("\n"), level, "sparkpipe.cli", traceback_text)
