"""Spark frames in memory that are one frame for all who read them.

A frame that more than one node reads is computed once: persisted, and released after all that may
still need it. That is not only who reads it: what a reader returns is lazy, too, and so is what is
made of that. So whatever is made of a frame, and stays in memory, holds it.

Spark keeps what is persisted by its plan, not by the frame: two frames with equal plans share one
entry, and releasing one of them would take it from the other. So holders are counted by plan.

A frame whose rows may differ with each execution must not depend on whether Spark still has what
it has persisted: its rows are taken down (a local checkpoint), and every reader has those.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from sparkpipe.spark.active import is_connect
from sparkpipe.spark.jobs.letting_go import let_go_after, let_go_quietly, let_go_within
from sparkpipe.spark.jobs.values import leaves, may_hold_frames

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 10.0


@dataclass(eq=False)
class _Kept:
    """Rows that Spark keeps, and the data sets that hold them."""

    let_go: Callable[[], object]
    is_computed: bool = False
    #: Whether Spark itself lets go of them when nothing reads them any more.
    is_collected: bool = False
    holders: set[str] = field(default_factory=set)


@dataclass(eq=False)
class _Shared:
    """A frame as it was saved, and what its readers have in its place."""

    source: DataFrame
    frame: DataFrame | None = None
    kept: _Kept | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def compute(self) -> None:
        """Compute it, once; who comes meanwhile waits.

        Tasks of two nodes that need one partition would wait for each other too, but each on a
        core that others could use.
        """
        with self.lock:
            if self.kept is not None and not self.kept.is_computed:
                self.source.count()
                self.kept.is_computed = True


class SharedFrames:
    """The frames that the nodes of a run share. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By identity, of the frame itself and of what its readers have. The frame is held, so that
        # no other one gets its id.
        self._shared: dict[int, _Shared] = {}
        self._persisted: dict[int, _Kept] = {}  # by plan
        self._kept: list[_Kept] = []
        # What outlives the run and may hold frames, by data set.
        self._outliving: dict[str, list[weakref.ref[Any]]] = {}
        # Whether Spark has refused to keep something, as serverless compute does.
        self._is_refused = False

    def share(
        self,
        name: str,
        frame: DataFrame,
        level: str,
        why: str,
        *,
        at_once: bool = False,
        if_varying: bool = False,
    ) -> DataFrame:
        """Keep a frame, unless it is persisted, a stream, or only scans a file or table.

        Args:
            name: The data set that holds it.
            frame: The frame.
            level: The name of a storage level of Spark.
            why: For the log.
            at_once: Compute it now; otherwise Spark does when it is first used.
            if_varying: Keep it only if its rows may differ each time that it is computed.

        Returns:
            What a node is to have, the same for all: the frame itself where it was left alone, also
            because Spark refuses to keep it; or one with the same columns that reads what is kept.
        """
        if self._is_refused:
            return frame
        shared = self._of(frame)
        try:
            with shared.lock:
                if shared.frame is None:
                    shared.frame = self._decide(name, shared, level, why, if_varying)
        except Exception as exc:
            # Connect analyses a frame when it is first asked about: one that is wrong is told as
            # such. Else it is Spark that does not persist, as on serverless compute.
            _ = frame.schema
            self._note_refusal(name, exc)
            return frame
        if shared.kept is not None:
            with self._lock:
                shared.kept.holders.add(name)
                self._shared[id(shared.frame)] = shared
            if at_once:
                shared.compute()
        return shared.frame

    def tell_varying(self, name: str, frame: DataFrame) -> None:
        """Warn of a frame that is not to be kept, though its rows may differ each time."""
        shared = self._of(frame)
        with shared.lock:
            if shared.frame is None:
                shared.frame = frame
                if not frame.isStreaming and not is_persisted(frame) and not _is_repeatable(frame):
                    _logger.warning(
                        "The rows of '%s' may differ each time that a node reads it, for it is not "
                        "to be persisted. Save it to a file or table, or leave out 'persist'.",
                        name,
                    )

    def take_down(self, name: str, frame: DataFrame, level: str | None = None) -> DataFrame:
        """Compute a frame now, and return one that reads its rows, whatever becomes of its sources.

        Args:
            name: The data set that holds it.
            frame: The frame; a stream is returned as it is.
            level: The name of a storage level of Spark.

        Raises:
            Exception: Spark cannot compute it, or does not keep rows.
        """
        if frame.isStreaming:
            return frame
        shared = self._of(frame)
        with shared.lock:
            if shared.frame is None or shared.kept is None or not shared.kept.is_computed:
                shared.frame = self._checkpoint(shared, level)
        assert shared.kept is not None
        with self._lock:
            shared.kept.holders.add(name)
            self._shared[id(shared.frame)] = shared
        return shared.frame

    def pass_on(self, inputs: Collection[str], output: str, value: Any, outlives: bool) -> None:
        """Let what a node has made of its inputs hold the frames that these hold.

        Args:
            inputs: The data sets that the node has read.
            output: The data set in memory that is to have ``value``.
            value: What the node has returned for it.
            outlives: Whether somebody may use it after the run.
        """
        with self._lock:
            held = [kept for kept in self._kept if not kept.holders.isdisjoint(inputs)]
        if not held or not may_hold_frames(value):
            return
        with self._lock:
            for kept in held:
                kept.holders.add(output)
        if outlives:
            self.outlive(output, value)

    def outlive(self, output: str, value: Any) -> None:
        """Keep what the frames in a value hold, also after the run, while these are there."""
        with self._lock:
            self._outliving[output] = [*_references(leaves(value))]

    def is_computed(self, name: str) -> bool:
        """Return whether what a data set holds was computed by :meth:`share`."""
        with self._lock:
            return any(kept.is_computed for kept in self._kept if name in kept.holders)

    def release(self, name: str) -> None:
        """Let go of what is kept for a data set and for no other."""
        with self._lock:
            for kept in [*self._kept]:
                if name in kept.holders:
                    kept.holders.discard(name)
                    if not kept.holders:
                        self._let_go(kept)

    def close(self) -> None:
        """Let go of everything; of what the results of the run still read, when these are gone.

        Does not raise, for the session may be gone, and does not wait for a Spark that hangs.
        """
        with self._lock:
            unread = []
            for kept in [*self._kept]:
                users = [
                    user
                    for name in kept.holders
                    for reference in self._outliving.get(name, ())
                    if (user := reference()) is not None
                ]
                if not users:
                    unread.append(kept.let_go)
                elif not kept.is_collected:
                    let_go_after(users, kept.let_go)
            self._kept, self._persisted = [], {}
            self._shared.clear()
        let_go_within(_PATIENCE_SECONDS, unread)

    def _of(self, frame: DataFrame) -> _Shared:
        with self._lock:
            return self._shared.setdefault(id(frame), _Shared(frame))

    def _decide(
        self, name: str, shared: _Shared, level: str, why: str, if_varying: bool
    ) -> DataFrame:
        """Return what the readers of a frame are to have, keeping its rows if need be."""
        from sparkpipe.spark.jobs.plans import is_scan

        frame = shared.source
        if frame.isStreaming:
            return frame
        plan = frame.semanticHash()
        with self._lock:
            kept = self._persisted.get(plan)
        if kept is None:
            if is_persisted(frame):  # by the user
                return frame
            if not _is_repeatable(frame):
                _logger.info("Computing '%s' now: %s, and its rows may vary.", name, why)
                return self._checkpoint(shared, level)
            if if_varying or is_scan(frame):
                return frame
            kept = self._persist(name, frame, plan, level, why)
        shared.kept = kept
        # Spark drops what is persisted together with a temporary view of the same plan or a
        # projection of it, and spark.sql("... {frame}", frame=frame) makes and drops one. Its
        # optimizer takes the filter out again.
        return _in_place_of(frame, frame.where("true"))

    def _persist(self, name: str, frame: DataFrame, plan: int, level: str, why: str) -> _Kept:
        with self._lock:
            kept = self._persisted.get(plan)
            if kept is None:
                _logger.info("Persisting '%s' (%s): %s.", name, level, why)
                frame.persist(storage_level(level))
                kept = _Kept(partial(frame.unpersist, blocking=True))
                self._persisted[plan] = kept
                self._kept.append(kept)
            return kept

    def _checkpoint(self, shared: _Shared, level: str | None) -> DataFrame:
        taken = _in_place_of(shared.source, checkpointed(shared.source, level))
        shared.kept = _Kept(lambda: drop_checkpoint(taken), True, True)
        with self._lock:
            self._kept.append(shared.kept)
        return taken

    def _note_refusal(self, name: str, exc: Exception) -> None:
        """Say once that nothing is kept in this run, and ask no more."""
        with self._lock:
            was_refused, self._is_refused = self._is_refused, True
        if not was_refused:
            from sparkpipe.spark.failures.judging import spark_reason

            reason = (spark_reason(exc) or str(exc)).partition("\n")[0]
            _logger.warning(
                "Spark does not persist '%s' (%s): what several nodes read is computed for each "
                "of them, and random values differ. Save it as a table or file where that matters, "
                "or takes long.",
                name,
                reason,
            )

    def _let_go(self, kept: _Kept) -> None:
        self._kept.remove(kept)
        self._persisted = {plan: one for plan, one in self._persisted.items() if one is not kept}
        self._shared = {key: one for key, one in self._shared.items() if one.kept is not kept}
        let_go_quietly(kept.let_go)


def storage_level(name: str) -> Any:
    """Return Spark's storage level of a name such as ``MEMORY_AND_DISK``."""
    from pyspark import StorageLevel

    return getattr(StorageLevel, name)


def is_persisted(frame: DataFrame) -> bool:
    """Return whether the rows of a frame are kept by Spark once they are computed."""
    level = frame.storageLevel
    return bool(level.useMemory or level.useDisk)


def _is_repeatable(frame: DataFrame) -> bool:
    from sparkpipe.spark.jobs.plans import is_repeatable

    try:
        return is_repeatable(frame)
    except Exception as exc:  # some clusters guard the JVM
        _logger.debug("Whether a frame has the same rows each time is not known: %s", exc)
        return True


def _in_place_of(frame: Any, other: DataFrame) -> DataFrame:
    """Let a frame be taken for another one where columns are named by their frame."""
    if is_connect(frame.sparkSession):  # classic Spark goes by the columns themselves
        plan = cast(Any, other)._plan
        which = "_root_plan_id" if hasattr(plan, "_root_plan_id") else "_plan_id"
        setattr(plan, which, frame._plan._plan_id)
    return other


def checkpointed(frame: DataFrame, level: str | None) -> DataFrame:
    """Compute a frame, and return one whose rows are kept.

    Args:
        frame: The frame.
        level: Spark's storage level; None for its own.
    """
    if level is not None:
        try:
            return frame.localCheckpoint(True, storage_level(level))
        except TypeError:  # Spark 3.5 has one level
            pass
    return frame.localCheckpoint(True)


def drop_checkpoint(frame: Any) -> None:
    """Let go of the rows of a frame that :func:`checkpointed` gave."""
    # A server drops it when no frame of the client reads it.
    if not is_connect(frame.sparkSession):
        frame._jdf.queryExecution().logical().rdd().unpersist(False)


def _references(objects: Iterable[Any]) -> Iterable[weakref.ref[Any]]:
    for one in objects:
        try:
            yield weakref.ref(one)
        except TypeError:  # nobody is told when it goes
            continue
