"""Modules of a project, told from what is installed, and found without being imported."""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

#: Where packages are installed.
_INSTALLED = tuple(
    {
        str(Path(place).resolve())
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        if (place := sysconfig.get_path(name))
    }
)
_FOLDERS_OF_INSTALLED = {"site-packages", "dist-packages"}

#: What a script or a notebook is called, in its own process and in those that it starts.
_PROGRAMS = ("__main__", "__mp_main__")


class OwnModules:
    """Which modules are of the project.

    Args:
        packages: Packages that are, also where they are installed.
    """

    def __init__(self, packages: Iterable[str] = ()) -> None:
        self._packages = tuple(packages)
        self._known: dict[str, bool] = {}

    def has(self, module: str, file: str = "") -> bool:
        """Whether a module is of the project.

        Args:
            module: Its name.
            file: Where it may lie, if it is not loaded.
        """
        known = self._known.get(module)
        if known is None:
            known = self._known[module] = self._find(module, file)
        return known

    def _find(self, module: str, file: str) -> bool:
        if any(f"{module}.".startswith(f"{package}.") for package in self._packages):
            return True
        if module in _PROGRAMS:
            return True
        root, _, below = module.partition(".")
        if root == "sparkpipe" or root in sys.stdlib_module_names:
            return False
        # Most of what is imported is installed, and its root tells that.
        if below and (file_of(root) or folders_of(root)) and not self.has(root):
            return False
        # A package may be a folder without a file.
        file = file_of(module) or file or next(iter(folders_of(module)), "")
        if not file or file.startswith("<"):
            return False
        if not _FOLDERS_OF_INSTALLED.isdisjoint(Path(file).parts):
            return False
        return not str(Path(file).resolve()).startswith(_INSTALLED)

    def imported_by(
        self, statement: ast.Import | ast.ImportFrom, scope: Mapping[str, Any]
    ) -> Iterator[str]:
        """Give the modules of the project that an import statement may import.

        Args:
            statement: The statement.
            scope: What the module in which it stands holds.
        """
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names if self.has(alias.name))
            return
        module = named_by(statement, scope)
        if module and self.has(module):
            yield module
            below = (f"{module}.{alias.name}" for alias in statement.names)
            yield from (name for name in below if file_of(name))


@functools.cache
def version_of(package: str) -> str:
    """Return the version of an installed package; empty for what comes with Python.

    Args:
        package: The package as it is imported.
    """
    if package in sys.stdlib_module_names:
        return ""
    try:
        return importlib.metadata.version(package)
    except Exception:  # what it was installed as has another name
        return str(getattr(sys.modules.get(package), "__version__", ""))


def shown_module(module: str) -> str:
    """Return the name of a module, the same in the processes that it starts."""
    return _PROGRAMS[0] if module in _PROGRAMS else module


def shown_file(module: str, file: str) -> str:
    """Return a file as its module is imported, the same wherever the project lies."""
    path = Path(file)
    if module in _PROGRAMS or not file:
        return path.name
    parts = module.split(".")
    return "/".join([*(parts if path.stem == "__init__" else parts[:-1]), path.name])


def contents_of(module: str) -> Mapping[str, Any]:
    """Return what a module holds; nothing if it is not loaded."""
    return vars(sys.modules[module]) if module in sys.modules else {}


def named_by(statement: ast.ImportFrom, scope: Mapping[str, Any]) -> str:
    """Return the module that ``from ... import`` names; empty if there is none.

    Args:
        statement: The statement.
        scope: What the module in which it stands holds.
    """
    if not statement.level:
        return str(statement.module)
    package = scope.get("__package__") or str(scope.get("__name__", "")).rpartition(".")[0]
    relative = "." * statement.level + (statement.module or "")
    try:
        return importlib.util.resolve_name(relative, package)
    except ImportError:
        return ""


def file_of(module: str) -> str:
    """Return the source file of a module without importing it; empty if it has none."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        return str(getattr(loaded, "__file__", None) or "")
    spec = _spec_of(module)
    return str(spec.origin or "") if spec is not None and spec.has_location else ""


def folders_of(module: str) -> list[str]:
    """Return where the modules below a package lie, which may have no file of its own."""
    if module in sys.modules:
        return [*map(str, getattr(sys.modules[module], "__path__", None) or ())]
    parent, _, name = module.rpartition(".")
    folders = (Path(place, name) for place in (folders_of(parent) if parent else sys.path))
    return [str(folder) for folder in folders if folder.is_dir()]


def _spec_of(module: str) -> importlib.machinery.ModuleSpec | None:
    parent = module.rpartition(".")[0]
    places = folders_of(parent) if parent else None
    if parent and not places:
        return None
    try:
        return importlib.machinery.PathFinder.find_spec(module, places)
    except (ImportError, ValueError, KeyError):  # of a folder without a file, for one
        return None
