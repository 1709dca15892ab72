"""Load again what has changed of a project's modules, and only that.

A module is stale if the content of its file has changed, or if it imports from a module that is
stale. Stale modules are taken out of ``sys.modules`` and imported anew, so that objects of the old
ones stay whole: if one of the new ones cannot be imported, the old ones are put back and nothing
has changed.

Nothing here goes by the clock. Two versions of a file may have their time and their size in common,
so files are compared by what is in them, and modules are compiled from their source, whatever
compiled code lies beside it.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import cache_from_source, resolve_name
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from sparkpipe.errors import ConfigError, SparkpipeError, told_with_place
from sparkpipe.project import Project

_INSTALLED = {"site-packages", "dist-packages"}


class ProjectModules:
    """The modules of a project that are loaded, and how their files were when they were.

    Args:
        project: Its package, and what else lies in its source folder, is looked at.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._seen: dict[str, bytes | None] = {}
        self._imports: dict[tuple[str, bytes], frozenset[str]] = {}
        self.remember()

    def remember(self) -> None:
        """Take the files for what the modules were loaded from, or will be loaded from."""
        name = self._project.package_name
        # An installed package lies elsewhere than in the source folder of its project.
        folders = {
            str(self._project.source_dir.joinpath(*name.split("."))),
            *getattr(sys.modules.get(name), "__path__", ()),
        }
        files = {str(path) for folder in folders for path in Path(folder).rglob("*.py")}
        files.update(str(module.__file__) for module in self._loaded().values())
        self._seen = {file: _digest(file) for file in files}

    def stale(self) -> list[str]:
        """Return the names of the modules to load again, sorted."""
        loaded = self._loaded()
        digests = {name: _digest(str(module.__file__)) for name, module in loaded.items()}
        changed = {
            name
            for name, module in loaded.items()
            # Of a file that is new nobody knows whether it was written again since it was loaded.
            if (digest := digests[name]) is None or self._seen.get(str(module.__file__)) != digest
        }
        if not changed:
            return []
        readers: dict[str, set[str]] = {}
        for name, module in loaded.items():
            for imported in self._imported_by(name, module, digests[name]):
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

        Whatever is loaded of the project in between is compiled from its source. An error, within
        it or of an import, puts the old modules back.

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
        for name in names:
            del sys.modules[name]
        importlib.invalidate_caches()
        linecache.checkcache()
        try:
            with _compiling(self._is_own):
                yield
                for name, module in old.items():
                    if Path(str(module.__file__)).exists():
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
            if isinstance(module, ModuleType)
            and self._is_own(name, getattr(module, "__file__", None))
        }

    def _is_own(self, name: str, file: str | None) -> bool:
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

    def _imported_by(self, name: str, module: ModuleType, digest: bytes | None) -> frozenset[str]:
        """Return the modules that one imports from, as its source says; cached by its content."""
        if digest is None:
            return frozenset()
        key = (name, digest)
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


class _SourceLoader(SourceFileLoader):
    """Compiles a module from its source, and leaves no compiled code that may be of another."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        path = self.get_filename(fullname)
        with suppress(OSError, NotImplementedError):
            Path(cache_from_source(path)).unlink()
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _SourceFinder(MetaPathFinder):
    """Finds modules as those after it do, and lets those of a project be compiled anew."""

    def __init__(self, is_own: Callable[[str, str | None], bool]) -> None:
        self._is_own = is_own

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module; None if it is not the project's."""
        for finder in [one for one in sys.meta_path if one is not self]:
            found = getattr(finder, "find_spec", None)
            spec = found(fullname, path, target) if found is not None else None
            if spec is None:
                continue
            if type(spec.loader) is SourceFileLoader and self._is_own(fullname, spec.origin):
                spec.loader = _SourceLoader(fullname, str(spec.origin))
                return spec  # type: ignore[no-any-return]
            return None
        return None


@contextmanager
def _compiling(is_own: Callable[[str, str | None], bool]) -> Iterator[None]:
    """Within it, modules of a project are loaded from their source alone."""
    finder = _SourceFinder(is_own)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _digest(file: str) -> bytes | None:
    """Return what tells whether the content of a file has changed; None where it is not there."""
    try:
        return blake2b(Path(file).read_bytes(), digest_size=16).digest()
    except OSError:
        return None


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
