"""Runs that were written down, read again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from sparkpipe.errors import SparkpipeError, did_you_mean
from sparkpipe.journal.index import Index
from sparkpipe.journal.lines import decode
from sparkpipe.journal.places import Place, place_at
from sparkpipe.journal.records import NodeRecord, NoRunError, RunRecord, is_start, read_record
from sparkpipe.journal.tries import Tries
from sparkpipe.redaction import redacted_text
from sparkpipe.words import counted

_logger = logging.getLogger(__name__)

#: Stands for the last run.
LAST = "last"

# A run in which none of so few is named need not be read to the end.
_FEW = 100
_MOST_NAMED = 2000
_LONGEST_SILENCE = 7 * 24 * 3600.0
# So many runs are read before it is looked what is noted about older ones.
_RECENT = 10
# Of older ones that are not noted yet, about so many nodes are read at once: a part of a second.
_MOST_READ = 2000


class RunNotFoundError(SparkpipeError):
    """The journal has no such run."""


class Journal:
    """The runs at a place, the last one first.

    Args:
        path: The folder or address of the runs.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._place: Place = place_at(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({redacted_text(self.path)!r})"

    def names(self) -> list[str]:
        """Return the names of all runs, the last one first.

        Raises:
            OSError: The place cannot be read.
        """
        return self._place.names()

    def runs(self, mentioning: str = "", most: int | None = None) -> Iterator[RunRecord]:
        """Read the runs one by one; what is none is passed over with a warning.

        Args:
            mentioning: Only those whose start has this text are given; the others are read quickly.
            most: At how many of the last ones to look; None for all.
        """
        sought = json.dumps(mentioning, ensure_ascii=False)[1:-1].encode(errors="backslashreplace")
        for name in self.names()[:most]:
            record = self._read(name, lambda lines: not lines or sought in lines[0])
            if record is not None:
                yield self._finished(record, name)

    __iter__ = runs

    def run(self, run_id: str = LAST) -> RunRecord:
        """Return a run.

        Args:
            run_id: Its name, the beginning of it if no other begins so, or ``last``.

        Raises:
            RunNotFoundError: There is no such run, or it cannot be read.
        """
        if not isinstance(run_id, str):
            raise RunNotFoundError(f"A run is named by a text, not by {run_id!r}.")
        if run_id == LAST:
            for record in self.runs():
                return record
            raise RunNotFoundError(f"There is no run in {redacted_text(self.path)} yet.")
        try:
            return self._finished(read_record(self._place.lines(run_id)), run_id)
        except NoRunError as exc:
            raise RunNotFoundError(f"The run '{run_id}' cannot be read: {exc}.") from exc
        except (OSError, ValueError) as exc:
            names = self.names()
            begun = [name for name in names if run_id and name.startswith(run_id)]
            if len(begun) == 1:
                return self.run(begun[0])
            among = f"{counted(len(begun), 'run')} begin so" if begun else ""
            raise RunNotFoundError(
                f"There is no run '{run_id}' in {redacted_text(self.path)}",
                hint=among
                or did_you_mean(run_id, names[:_MOST_NAMED])
                or "See `sparkpipe runs list`.",
            ) from exc

    def before(self, record: RunRecord) -> RunRecord:
        """Return the run before another one, of the same pipeline, slice and environment.

        A run over slices is several, each of other nodes: one without a node in common is left out.
        Of a slice that never ran before, it is the last run of another one.

        Raises:
            RunNotFoundError: There is none.
        """
        same = ("pipeline", "environment")
        other: tuple[RunRecord, str] | None = None
        names = self.names()
        for name in names[names.index(record.run_id) + 1 :] if record.run_id in names else ():
            earlier = self._read(name)
            if (
                earlier is not None
                and all(getattr(earlier, what) == getattr(record, what) for what in same)
                and (not record.nodes or not earlier.nodes.keys().isdisjoint(record.nodes))
            ):
                if earlier.slices == record.slices:
                    return self._finished(earlier, name)
                if other is None and earlier.slices.keys() == record.slices.keys():
                    other = earlier, name
        if other is not None:
            return self._finished(*other)
        raise RunNotFoundError(
            f"Before the run '{record.run_id}' there is none of the pipeline '{record.pipeline}'."
        )

    def last_good(
        self,
        nodes: Iterable[str],
        slices: Mapping[str, str] | None = None,
        environment: str | None = None,
        among: Iterable[str] | None = None,
    ) -> dict[str, NodeRecord]:
        """Return what nodes did when each one last ran well.

        A run may have failed though some of its nodes ran well. One that was unchanged counts as
        it ran before; what it would have read and saved is that of the last look at it.

        Args:
            nodes: The names of the nodes; one that never ran well is not in what is returned.
            slices: Only runs of this slice count.
            environment: Only runs of this configuration environment count.
            among: The names of the runs that count, the last one first, where they are known; by
                default of all.
        """
        search = _Search(nodes, slices or {}, environment)
        names = [*(self.names() if among is None else among)]
        for name in names[:_RECENT]:
            if search.wanted:
                search.take(self._read(name, search.may_find))
        if search.wanted and len(names) > _RECENT:
            self._look_further(search, names[_RECENT:])
        return search.found

    def _look_further(self, search: _Search, names: list[str]) -> None:
        """Look through older runs, of which only those are read that are needed or not noted."""
        index = Index(self._place.noted())
        unknown = [name for name in names if name not in index]
        read, unread, records = 0, "", {}
        for name in unknown:
            if read > _MOST_READ:
                _logger.info("Not all of %d old runs are read now; later runs go on.", len(unknown))
                unread = name
                break
            record = self._read_for(index, name)
            read += 1 + (len(record.nodes) if record is not None else 0)
            if record is not None and search.fits(record.environment, record.slices):
                records[name] = record
        wanted = index.names_of(search.wanted, search.slices, search.environment)
        wanted |= search.pointed_to
        # What is older than a run that is not read is perhaps not the last word.
        known = (name for name in wanted.intersection(names) if name > unread)
        for name in sorted({*records, *known}, reverse=True):
            search.take(records.get(name) or self._read(name, search.may_find))
        if len(unknown) >= _RECENT:
            with suppress(Exception):  # stores have errors of their own, and it can be done again
                self._place.note(index.dump(self.names()))

    def _read_for(self, index: Index, name: str) -> RunRecord | None:
        """Read a run, and note it if it is over."""
        try:
            record = self._finished(read_record(self._place.lines(name)), name)
        except NoRunError as exc:
            if self._tell_passed_over(name, exc):
                index.add(name, None)
            return None
        except OSError as exc:
            self._tell_passed_over(name, exc)
            return None
        if not record.may_go_on:
            index.add(name, record)
        return record

    def tries(self, environment: str | None) -> Tries:
        """Return what tells of the last tries at nodes; runs that are not noted yet are read.

        Args:
            environment: Only runs of this configuration environment count.
        """
        names = self.names()
        index = Index(self._place.noted())
        unknown = [name for name in names if name not in index]
        records = {name: self._read_for(index, name) for name in unknown}
        if len(unknown) >= _RECENT:
            with suppress(Exception):  # stores have errors of their own, and it can be done again
                self._place.note(index.dump(names))
        still_open = {
            name: run for name, run in records.items() if run is not None and name not in index
        }
        return Tries(names, index, still_open, self._read_over, environment)

    def _read_over(self, name: str) -> RunRecord | None:
        record = self._read(name)
        return None if record is None else self._finished(record, name)

    def claim(self, run_id: str) -> AbstractContextManager[bool]:
        """Hold a run while it is continued; what is given is whether nobody else does.

        Args:
            run_id: Its whole name.
        """
        return self._place.claim(run_id)

    def remove(self, name: str) -> None:
        """Remove a run.

        Raises:
            OSError: It cannot be removed.
        """
        self._place.remove(name)

    def prunable(self, keep: int, but: str = "") -> list[str]:
        """Return the names of all but the last runs, and of none that is being written.

        What is no run is not among them, and neither is one in which a node ran that was unchanged
        in a run that is kept: else it would pass for one that never ran. Where nobody can tell
        whether a run is being written, one without an end is not, unless it is a week old.

        Args:
            keep: How many are kept.
            but: A run that is kept, too: where a clock went back, it may not be one of the last.
        """
        names = self.names()
        # Of its name there may be several, told apart by a number.
        old = [one for one in names[keep:] if one.partition("~")[0] != but and self._is_over(one)]
        needed = self._rested_on(names[:keep], old)
        return [name for name in old if name not in needed]

    def _rested_on(self, kept: Iterable[str], old: Iterable[str]) -> set[str]:
        """Return which of the old runs those that are kept name as the last in which a node ran."""
        sought = {f'"since": {json.dumps(name)}'.encode(): name for name in old}
        found: set[str] = set()
        for name in kept if sought else ():
            with suppress(OSError):  # removed meanwhile
                lines = self._place.lines(name)
                found.update(sought[one] for one in sought if any(one in line for line in lines))
        return found

    def prune(self, keep: int, but: str = "") -> list[str]:
        """Remove all but the last runs, and none that is being written; return their names.

        Args:
            keep: How many are kept.
            but: A run that is kept, too.

        Raises:
            OSError: One cannot be removed.
        """
        old = self.prunable(keep, but)
        for name in old:
            self.remove(name)
        return old

    def _is_over(self, name: str) -> bool:
        is_being_written = self._place.is_being_written(name)
        if is_being_written is not None:
            # Data of somebody else may have a name as runs have.
            return not is_being_written and self._is_begun(name)
        record = self._read(name)
        if record is None:
            return False
        is_old = time.time() - record.started - record.seconds > _LONGEST_SILENCE
        return record.outcome != "unfinished" or is_old

    def _is_begun(self, name: str) -> bool:
        """Whether what is there begins as a run does; a writer that was killed leaves nothing."""
        try:
            lines = self._place.lines(name)
            return not lines or is_start(decode(lines[0]))
        except (OSError, ValueError):
            return False

    def _read(
        self, name: str, is_sought: Callable[[list[bytes]], bool] | None = None
    ) -> RunRecord | None:
        """Return a run, None if it cannot be read or tells nothing that is searched for."""
        try:
            lines = self._place.lines(name)
            if is_sought is not None and not is_sought(lines):
                return None
            return read_record(lines)
        except (OSError, NoRunError) as exc:
            self._tell_passed_over(name, exc)
            return None

    def _tell_passed_over(self, name: str, why: Exception) -> bool:
        """Warn of what cannot be read; False if somebody is just writing it."""
        if self._place.is_being_written(name) is True:
            return False
        _logger.warning("'%s' in %s is passed over: %s.", name, redacted_text(self.path), why)
        return True

    def _finished(self, record: RunRecord, name: str) -> RunRecord:
        """Tell whether a run without an end goes on."""
        if record.outcome != "unfinished":
            return record
        is_being_written = self._place.is_being_written(name)
        if is_being_written is None:
            return record
        return replace(record, outcome="running" if is_being_written else "died")


def last_good_of(nodes: Iterable[str], records: Iterable[RunRecord]) -> dict[str, NodeRecord]:
    """Return what nodes did when each one last ran well; see :meth:`Journal.last_good`.

    Args:
        nodes: The names of the nodes.
        records: The runs that count, the last one first.
    """
    search = _Search(nodes, {}, None)
    for record in records:
        if not search.wanted:
            break
        search.look_through(record)
    return search.found


class _Search:
    """Finds what nodes did when they last ran well, in runs of which the last one comes first.

    Args:
        nodes: The names of the nodes.
        slices: Only runs of this slice count.
        environment: Only runs of this configuration environment count.

    Attributes:
        wanted: The names of the nodes that are not found yet.
        found: What the others did.
    """

    def __init__(
        self, nodes: Iterable[str], slices: Mapping[str, str], environment: str | None
    ) -> None:
        self.wanted = set(nodes)
        self.slices = dict(slices)
        self.environment = environment
        self.found: dict[str, NodeRecord] = {}
        self._pointers: dict[str, NodeRecord] = {}

    @property
    def pointed_to(self) -> set[str]:
        """The runs in which nodes ran that were unchanged later."""
        return {one.since for name, one in self._pointers.items() if name in self.wanted}

    def fits(self, environment: str | None, slices: Mapping[str, str]) -> bool:
        """Whether a run is of the environment and slice."""
        return environment == self.environment and dict(slices) == self.slices

    def may_find(self, lines: list[bytes]) -> bool:
        """Whether a run, by the line with which it starts, is worth reading to its end."""
        head = lines[0] if lines else b""
        if len(self.wanted) > _FEW:
            return True
        return any(json.dumps(node, ensure_ascii=False).encode() in head for node in self.wanted)

    def take(self, record: RunRecord | None) -> None:
        """Look through a run, if it counts."""
        if record is not None and self.fits(record.environment, record.slices):
            self.look_through(record)

    def look_through(self, record: RunRecord) -> None:
        """Look through a run."""
        for node in self.wanted & record.nodes.keys():
            one = record.nodes[node]
            pointer = self._pointers.get(node)
            if one.status == "unchanged" and pointer is None:
                self._pointers[node] = one
            elif one.status == "done" and (pointer is None or pointer.since == one.run_id):
                self.found[node] = one if pointer is None else _seen_again(one, pointer)
        self.wanted -= self.found.keys()


def _seen_again(ran: NodeRecord, unchanged: NodeRecord) -> NodeRecord:
    """Return how a node ran, with what a later look at it has found."""
    seen = unchanged.data_sets
    if not seen:
        return ran
    again = {(one.direction, one.name) for one in seen}
    kept = tuple(one for one in ran.data_sets if (one.direction, one.name) not in again)
    return replace(ran, data_sets=(*kept, *seen), identity=unchanged.identity or ran.identity)
