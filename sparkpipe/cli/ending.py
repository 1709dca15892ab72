"""A command line from its first word to its exit status, whatever happens in between."""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sparkpipe.cli import interrupt
from sparkpipe.cli.streams import echo
from sparkpipe.streams import Streams, standard_streams

if TYPE_CHECKING:
    from sparkpipe.project import Project


def run_to_end(
    command: click.Command,
    args: Sequence[str] | None,
    name: str,
    project: Project | None,
    *,
    takes_signals: bool = True,
) -> int:
    """Run a command line, and return its exit status.

    Args:
        command: The command.
        args: Its options; by default those of this process.
        name: What a user writes before them.
        project: The project that it is for; by default that of the working folder.
        takes_signals: SIGTERM is to interrupt like Ctrl-C. Only on the main thread.

    Returns:
        0; 1 if a run failed; 2 for misuse; 130 after Ctrl-C, 143 after SIGTERM. What cannot be
        printed is told, with 1 where printing was all that was asked for, and 141 where the reader
        has gone.
    """
    with standard_streams() as streams:
        try:
            if not takes_signals:
                return _status_of(command, args, name, project) or _status_of_output(streams)
            with interrupt.ending_on_signals():
                return _status_of(command, args, name, project) or _status_of_output(streams)
        except KeyboardInterrupt as exc:
            echo("Interrupted.", err=True, level="ERROR")
            return interrupt.exit_status(exc)


def _status_of(
    command: click.Command, args: Sequence[str] | None, name: str, project: Project | None
) -> int:
    try:
        ended = command.main(args, prog_name=name, obj=project, standalone_mode=False)
    except click.ClickException as exc:
        told = io.StringIO()
        exc.show(told)
        echo(told.getvalue(), err=True, nl=False, level="ERROR")
        return exc.exit_code
    except click.Abort as exc:
        interrupt.raise_interrupt(exc)
        echo("Aborted.", err=True, level="ERROR")
        return 1
    return ended if type(ended) is int else 0


def _status_of_output(streams: Streams) -> int:
    failure = streams.failure()
    if failure is None:
        return 0
    is_unread = failure.errno == errno.EPIPE  # as by 'head', which has seen enough
    if not is_unread:
        reason = os.strerror(failure.errno) if failure.errno else str(failure)
        told = f"Warning: standard output cannot be written: {reason}."
        echo(told, err=True, level="WARNING")
    if streams.is_work_done:
        return 0
    return 128 + signal.SIGPIPE if is_unread else 1
