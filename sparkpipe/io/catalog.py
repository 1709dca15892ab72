"""The catalog: data sets by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from sparkpipe.errors import (
    DataSetAlreadyExistsError,
    DataSetError,
    DataSetNotFoundError,
    did_you_mean,
)
from sparkpipe.io.attributes import DataSets
from sparkpipe.io.core import Version, generate_timestamp, has_load_and_save
from sparkpipe.io.declared import is_confirmable, problems_of
from sparkpipe.io.entries import DataSetsByName, Entry, PatternEntries, names_matching, secrets_of
from sparkpipe.io.factory import has_versions
from sparkpipe.io.for_run import at_asked_version
from sparkpipe.io.memory import MemoryDataSet
from sparkpipe.io.messages import could_not, failed, kind_of
from sparkpipe.io.patterns import filled, is_pattern
from sparkpipe.io.unchosen import UnchosenSlice, unchosen
from sparkpipe.io.working import lent
from sparkpipe.redaction import redacted_text

_logger = logging.getLogger(__name__)

Layers = dict[str, set[str]]


class DataCatalog:
    """Data sets by name; also a mapping of name to data set. Safe to use from many threads.

    Args:
        data_sets: Data sets by name.
        feed_dict: Data by name, each kept in memory.
        layers: Names of data sets by layer, for tools that draw them.
        dataset_patterns: Entries by pattern, for names that are not among the data sets; see
            :mod:`sparkpipe.io.patterns`.
        load_versions: Version to load, by name of a data set that a pattern makes.
        save_version: Version under which versioned data sets of patterns save.

    >>> catalog = DataCatalog(feed_dict={"xs": [1, 2, 3]})
    >>> catalog.load("xs")
    [1, 2, 3]
    >>> "xs" in catalog, list(catalog)
    (True, ['xs'])
    """

    def __init__(
        self,
        data_sets: Mapping[str, Any] | None = None,
        feed_dict: Mapping[str, Any] | None = None,
        layers: Mapping[str, set[str]] | None = None,
        dataset_patterns: Mapping[str, Mapping[str, Any]] | None = None,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
    ) -> None:
        self._data_sets = DataSetsByName()
        self._origins: Mapping[str, str] = {}
        self._layers = {layer: set(names) for layer, names in (layers or {}).items()}
        self._patterned: PatternEntries | None = None
        if dataset_patterns:
            self._patterned = PatternEntries(
                dataset_patterns,
                {},
                load_versions or {},
                save_version or generate_timestamp(),
                {},
            )
        self._scope: Callable[[], AbstractContextManager[object]] | None = None
        self.add_all(data_sets or {})
        self.add_feed_dict(feed_dict or {})

    @classmethod
    def from_config(
        cls,
        catalog: Mapping[str, Mapping[str, Any]] | None,
        credentials: Mapping[str, Any] | None = None,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
    ) -> DataCatalog:
        """Make a catalog of configuration.

        Args:
            catalog: Entry by name of data set: ``type`` and its options.
            credentials: Credentials by the names that entries use.
            load_versions: Version to load, by name of a versioned data set.
            save_version: Version under which versioned data sets save; by default the time.

        Raises:
            DataSetError: Entries are not possible; all of them are named.
        """
        made = cls.from_config_lazily(catalog, credentials, load_versions, save_version)
        problems = made.problems()
        if problems:
            raise made._data_sets.kind_of_problem()("\n".join(problems))
        return made

    @classmethod
    def from_config_lazily(
        cls,
        catalog: Mapping[str, Mapping[str, Any]] | None,
        credentials: Mapping[str, Any] | None = None,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
        origins: Mapping[str, str] | None = None,
    ) -> DataCatalog:
        """Like :meth:`from_config`, but an entry is looked at when it is first asked for.

        Args:
            catalog: See :meth:`from_config`.
            credentials: See :meth:`from_config`.
            load_versions: See :meth:`from_config`.
            save_version: See :meth:`from_config`.
            origins: File and line of each entry, for messages.

        Raises:
            DataSetNotFoundError: A load version names a data set that is not there.
            DataSetError: A load version names a data set that is not versioned, or patterns are
                not possible.
        """
        credentials = {} if credentials is None else credentials
        load_versions = load_versions or {}
        save_version = save_version or generate_timestamp()
        origins = origins or {}
        made = cls()
        made._origins = origins
        made._data_sets.credentials = credentials
        patterns: dict[str, Any] = {}
        for name, config in (catalog or {}).items():
            if str(name).startswith("_"):
                continue
            if is_pattern(name):
                patterns[name] = config
                continue
            version = Version(load_versions.get(name), save_version)
            made._data_sets[name] = Entry(name, config, credentials, version, origins.get(name, ""))
            if isinstance(config, Mapping) and config.get("layer") is not None:
                made._layers.setdefault(str(config["layer"]), set()).add(name)
        if patterns:
            made._patterned = PatternEntries(
                patterns, credentials, load_versions, save_version, origins
            )
        for name in load_versions:
            made._check_versioned(name)
        return made

    def _check_versioned(self, name: str) -> None:
        """Refuse a load version for what has none."""
        entry = self._entry(name)
        if not isinstance(entry, Entry):
            raise DataSetNotFoundError(
                f"A load version is given for '{name}', which is not in the catalog.",
                hint=did_you_mean(name, self._data_sets),
            )
        if not has_versions(entry.raw):
            raise DataSetError(
                f"A load version is given for '{name}', which is not versioned.",
                hint="Add 'versioned: true' to its entry, or leave out the version.",
            )

    @property
    def layers(self) -> Layers | None:
        """Names of data sets by the ``layer:`` of their entries; None if no entry has one."""
        layers = {layer: set(names) for layer, names in self._layers.items()}
        for name, entry in (self._patterned.entries() if self._patterned else {}).items():
            layer = entry.raw.get("layer") if isinstance(entry.raw, Mapping) else None
            if layer is not None:
                with suppress(DataSetError):  # told when the data set is made
                    layers.setdefault(str(filled(layer, entry.values)), set()).add(name)
        return layers or None

    @property
    def datasets(self) -> DataSets:
        """The data sets as attributes: ``catalog.datasets.orders``."""
        return DataSets(self)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns in order of precedence: the first that matches a name makes its data set."""
        return tuple(p.name for p in self._patterned.patterns) if self._patterned else ()

    def match_pattern(self, name: str) -> str | None:
        """Return the pattern that makes the data set of a name; None for entries and unknown names.

        >>> catalog = DataCatalog.from_config({"{layer}.{table}": {"type": "MemoryDataSet"}})
        >>> catalog.match_pattern("raw.orders"), catalog.match_pattern("orders")
        ('{layer}.{table}', None)
        """
        if name in self._data_sets or self._patterned is None:
            return None
        entry = self._patterned.entry(name)
        return None if entry is None else entry.pattern

    def config_of(self, name: str) -> dict[str, Any] | None:
        """Return the entry of a data set, the fields of its pattern filled; None if it has none.

        Credentials that stand in the entry are part of it: redact before showing it.

        Raises:
            DataSetError: The name cannot fill the fields of its pattern.
        """
        entry = self._entry(name)
        if not isinstance(entry, Entry):
            return None
        config = entry.config()
        return dict(config) if isinstance(config, Mapping) else None

    def unchosen_slices(self, name: str) -> tuple[str, ...]:
        """Return the names of the slices on which a data set depends and which are not chosen."""
        found = self._entry(name)
        if isinstance(found, Entry):
            return found.slices
        return (found.name,) if isinstance(found, UnchosenSlice) else ()

    def _chosen(self, name: str) -> Any:
        """Return a data set; refuse what lies somewhere else for each slice, and none is chosen."""
        data_set = self[name]
        is_made = dict.get(self._data_sets, name) is not data_set  # of an entry
        if (is_made or type(data_set) is UnchosenSlice) and (slices := self.unchosen_slices(name)):
            where = self._origin(name)
            raise unchosen(f"Data set '{name}'{where and f' ({where})'}", slices)
        return data_set

    def problems(self, names: Iterable[str] | None = None) -> list[str]:
        """Return what is known to be wrong with data sets before anything is loaded.

        Args:
            names: Data sets to look at; by default all, and the patterns.
        """
        # What a data set needs may depend on the session's Spark.
        with lent(self, self._scope):
            return self._find_problems(names)

    def _find_problems(self, names: Iterable[str] | None) -> list[str]:
        problems: list[str] = []
        if names is None and self._patterned is not None:
            problems += self._patterned.problems()
        for name in list(self._data_sets) if names is None else names:
            try:
                data_set = self[name]
            except DataSetNotFoundError:
                continue
            except DataSetError as exc:
                problems.append(str(exc))
                continue
            for problem in problems_of(data_set):
                where = self._origin(name) or kind_of(data_set)
                told = f"Data set '{name}' ({where}): {problem}"
                problems.append(redacted_text(told))
        return problems

    def get(self, name: str, default: Any = None) -> Any:
        """Return the data set of a name, or ``default`` if there is none; ``catalog[name]`` raises.

        Args:
            name: The name of a data set, or one that a pattern matches.
            default: What to return where there is none.

        Raises:
            DataSetError: Its entry is not possible.
        """
        if name not in self:
            return default
        return self[name]

    def _get_dataset(self, name: str, version: Any = None, suggest: bool = True) -> Any:
        """Return the data set of a name, made on first use.

        Kedro calls it so: hooks call, and catalogs override it. Ask by ``catalog[name]`` or `get`.
        """
        found = self._entry(name)
        if found is None:
            near = did_you_mean(name, [*self]) if suggest else ""
            raise DataSetNotFoundError(f"The catalog has no data set '{name}'.", hint=near)
        # The entry stays: copies of the catalog share it, and another thread may have replaced it.
        data_set = found.data_set() if isinstance(found, Entry) else found
        is_asked = version is not None and getattr(data_set, "_version", None) is not None
        return data_set._copy(_version=version) if is_asked else data_set

    def _entry(self, name: str) -> Any:
        """Return the data set of a name, or the entry that makes it; None if there is none."""
        found = dict.get(self._data_sets, name)  # its own 'get' makes data sets of entries
        if found is None and self._patterned is not None:
            return self._patterned.entry(name)
        return found

    def _origin(self, name: str) -> str:
        """Return where the entry of a data set stands, for messages; may be empty."""
        if name in self._data_sets or self._patterned is None:
            return self._origins.get(name, "")
        entry = self._patterned.entry(name)
        return "" if entry is None else entry.origin

    def load(self, name: str, version: str | None = None) -> Any:
        """Return the data of a data set.

        Args:
            name: The name of the data set.
            version: A version to load instead of the one of the catalog.

        Raises:
            DataSetNotFoundError: There is no such data set.
            DataSetError: It cannot be loaded.
        """
        data_set = self._chosen(name)
        if version is not None:
            data_set = at_asked_version(name, data_set, version)
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("Loading data from '%s' (%s)...", name, kind_of(data_set))
        try:
            with lent(self, self._scope):
                return data_set.load()
        except Exception as exc:
            raise could_not("load", name, data_set, exc, secrets_of(self)) from exc

    def save(self, name: str, data: Any) -> None:
        """Store data in a data set.

        Raises:
            DataSetNotFoundError: There is no such data set.
            DataSetError: It cannot be saved.
        """
        data_set = self._chosen(name)
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("Saving data to '%s' (%s)...", name, kind_of(data_set))
        try:
            with lent(self, self._scope):
                data_set.save(data)
        except Exception as exc:
            raise could_not("save", name, data_set, exc, secrets_of(self)) from exc

    def exists(self, name: str) -> bool:
        """Whether a data set is in the catalog and has data; a warning if it cannot tell."""
        if name not in self:
            return False
        data_set = self._chosen(name)
        if not hasattr(data_set, "exists"):
            _logger.warning("'%s' (%s) has no 'exists'.", name, kind_of(data_set))
            return False
        try:
            with lent(self, self._scope):
                return bool(data_set.exists())
        except Exception as exc:
            raise failed(name, data_set, "cannot tell if it exists", exc, secrets_of(self)) from exc

    def release(self, name: str) -> None:
        """Let go of what a data set holds in memory.

        Raises:
            DataSetError: It cannot.
        """
        data_set = self[name]
        try:
            if hasattr(data_set, "release"):
                data_set.release()
        except Exception as exc:
            raise failed(name, data_set, "could not be released", exc, secrets_of(self)) from exc

    def confirm(self, name: str) -> None:
        """Tell a data set that what was loaded from it has been dealt with.

        Raises:
            DataSetError: The data set has no ``confirm``, or that has failed.
        """
        data_set = self[name]
        if not is_confirmable(data_set):
            raise DataSetError(f"'{name}' ({kind_of(data_set)}) cannot be confirmed.")
        _logger.info("Confirming '%s' (%s)...", name, kind_of(data_set))
        try:
            data_set.confirm()
        except Exception as exc:
            raise could_not("confirm", name, data_set, exc, secrets_of(self)) from exc

    def add(self, data_set_name: str, data_set: Any, replace: bool = False) -> None:
        """Add a data set: any object with ``load`` and ``save``.

        Raises:
            DataSetAlreadyExistsError: The name is taken and ``replace`` is False.
            DataSetError: The object has no ``load`` and ``save``.
        """
        if not replace and data_set_name in self._data_sets:
            raise DataSetAlreadyExistsError(
                f"The catalog already has a data set '{data_set_name}'.",
                hint="Give replace=True to put this one in its place.",
            )
        if not has_load_and_save(data_set):
            raise DataSetError(
                f"'{data_set_name}' is no data set: "
                f"a {kind_of(data_set)} has no 'load' and 'save'.",
                hint="Give data as feed_dict={...}, or wrap it: MemoryDataSet(data).",
            )
        self._data_sets[data_set_name] = data_set

    def add_all(self, data_sets: Mapping[str, Any], replace: bool = False) -> None:
        """Add many data sets.

        Raises:
            DataSetAlreadyExistsError: A name is taken and ``replace`` is False.
        """
        for name, data_set in data_sets.items():
            self.add(name, data_set, replace)

    def add_feed_dict(self, feed_dict: Mapping[str, Any], replace: bool = False) -> None:
        """Add data, kept in memory; a data set is added as it is.

        Raises:
            DataSetAlreadyExistsError: A name is taken and ``replace`` is False.
        """
        for name, data in feed_dict.items():
            is_data_set = has_load_and_save(data) and hasattr(data, "exists")
            self.add(name, data if is_data_set else MemoryDataSet(data), replace)

    def list(self, regex_search: str | None = None) -> list[str]:
        """Return the names of data sets, sorted as added, then those that patterns have made.

        Args:
            regex_search: Only names in which this regular expression is found, in either case.

        Raises:
            RegexError: It is no regular expression.
        """
        names = [*self._data_sets]
        if self._patterned is not None:
            names += [name for name in self._patterned.made() if name not in self._data_sets]
        return names if regex_search is None else names_matching(names, regex_search)

    def shallow_copy(self) -> DataCatalog:
        """Return a catalog of its own with the same data sets."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._data_sets = self._data_sets.copy()
        return copy

    def with_data_sets(self, data_sets: Mapping[str, Any]) -> DataCatalog:
        """Return a catalog of the same class that holds these data sets, and no entries.

        It can be passed to another process if its data sets can.

        Args:
            data_sets: Data sets by name.
        """
        other = self.shallow_copy()
        other._data_sets = self._data_sets.in_place(data_sets)
        other._origins, other._layers, other._patterned = {}, {}, None
        other._scope = None
        return other

    def __getitem__(self, name: str) -> Any:
        """Return the data set of a name, made on first use.

        Raises:
            DataSetNotFoundError: There is none.
            DataSetError: Its entry is not possible.
        """
        return self._get_dataset(name)

    def __setitem__(self, name: str, data: Any) -> None:
        self.add_feed_dict({name: data}, replace=True)

    def __contains__(self, name: object) -> bool:
        if name in self._data_sets:
            return True
        return self._patterned is not None and self._patterned.entry(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter([*self._data_sets])

    def __len__(self) -> int:
        return len(self._data_sets)

    def __bool__(self) -> bool:
        return True  # an empty catalog is one: 'catalog or other' takes it

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DataCatalog):
            return NotImplemented
        return (
            self._data_sets == other._data_sets
            and self.layers == other.layers
            and _bodies(self) == _bodies(other)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"DataCatalog({', '.join(self)})"

    def _repr_html_(self) -> str:
        from sparkpipe.io.html import catalog_html

        return catalog_html(self)


def _bodies(catalog: DataCatalog) -> Mapping[str, Any]:
    return catalog._patterned.bodies if catalog._patterned else {}
