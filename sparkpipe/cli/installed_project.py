"""A packaged project, run as a command (``<package>``) or as a function (a job, a notebook)."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from sparkpipe.errors import ConfigError, RunFailedError, SparkpipeError, tell_lost

if TYPE_CHECKING:
    from sparkpipe.project import Project


def run_package(package_name: str, args: Sequence[str] | None = None) -> None:
    """Run a project by its package, as a command with the options of ``sparkpipe run``.

    Relative paths start in the working folder. ``conf`` is there too, unless ``--conf-source``
    names another folder or archive. The code is that of the package as it is installed, also
    within the folder of the project.

    Ends the process if the run failed, and only then, with the exit status of ``sparkpipe run``.

    Args:
        package_name: The dotted name of the package.
        args: Options; by default those of the command line.
    """
    from sparkpipe.cli.ending import run_to_end
    from sparkpipe.cli.project_command import show_error

    try:
        project, command = _command_of(package_name)
    except SparkpipeError as exc:
        show_error(exc, verbose=False)
        sys.exit(2)
    # A notebook or service may call this from another thread, where no signal arrives.
    is_main = threading.current_thread() is threading.main_thread()
    status = run_to_end(command, args, package_name, project, takes_signals=is_main)
    if status:
        sys.exit(status)


def run_task(package_name: str, args: Sequence[str] | None = None) -> dict[str, Any]:
    """Run a project like :func:`run_package`, but as a function: it never ends the process.

    For whoever calls a function and looks at how it ends: the task of a job, which takes even
    ``sys.exit(0)`` for a failure, or a notebook. Signals are left to the caller, and so is the
    logging that it had set up.

    Args:
        package_name: The dotted name of the package.
        args: Options of ``sparkpipe run``; by default those of the command line, where a job puts
            the parameters of its task.

    Returns:
        The outputs that the catalog does not hold, by name.

    Raises:
        ConfigError: An option is wrong, or there is no such package.
        PreflightError: All that is wrong; nothing has run.
        RunFailedError: Nodes failed.
    """
    from sparkpipe.cli.project_command import raise_errors

    project, command = _command_of(package_name)
    given = list(sys.argv[1:] if args is None else args)
    try:
        with (
            _own_logging(),
            command.make_context(package_name, given, obj=project) as context,
        ):
            raise_errors(context)
            outputs = command.invoke(context)
    except RunFailedError as exc:
        if exc.resume_from:  # there is no command where a job runs
            exc.hint = "" if "--no-journal" in given else "\nTo continue give --resume."
            exc.hint += f"\nTo continue from there give --from-nodes={','.join(exc.resume_from)}"
            exc.hint += tell_lost(exc.lost)
        raise
    except click.ClickException as exc:
        raise ConfigError(f"{package_name}: {exc.format_message()}") from exc
    except (click.exceptions.Exit, SystemExit) as exc:  # of --help, or of a command of the user's
        status = exc.code if isinstance(exc, SystemExit) else exc.exit_code
        if status:
            raise SparkpipeError(f"{package_name} ended with the exit status {status}.") from exc
        return {}
    return outputs if isinstance(outputs, dict) else {}


def _command_of(package_name: str) -> tuple[Project, click.Command]:
    """Return the project of a package, and its command: a ``run`` of its own, or ours."""
    from sparkpipe.cli.commands.run import run
    from sparkpipe.cli.extensions import project_commands
    from sparkpipe.project.current import project_of
    from sparkpipe.project.importing import as_imported

    project = as_imported(project_of(package_name=package_name))
    return project, project_commands(project).get("run", run)


@contextmanager
def _own_logging() -> Iterator[None]:
    """Within it, logging may be set up anew; then that of the process is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        for handler in [one for one in root.handlers if one not in handlers]:
            root.removeHandler(handler)
            handler.close()
        for handler in [one for one in handlers if one not in root.handlers]:
            root.addHandler(handler)
        root.setLevel(level)
