"""The command ``run``, for a project's own ``cli.py`` and ``__main__.py``."""

from typing import Any

import click

from sparkpipe.cli.commands.run import run as _run
from sparkpipe.cli.project_command import ProjectCommand
from sparkpipe.project.current import current


class _RunOfCurrent(ProjectCommand):
    """Runs the current project, which ``configure_project`` names."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the options."""
        if parent is None:
            extra.setdefault("obj", current().project)
        return super().make_context(info_name, args, parent, **extra)


run = _RunOfCurrent("run", callback=_run.callback, params=_run.params, help=_run.help)

__all__ = ["run"]
