"""What makes a node what it is: code, parameters, options of its data sets, versions of packages.

Two runs of a node with one identity, and one state of its inputs, come to the same, unless its
function reads what no data set tells: a file behind the catalog's back, the time, a random number.
"""

from __future__ import annotations

import gc
import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkpipe.io import DataCatalog, LambdaDataSet
from sparkpipe.io.declared import target_of, unwrapped
from sparkpipe.io.entries import without_keys
from sparkpipe.io.foreign import attribute
from sparkpipe.journal.code import CodeReader, Part
from sparkpipe.journal.digests import digest_of_text
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.node import Node
from sparkpipe.redaction import HIDDEN, is_secret, redacted, redacted_text

#: What an entry of the catalog says for people and other tools.
_WITHOUT_EFFECT = frozenset({"credentials", "metadata", "layer", "warn_below", "preview"})

# Of longer values, and of more of one parameter, only the digest is kept.
_LONGEST = 60
_MOST_VALUES = 50


@dataclass(frozen=True)
class NodeIdentity:
    """What makes a node what it is; what is shown of it holds no secret.

    Attributes:
        code: The parts of its code by their dotted names, its function first.
        wiring: A digest of how its function is called, and of what becomes of what it returns.
        params: A digest of each parameter, as the node reads it.
        values: Short ones of these parameters as they are shown, part by part.
        options: A digest of the entry of each data set, without credentials.
        packages: The versions of the packages that it depends on; empty for one that is not there.
    """

    code: Mapping[str, Part]
    wiring: str
    params: Mapping[str, str]
    values: Mapping[str, str]
    options: Mapping[str, str]
    packages: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is written down."""
        return {
            "code": {name: list(part) for name, part in self.code.items()},
            "wiring": self.wiring,
            "params": dict(self.params),
            "values": dict(self.values),
            "options": dict(self.options),
            "packages": dict(self.packages),
        }


def identify(
    nodes: Iterable[Node],
    catalog: DataCatalog,
    folder: Path | None = None,
    packages: Iterable[str] = (),
    reader: CodeReader | None = None,
) -> dict[str, NodeIdentity]:
    """Return the identities of nodes, by their names.

    Args:
        nodes: The nodes.
        catalog: Has their parameters, and the entries of their data sets.
        folder: That of the project, which may lie elsewhere another time.
        packages: Packages whose code counts, also where they are installed.
        reader: Has read the code of other nodes of this decision.
    """
    with _without_collecting():
        identifier = _Identifier(catalog, folder, reader or CodeReader(packages))
        return {node.name: identifier.identity(node) for node in nodes}


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep the collector from going through the syntax trees again and again: none is a ring."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Identifier:
    """Works out identities; what nodes share, once."""

    def __init__(self, catalog: DataCatalog, folder: Path | None, reader: CodeReader) -> None:
        self._catalog = catalog
        self._folder = "" if folder is None else f"{folder.as_posix().rstrip('/')}/"
        self._reader = reader
        self._params: dict[str, tuple[str, dict[str, str]]] = {}
        self._options: dict[str, str] = {}
        self._packages: dict[str, str] = {}

    def identity(self, node: Node) -> NodeIdentity:
        params: dict[str, str] = {}
        values: dict[str, str] = {}
        options: dict[str, str] = {}
        for name in node.input_names:
            if is_parameter(name):
                params[name], shown = self._param(name)
                values.update(shown)
        for name in (*node.input_names, *node.output_names):
            if not is_parameter(name) and name in self._catalog:
                options[name] = self._option(name)
        return NodeIdentity(
            self._reader.parts(node.func),
            digest_of_text(repr(node)),
            params,
            values,
            options,
            {name: self._version(name) for name in node.depends_on_packages},
        )

    def _param(self, name: str) -> tuple[str, dict[str, str]]:
        found = self._params.get(name)
        if found is None:
            # That there is none is told before anything runs.
            value = self._catalog[name].load() if name in self._catalog else None
            shown = dict(_shown(name, value)) if name in self._catalog else {}
            found = (self._reader.digest(value), shown if len(shown) <= _MOST_VALUES else {})
            self._params[name] = found
        return found

    def _option(self, name: str) -> str:
        if name not in self._options:
            self._options[name] = self._read_option(name)
        return self._options[name]

    def _read_option(self, name: str) -> str:
        data_set = self._catalog[name]
        kind = type(data_set)
        config: Any = self._catalog.config_of(name)
        if config is None:
            config = {"target": target_of(data_set), "told": _described(data_set)}
        config = {key: value for key, value in config.items() if key not in _WITHOUT_EFFECT}
        # Only a digest of it leaves: what looks like a secret counts, too.
        told = self._relative(without_keys(config, "credentials"))
        files = _schema_files(config)
        if files:
            told["content of schema"] = files
        functions = data_set.functions() if isinstance(data_set, LambdaDataSet) else None
        # What it wraps, and of what its partitions are.
        inner = (type(unwrapped(data_set)), attribute(data_set, "_class"))
        return self._reader.digest(
            (f"{kind.__module__}.{kind.__qualname__}", kind, inner, told, functions)
        )

    def _relative(self, value: Any) -> Any:
        """Return configuration with paths as they are in the folder of the project."""
        if isinstance(value, str):
            return value.replace(self._folder, "") if self._folder else value
        if isinstance(value, Mapping):
            return {key: self._relative(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._relative(one) for one in value]
        return value

    def _version(self, package: str) -> str:
        if package not in self._packages:
            try:
                self._packages[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                self._packages[package] = ""
        return self._packages[package]


def _schema_files(config: Mapping[str, Any]) -> list[str]:
    """Return what the files say that hold schemas of an entry."""
    reading = config.get("load_args")
    given = [config.get("schema"), reading.get("schema") if isinstance(reading, Mapping) else None]
    if not any(given):
        return []
    from sparkpipe.schemas.reading import content_of  # few entries have one

    return [text for one in given if (text := content_of(one)) is not None]


def _described(data_set: Any) -> Any:
    """Return what an object tells of itself that no entry has made."""
    describe = attribute(data_set, "_describe")
    try:
        told = describe() if callable(describe) else {}
    except Exception:
        return {}
    return {str(key): redacted(value) for key, value in told.items()} if told else {}


def _shown(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Give the parts of a parameter, each with its name and the words for it."""
    *above, _ = name.rpartition(":")[2].split(".")
    if any(map(is_secret, above)):  # it is a part of what is secret as a whole
        return
    to_visit: list[tuple[str, str, Any]] = [(name, name.rpartition(":")[2], value)]
    count = 0
    while to_visit and count <= _MOST_VALUES:
        label, key, one = to_visit.pop()
        count += 1
        hidden = redacted({key.rpartition(".")[2]: one})[key.rpartition(".")[2]]
        if isinstance(one, Mapping) and one and isinstance(hidden, Mapping):
            prefix = "params:" if label == "parameters" else f"{label}."
            is_hidden = all(one == HIDDEN for one in hidden.values())
            to_visit += [] if is_hidden else [(f"{prefix}{k}", str(k), v) for k, v in one.items()]
            continue
        try:
            told = repr(hidden) if isinstance(hidden, (str, list, tuple, dict)) else str(hidden)
        except ValueError:  # a number of thousands of digits
            continue
        if len(told) <= _LONGEST and hidden != HIDDEN:
            yield label, redacted_text(told)
