"""The command of a packaged project: ``<package>``, and ``python -m <package>``."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sparkpipe.errors import ConfigError, SparkpipeError

if TYPE_CHECKING:
    from sparkpipe.project import Project


def run_package(package_name: str, args: Sequence[str] | None = None) -> None:
    """Run a project by the name of its package, with the options of ``sparkpipe run``.

    Relative paths start in the working folder. ``conf`` is there too, unless ``--conf-source``
    names another folder or archive. Within the folder of the project it is ``sparkpipe run``.

    Ends the process if the run failed, and only then: notebooks and Databricks take the end of a
    process for a failure.

    Args:
        package_name: The dotted name of the package.
        args: Options; by default those of the command line.
    """
    from sparkpipe.cli.extensions import project_commands
    from sparkpipe.cli.interrupt import ending_on_signals, exit_status
    from sparkpipe.cli.project import show_error
    from sparkpipe.cli.run import run

    try:
        project = packaged_project(package_name)
        command = project_commands(project).get("run", run)
    except SparkpipeError as exc:
        show_error(exc, verbose=False)
        sys.exit(2)
    try:
        # A notebook or service may call this from another thread, where no signal arrives.
        is_main = threading.current_thread() is threading.main_thread()
        with ending_on_signals() if is_main else nullcontext():
            ended = command.main(args, prog_name=package_name, obj=project, standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        ended = exc.exit_code
    except KeyboardInterrupt as exc:
        click.echo("Interrupted.", err=True)
        ended = exit_status(exc)
    if isinstance(ended, int) and ended:
        sys.exit(ended)


def packaged_project(package_name: str) -> Project:
    """Return the project of a package: that of the working folder, or the installed package.

    Raises:
        ConfigError: There is no such package.
    """
    from sparkpipe.cli.extensions import project_here
    from sparkpipe.project import Project

    here = project_here()
    if here is not None and here.package_name == package_name:
        return here
    top = package_name.partition(".")[0]
    spec = find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"There is no package '{top}'.", hint="Install the wheel of the project.")
    folder = Path.cwd()
    source = Path(next(iter(spec.submodule_search_locations))).parent
    return Project(folder, package_name, source, folder / "conf")
