"""Load again what has changed of a project's modules, and only that.

A module is stale if its file has changed, or if it imports from a module that is stale. Stale
modules are taken out of ``sys.modules`` and imported anew, so that objects of the old ones stay
whole: if one of the new ones cannot be imported, the old ones are put back and nothing has changed.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

from sparkpipe.errors import ConfigError, SparkpipeError, told_with_place
from sparkpipe.project import Project

_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class _State:
    """What tells whether a file has changed; None where it is not there."""

    mtime_ns: int
    size: int


class ProjectModules:
    """The modules of a project that are loaded, and how their files were when they were.

    Args:
        project: Its package, and what else lies in its source folder, is looked at.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._states: dict[str, _State | None] = {}
        self._imports: dict[tuple[str, _State], frozenset[str]] = {}
        self._seen_ns = 0
        self.remember()

    def remember(self) -> None:
        """Take the files for what the modules were loaded from."""
        self._seen_ns = time.time_ns()
        self._states = {name: _state_of(module) for name, module in self._loaded().items()}

    def stale(self) -> list[str]:
        """Return the names of the modules to load again, sorted."""
        loaded = self._loaded()
        states = {name: _state_of(module) for name, module in loaded.items()}
        changed = {name for name, state in states.items() if self._has_changed(name, state)}
        if not changed:
            return []
        readers: dict[str, set[str]] = {}
        for name, module in loaded.items():
            for imported in self._imported_by(name, module, states[name]):
                readers.setdefault(imported, set()).add(name)
        stale: set[str] = set()
        to_visit = list(changed)
        while to_visit:
            name = to_visit.pop()
            if name not in stale:
                stale.add(name)
                to_visit.extend(readers.get(name, ()))
        return sorted(stale)

    @contextmanager
    def replaced(self, names: Iterable[str], namespace: MutableMapping[str, Any]) -> Iterator[None]:
        """Within it, these modules are not loaded; at its end they are all loaded again.

        An error, within it or of an import, puts the old modules back.

        Args:
            names: The modules.
            namespace: Where modules, functions and classes that were imported from them are
                replaced by their successors.

        Raises:
            ConfigError: One cannot be imported.
        """
        names = [*names]
        old = {name: sys.modules[name] for name in names}
        parents = [(name, *_attribute_of(name)) for name in names]
        before = set(self._loaded())
        for module in old.values():
            _forget(module)
        importlib.invalidate_caches()
        linecache.checkcache()
        try:
            yield
            for name, module in old.items():
                if _state_of(module) is not None:  # its file is still there
                    _import(name)
            self._bind_children(old)
        except BaseException:
            for name in set(self._loaded()) - before:
                sys.modules.pop(name, None)
            sys.modules.update(old)
            for name, parent, value in parents:
                if parent is not None:
                    setattr(parent, name.rpartition(".")[2], value)
            raise
        _replace_in(namespace, old)

    def _loaded(self) -> dict[str, ModuleType]:
        return {
            name: module
            for name, module in [*sys.modules.items()]
            if isinstance(module, ModuleType) and self._is_own(name, module)
        }

    def _is_own(self, name: str, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        if not file or name == "__main__":
            return False
        if f"{name}.".startswith(f"{self._project.package_name}."):
            return True
        if name.partition(".")[0] == "sparkpipe":
            return False
        source = f"{self._project.source_dir}/"
        return file.startswith(source) and not _INSTALLED.intersection(
            Path(file.removeprefix(source)).parts
        )

    def _has_changed(self, name: str, state: _State | None) -> bool:
        if name in self._states:
            return state != self._states[name]
        # Imported since: from what the file is now, unless it was written since then, too.
        return state is None or state.mtime_ns >= self._seen_ns

    def _imported_by(self, name: str, module: ModuleType, state: _State | None) -> frozenset[str]:
        """Return the modules that one imports from, as its source says; cached by its state."""
        if state is None:
            return frozenset()
        key = (name, state)
        if key not in self._imports:
            self._imports[key] = frozenset(_imports_of(module))
        return self._imports[key]

    def _bind_children(self, replaced: Mapping[str, ModuleType]) -> None:
        """Make modules that stayed attributes of their packages that are new."""
        for name, module in self._loaded().items():
            parent, _, last = name.rpartition(".")
            if parent in replaced and parent in sys.modules:
                new = sys.modules[parent]
                if not hasattr(new, last):
                    setattr(new, last, module)


def _state_of(module: ModuleType) -> _State | None:
    try:
        stat = Path(str(module.__file__)).stat()
    except OSError:
        return None
    return _State(stat.st_mtime_ns, stat.st_size)


def _imports_of(module: ModuleType) -> Iterator[str]:
    try:
        tree = ast.parse(Path(str(module.__file__)).read_bytes())
    except (OSError, SyntaxError, ValueError):  # it is stale itself
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            with suppress(ImportError):
                source = resolve_name(source, module.__package__)
            yield source
            for alias in node.names:
                yield f"{source}.{alias.name}"


def _attribute_of(name: str) -> tuple[ModuleType | None, Any]:
    """Return the parent package of a module, and what it has under the module's last name."""
    parent_name, _, last = name.rpartition(".")
    parent = sys.modules.get(parent_name)
    if parent is None or not hasattr(parent, last):
        return None, None
    return parent, getattr(parent, last)


def _forget(module: ModuleType) -> None:
    sys.modules.pop(module.__name__, None)
    # Compiled code is known by the second and the size of its source, and two versions of a file
    # may have both in common.
    cached = getattr(module, "__cached__", None)
    if cached:
        with suppress(OSError):
            Path(cached).unlink()


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except SparkpipeError:
        raise
    except (Exception, SystemExit) as exc:
        raise ConfigError(f"Importing {name} raised {told_with_place(exc)}") from exc


def _replace_in(namespace: MutableMapping[str, Any], old: Mapping[str, ModuleType]) -> None:
    """Let the names of a namespace stand for what is new."""
    for name, value in [*namespace.items()]:
        if isinstance(value, ModuleType):
            if old.get(value.__name__) is value and value.__name__ in sys.modules:
                namespace[name] = sys.modules[value.__name__]
            continue
        module = getattr(value, "__module__", None)
        own_name = getattr(value, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(own_name, str) or module not in old:
            continue
        new = sys.modules.get(module)
        if getattr(old[module], own_name, None) is value and hasattr(new, own_name):
            namespace[name] = getattr(new, own_name)
