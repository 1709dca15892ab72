"""The chunks of a generator's node: saved as they come, or kept until all are there.

What adds to what is there gets each chunk at once, unless the node may be tried again: then chunks
are kept until the generator has ended, so that no attempt repeats what an earlier one has saved.
Partitions are kept too, and saved as one mapping. Where only the last chunk would stay, a second
one is refused before anything has been saved.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from tempfile import TemporaryFile
from typing import IO, Any

from sparkpipe.checks.checked import checked_in
from sparkpipe.errors import CheckFailedError, DataSetError, PipelineError
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.io.chunking import (
    Way,
    may_give_many,
    only_last,
    only_last_part,
    parts_stay,
    saves_lazily,
    way_of_chunks,
)
from sparkpipe.io.for_run import forget
from sparkpipe.io.kinds import holds_live
from sparkpipe.io.messages import kind_of
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.progress import Held

_logger = logging.getLogger(__name__)


class _Holder:
    """Holds data in a file where it can be pickled, else in memory; its maker may change it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @cached_property
    def _file(self) -> IO[bytes]:
        # Without a name, so that nothing stays, however this ends.
        file = TemporaryFile()  # noqa: SIM115 - closed with the holder
        weakref.finalize(self, file.close)
        return file

    def hold(self, data: Any) -> Held:
        if not holds_live(data):
            with self._lock:
                place = self._file.seek(0, os.SEEK_END)
                try:
                    pickle.dump(data, self._file, pickle.HIGHEST_PROTOCOL)
                    return Held(partial(self._read, place))
                except Exception:  # pickling raises whatever an object's own methods raise
                    self._file.truncate(place)
        return Held(MemoryDataSet(data).load)

    def _read(self, place: int) -> Any:
        with self._lock:
            self._file.seek(place)
            return pickle.load(self._file)


class Chunks:
    """Decides what is saved when, for one call of a generator.

    Args:
        node: Whose generator it is.
        catalog: Its data sets tell what a save does.
    """

    def __init__(self, node: Node, catalog: DataCatalog) -> None:
        self._node = node
        self._catalog = catalog
        self._ways: dict[str, Way] = {}
        self._number = 0
        self._holder = _Holder()
        self._held: list[dict[str, Any]] = []
        # Mappings one after the other, for a partition may be added to.
        self._collected: dict[str, list[dict[Any, Any]]] = {}
        self._checked = {
            name: checked
            for name in node.output_names
            if (checked := checked_in(catalog[name])) is not None
            and way_of_chunks(checked) != "collect"
        }
        for checked in self._checked.values():
            checked.begin_chunks()

    def take(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Take the next chunk of each output; return what is to be saved at once.

        Raises:
            DataSetError: It is the second one, and only the last one would stay.
        """
        if not self._ways:
            self._ways = {name: self._way(name) for name in outputs}
        self._number += 1
        if self._number == 2:
            for name, checked in self._checked.items():
                for problem in checked.chunk_problems():
                    raise DataSetError(f"could not save another chunk of '{name}': {problem}")
        at_once = {}
        for name, data in outputs.items():
            way = self._ways[name]
            if way == "collect" and isinstance(data, dict):
                self._collect(name, data)
            elif way == "last" and self._number > 1:
                raise DataSetError(f"could not save '{name}': {only_last(self._catalog[name])}")
            elif self._node.retries or way == "last":
                self._held.append({name: self._holder.hold(data)})
            else:
                self._warn_of_unknown(name, way)
                at_once[name] = data
        return at_once

    def rest(self) -> Iterator[dict[str, Any]]:
        """Give what is to be saved when all chunks are there, in the order of their arrival."""
        yield from self._held
        if self._number == 0:
            yield from self._nothing()
        for number in range(max(map(len, self._collected.values()), default=0)):
            yield {
                name: self._filled(name, mappings[number])
                for name, mappings in self._collected.items()
                if number < len(mappings)
            }

    def _filled(self, name: str, mapping: dict[Any, Any]) -> dict[Any, Any]:
        """Return a mapping with the data itself where functions in it would be taken for that."""
        if saves_lazily(self._catalog[name]):
            return mapping
        return {part: get() for part, get in mapping.items()}

    def _nothing(self) -> Iterator[dict[str, Any]]:
        """Give what is to be saved where there was no chunk: a mapping without partitions."""
        for name in self._node.output_names:
            way = way_of_chunks(self._catalog[name])
            if way == "collect":
                yield {name: {}}
            elif way == "last":
                _logger.warning(
                    "Node '%s' gave nothing for '%s', which stays as it was: its generator ended "
                    "without a chunk.",
                    self._node.name,
                    name,
                )

    def check_returned(self, value: Any) -> None:
        """Refuse what a generator returns instead of giving it; tell it if it gave chunks, too.

        Raises:
            PipelineError: It is all that there is, and would be lost.
        """
        if value is None or not self._node.output_names:
            return
        told = (
            f"Node '{self._node.name}': its function is a generator, of which only what it yields "
            f"is saved; it returned a {type(value).__name__}."
        )
        if self._number == 0:
            raise PipelineError(told)
        _logger.warning("%s", told)

    def end(self) -> None:
        """Settle what is of all chunks, as they are saved."""
        for name in self._node.output_names:
            forget(self._catalog[name])  # a cache has seen the last chunk only
        for name, checked in self._checked.items():
            try:
                checked.end_chunks()
            except CheckFailedError as exc:
                raise CheckFailedError(f"could not save '{name}': {exc.message}") from exc

    def _way(self, name: str) -> Way:
        way = way_of_chunks(self._catalog[name])
        # One chunk is all of it; saved at once, it is saved within the generator's contexts.
        is_one = not self._node.retries and _gives_one(self._node.func)
        return "add" if way == "last" and is_one else way

    def _collect(self, name: str, parts: dict[Any, Any]) -> None:
        mappings = self._collected.setdefault(name, [{}])
        for part, data in parts.items():
            is_maker = callable(data) and saves_lazily(self._catalog[name])
            held = data if is_maker else self._holder.hold(data).get
            place = next((m for m in mappings if part not in m), None)
            if place is None:
                data_set = self._catalog[name]
                if not parts_stay(data_set):
                    raise DataSetError(f"could not save '{name}': {only_last_part(part)}")
                place = {}
                mappings.append(place)
            place[part] = held

    def _warn_of_unknown(self, name: str, way: Way) -> None:
        if way == "unknown" and self._number == 2:
            _logger.warning(
                "'%s' (%s) is saved chunk by chunk: unless each save adds to what was saved "
                "before, only the last chunk stays. Let its save_effect() tell.",
                name,
                kind_of(self._catalog[name]),
            )


def _gives_one(function: Callable[..., Any]) -> bool:
    from inspect import isgeneratorfunction

    return isgeneratorfunction(function) and not may_give_many(function)
