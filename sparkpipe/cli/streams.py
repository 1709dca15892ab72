"""What commands print."""

from __future__ import annotations

import click


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text with names that may hold anything; nothing in it can steer a terminal.

    Args:
        text: What to print.
        err: Print it on standard error.
        nl: End it with a new line.
    """
    from sparkpipe.report.text import printable_lines

    click.echo(printable_lines(str(text)), err=err, nl=nl)
