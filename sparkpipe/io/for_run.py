"""What data sets remember within one run, and forget after it.

Some remember what they saw: the latest version, a loaded copy, the new partitions. In a run that is
what keeps its nodes together; in the next run over the same catalog it would be old news. So each
run works with data sets of its own where something is remembered, which share all else.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.data_set import AbstractDataSet
from sparkpipe.io.declared import unwrapped
from sparkpipe.io.memory import MemoryDataSet
from sparkpipe.io.messages import kind_of
from sparkpipe.io.versions import check_version_name


@dataclass(frozen=True)
class InRun:
    """What a run does with a data set; looked for only where somebody asks.

    Args:
        name: The name of the data set.
        find_saved: Returns the names that the run saves, without forms such as ``@pandas``.
        find_shared: Returns the names at whose places the run saves others.
        is_foreign: Whether it belongs to somebody else: nothing may be written beside it, either.
    """

    name: str
    find_saved: Callable[[], Container[str]]
    find_shared: Callable[[], Container[str]]
    is_foreign: bool = False

    @property
    def is_saved(self) -> bool:
        """Whether a node of the run saves it, or another form of it."""
        return self.name.partition("@")[0] in self.find_saved()

    @property
    def is_shared(self) -> bool:
        """Whether the run saves something of another name at the same place."""
        return self.name in self.find_shared()

    @property
    def is_changed(self) -> bool:
        """Whether the run changes what a load gives, by whichever name."""
        return self.is_saved or self.is_shared


#: Of a data set that a run only reads.
ONLY_READ = InRun("", tuple, tuple)
#: Of one that belongs to another environment.
FOREIGN = InRun("", tuple, tuple, is_foreign=True)


def of_run(data_set: Any, part: InRun) -> Any:
    """Return what stands for a data set in one run; most stand for themselves.

    Args:
        data_set: A data set of any class.
        part: What the run does with it.
    """
    if issubclass(type(data_set), AbstractDataSet):
        return data_set._of_run(part)
    version = foreign.versions(data_set)
    if getattr(version, "load", "") is not None or not version.save or not part.is_saved:
        return data_set
    # A class of another library would read the latest version, which may be that of another run.
    return at_version(data_set, version.save)


@contextmanager
def data_sets_of_run(catalog: Any, parts: Iterable[InRun]) -> Iterator[None]:
    """Within it, the catalog of a run holds data sets of its own where they remember something.

    Args:
        catalog: The run's own; changed.
        parts: What the run does with those that it holds.
    """
    changed, own_ones = [], {}
    for part in parts:
        original = catalog[part.name]
        if isinstance(original, MemoryDataSet):  # most are: they remember what is theirs
            continue
        own = of_run(original, part)
        if own is not original:
            own_ones[part.name] = own
            if part.is_changed:
                changed.append(original)
    for name, own in own_ones.items():
        catalog.add(name, own, replace=True)
    try:
        yield
    finally:
        for original in changed:
            forget(original)


def at_asked_version(name: str, data_set: Any, version: str) -> Any:
    """Return a copy of a data set that loads the version that somebody asks for.

    Args:
        name: The name of the data set.
        data_set: The data set.
        version: The version.

    Raises:
        DataSetError: It keeps no versions, or none may be called so.
    """
    if getattr(type(data_set), "_LOADS_VERSIONS", False) is True:
        return data_set._at_load_version(version)
    if getattr(data_set, "_version", None) is None:
        raise DataSetError(f"'{name}' ({kind_of(data_set)}) is not versioned.")
    check_version_name(version)
    return at_version(data_set, version)


def at_version(data_set: Any, version: str) -> Any:
    """Return a copy of a versioned data set that loads one version.

    Args:
        data_set: One that keeps versions.
        version: The version.
    """
    from copy import copy

    around = foreign.attribute(data_set, "_at_version")
    if callable(around):
        return around(version)
    other = copy(data_set)
    other._version = data_set._version._replace(load=version)
    other.release()
    return other


def pin_latest(data_set: Any) -> None:
    """Settle now which version is the latest, or which partitions are new, for all processes."""
    data_set = unwrapped(data_set)
    if issubclass(type(data_set), AbstractDataSet):
        with suppress(Exception):  # told by the load
            data_set._settle()
    resolve = foreign.attribute(data_set, "resolve_load_version")
    if foreign.keeps_versions(data_set) and callable(resolve):
        try:
            resolve()
        except Exception:  # told by the load
            return


def forget(data_set: Any) -> None:
    """Let a data set forget what it saw, since something else has been saved meanwhile."""
    if issubclass(type(data_set), AbstractDataSet):
        data_set._forget()
