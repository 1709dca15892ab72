"""Entries of a catalog: data sets that are made when they are first asked for."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sparkpipe.errors import CredentialsNotFoundError, DataSetError, RegexError
from sparkpipe.io.core import Version
from sparkpipe.io.factory import build_data_set, judged, pattern_problems
from sparkpipe.io.messages import name_error
from sparkpipe.io.patterns import Patterns, filled
from sparkpipe.redaction import secret_credentials
from sparkpipe.slices.marks import marks_in

_logger = logging.getLogger(__name__)


class Entry:
    """A data set that is made from its configuration when first asked for, once for all threads."""

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        credentials: Mapping[str, Any],
        version: Version,
        origin: str,
    ) -> None:
        self._made: Any = None
        self._lock = threading.Lock()
        self._name = name
        self.raw = config
        self._arguments = (credentials, version)
        self.origin = origin

    @cached_property
    def slices(self) -> tuple[str, ...]:
        """The slices on which it depends, and which are not chosen."""
        return marks_in(self.raw)

    @property
    def is_made(self) -> bool:
        """Whether its data set has been asked for."""
        return self._made is not None

    def config(self) -> Mapping[str, Any]:
        """Return the entry as it stands in the configuration."""
        return self.raw

    def data_set(self) -> Any:
        """Return the data set; the same one each time.

        Raises:
            DataSetError: The entry is not possible.
        """
        if self._made is not None:
            return self._made
        with self._lock:
            if self._made is None:
                try:
                    config = self.config()
                    made = build_data_set(config, *self._arguments)
                    self._made = judged(self._name, config, made, self._arguments[0])
                except DataSetError as exc:
                    where = f" ({self.origin})" if self.origin else ""
                    raise name_error(exc, f"Data set '{self._name}'{where}") from exc
            return self._made


class DataSetsByName(dict[str, Any]):
    """The data sets of a catalog; in the place of one that was not asked for yet is its entry.

    Whoever looks into it, as hooks written for Kedro do, gets data sets.
    """

    #: The credentials of the project, by name.
    credentials: Mapping[str, Any] = MappingProxyType({})
    _secrets: frozenset[str] = frozenset()

    def secrets(self) -> frozenset[str]:
        """Return the secrets among the credentials, which no message of a failure may tell."""
        entries = [one.raw for one in dict.values(self) if isinstance(one, Entry)]
        own = [one.get("credentials") for one in entries if isinstance(one, Mapping)]
        inline = [one for one in own if not isinstance(one, str)]
        named = dict(self.credentials)
        known = [named, *named.values(), *inline]
        return self._secrets.union(*map(secret_credentials, known))

    def in_place(self, data_sets: Mapping[str, Any]) -> DataSetsByName:
        """Return other data sets that stand for these, and know the same secrets."""
        other = DataSetsByName(data_sets)
        other._secrets = self.secrets()
        return other

    def kind_of_problem(self) -> type[DataSetError]:
        """Return the error for entries that are not possible: Kedro's, where credentials lack."""
        for name in self:
            try:
                _ = self[name]
            except CredentialsNotFoundError:
                return CredentialsNotFoundError
            except DataSetError:
                continue
        return DataSetError

    def copy(self) -> DataSetsByName:
        """Return another mapping of the same data sets and entries."""
        copied = DataSetsByName()
        dict.update(copied, self)
        copied.__dict__.update(self.__dict__)
        return copied

    def __getitem__(self, name: str) -> Any:
        return _made(super().__getitem__(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a data set, made if need be."""
        return _made(super().get(name, default))

    def pop(self, name: str, *default: Any) -> Any:
        """Take a data set out."""
        return _made(super().pop(name, *default))

    def values(self) -> Any:
        """Return the data sets."""
        return [self[name] for name in self]

    def items(self) -> Any:
        """Return names and data sets."""
        return [(name, self[name]) for name in self]


def secrets_of(catalog: Any) -> frozenset[str]:
    """Return the secrets that a catalog knows; it must not hide why something has failed."""
    known = getattr(catalog, "_data_sets", None)
    try:
        return known.secrets() if isinstance(known, DataSetsByName) else frozenset()
    except Exception:  # credentials of a loader of the user's may be anything
        return frozenset()


def _made(found: Any) -> Any:
    return found.data_set() if isinstance(found, Entry) else found


def names_matching(names: Iterable[str], regex: str) -> list[str]:
    """Return the names in which a regular expression is found, in either case.

    Raises:
        RegexError: It is no regular expression.
    """
    if not regex.strip():
        _logger.warning("An empty regular expression finds no data sets.")
        return []
    try:
        pattern = re.compile(regex, re.IGNORECASE)
    except re.error as exc:
        raise RegexError(f"'{regex}' is no regular expression: {exc}.") from exc
    return [name for name in names if pattern.search(name)]


class PatternEntry(Entry):
    """An entry whose fields are filled by parts of the name of the data set."""

    def __init__(self, values: Mapping[str, str], pattern: str, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.values = values
        self.pattern = pattern

    def config(self) -> Mapping[str, Any]:
        """Return the entry with its fields filled.

        Raises:
            DataSetError: The name has parts that cannot fill them.
        """
        found: Mapping[str, Any] = filled(self.raw, self.values)
        return found


class PatternEntries:
    """The entries that patterns make, one for each name, shared by all copies of a catalog."""

    def __init__(
        self,
        bodies: Mapping[str, Any],
        credentials: Mapping[str, Any],
        load_versions: Mapping[str, str],
        save_version: str,
        origins: Mapping[str, str],
    ) -> None:
        self.bodies = bodies
        self.patterns = Patterns(bodies, origins)
        self.origins = origins
        self._credentials = credentials
        self._load_versions = load_versions
        self._save_version = save_version
        self._entries: dict[str, PatternEntry | None] = {}
        self._lock = threading.Lock()

    def entry(self, name: object) -> PatternEntry | None:
        """Return the entry of a name, the same for all threads; None if no pattern matches."""
        if not isinstance(name, str):
            return None
        try:
            return self._entries[name]
        except KeyError:
            pass
        with self._lock:
            if name not in self._entries:
                self._entries[name] = self._made(name)
            return self._entries[name]

    def entries(self) -> dict[str, PatternEntry]:
        """Return the entries that have been asked for so far."""
        with self._lock:
            return {name: entry for name, entry in self._entries.items() if entry is not None}

    def made(self) -> list[str]:
        """Return the names of data sets that have been made so far."""
        return [name for name, entry in self.entries().items() if entry.is_made]

    def _made(self, name: str) -> PatternEntry | None:
        found = self.patterns.find(name)
        if found is None:
            return None
        pattern, values = found
        origin = self.origins.get(pattern.name)
        return PatternEntry(
            values,
            pattern.name,
            name,
            self.bodies[pattern.name],
            self._credentials,
            Version(self._load_versions.get(name), self._save_version),
            f"pattern '{pattern.name}'{f', {origin}' if origin else ''}",
        )

    def problems(self) -> list[str]:
        """Return what is wrong with the patterns, whatever names they will be asked for."""
        told = []
        for pattern in self.patterns:
            origin = self.origins.get(pattern.name)
            where = f" ({origin})" if origin else ""
            told += [
                f"Pattern '{pattern.name}'{where}: {problem}"
                for problem in pattern_problems(
                    pattern, self.bodies[pattern.name], self._credentials
                )
            ]
        return told


def without_keys(config: Any, *keys: str) -> Any:
    """Return an entry without some of its keys, and so all that is within it."""
    if isinstance(config, Mapping):
        return {key: without_keys(one, *keys) for key, one in config.items() if key not in keys}
    if isinstance(config, (list, tuple)):
        return [without_keys(one, *keys) for one in config]
    return config
