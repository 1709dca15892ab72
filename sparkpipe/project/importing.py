"""Import what a project's package defines."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from sparkpipe.errors import ConfigError, SparkpipeError, place_of, told_with_place
from sparkpipe.project.finding import Project
from sparkpipe.spark.databricks import foreign_feature
from sparkpipe.spark.unstarted import hint_without_session


def make_importable(project: Project) -> None:
    """Put the source folder of a project first on the path of imports.

    An editable install puts it last, where what spark-submit ships for the executors hides it.
    """
    folder = str(project.source_dir)
    if folder not in sys.path[:1]:
        sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]


def as_imported(project: Project) -> Project:
    """Return a project with the source of its package that this process has imported already.

    The command of an installed project comes with its code, also in the folder of the source.
    """
    found = getattr(sys.modules.get(project.package_name), "__path__", ())
    for path in found:
        source = Path(path).resolve()
        for _ in project.package_name.split("."):
            source = source.parent
        return replace(project, source_dir=source)
    return project


def import_from(project: Project, name: str) -> ModuleType | None:
    """Import a module of a project's package; None if it is not there.

    Raises:
        ConfigError: It cannot be imported, or the package of another project was imported before.
    """
    make_importable(project)
    module = import_module(f"{project.package_name}.{name}")
    if module is not None:
        refuse_other_package(project)
    return module


def refuse_other_package(project: Project) -> None:
    """Refuse to work with the package of another project that has the same name."""
    expected = project.source_dir.joinpath(*project.package_name.split("."))
    found = getattr(sys.modules[project.package_name], "__path__", ())
    if expected.is_dir() and not any(Path(path).resolve() == expected for path in found):
        raise ConfigError(
            f"The package '{project.package_name}' of {project.path} cannot be imported: this "
            f"process has one of the same name, from {', '.join(found) or 'elsewhere'}.",
            hint="Run each project in a process of its own, or rename one package.",
        )


def refuse_unreadable(folder: Path) -> None:
    """Refuse a folder of modules that cannot be looked into: Python takes it for an empty one.

    Raises:
        ConfigError: It is there, and cannot be read.
    """
    try:
        with os.scandir(folder):
            (folder / "__init__.py").exists()
    except (FileNotFoundError, NotADirectoryError):  # it is gone, or within an archive
        return
    except OSError as exc:
        raise ConfigError(f"{folder} cannot be read: {exc.strerror}.") from exc


def import_module(name: str) -> ModuleType | None:
    """Import a module; None if it is not there."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            for folder in getattr(sys.modules.get(name.rpartition(".")[0]), "__path__", ()):
                refuse_unreadable(Path(folder))
            return None
        raise ConfigError(
            f"Importing {name} failed: there is no module '{exc.name}' (imported {place_of(exc)}).",
            hint=foreign_feature(exc) or "Install it, or check the spelling.",
        ) from exc
    except SparkpipeError:
        raise
    except (Exception, SystemExit) as exc:  # a script that ends itself must not end this one
        raise ConfigError(
            f"Importing {name} raised {told_with_place(exc)}",
            hint=foreign_feature(exc) or hint_without_session(exc),
        ) from exc
