"""Bike hire, executable as ``python -m bike_hire``."""

import importlib
from pathlib import Path

from kedro.framework.cli.utils import KedroCliError, load_entry_points
from kedro.framework.project import configure_project


def _find_run_command(package_name):
    try:
        project_cli = importlib.import_module(f"{package_name}.cli")
    except ModuleNotFoundError as exc:
        if f"{package_name}.cli" not in str(exc):
            raise
        for group in load_entry_points("project"):
            if "run" in group.commands:
                return group.commands["run"]
        from kedro.framework.cli.project import run

        return run
    if not hasattr(project_cli, "cli"):
        raise KedroCliError(f"Cannot load commands from {package_name}.cli")
    return project_cli.run


def main(*args, **kwargs):
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    run = _find_run_command(package_name)
    run(*args, **kwargs)


if __name__ == "__main__":
    main()
