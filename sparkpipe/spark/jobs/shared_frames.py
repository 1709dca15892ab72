"""Spark frames in memory that more than one node reads are computed once: persisted, and released.

Spark keeps what is persisted by its plan, not by the frame: two frames with equal plans share one
entry, and releasing one of them would take it from the other. So holders are counted by plan.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_logger = logging.getLogger(__name__)

# Operators of an optimized plan that only pass rows on, and those where rows come from.
_PASSING = {"Project", "Filter", "SubqueryAlias", "View", "GlobalLimit", "LocalLimit"}
_SOURCES = {
    "LogicalRelation",
    "Relation",
    "DataSourceV2Relation",
    "DataSourceV2ScanRelation",
    "RelationV2",
    "HiveTableRelation",
    "LocalRelation",
    "InMemoryRelation",
}
# A line of a plan as 'explain' prints it: '+- Project [id#1]'.
_OPERATOR = re.compile(r"^[\s:+-]*'?(\w+)")


@dataclass(eq=False)
class _Shared:
    """A frame that is persisted, and the data sets that hold it."""

    frame: DataFrame
    holders: set[str]
    is_computed: bool = False
    computing: threading.Lock = field(default_factory=threading.Lock)

    def compute(self) -> None:
        """Compute it, once; who comes meanwhile waits.

        Tasks of two nodes that need one partition would wait for each other too, but each on a
        core that others could use.
        """
        with self.computing:
            if not self.is_computed:
                self.frame.count()
                self.is_computed = True


class SharedFrames:
    """The frames that a run has persisted. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: dict[int, _Shared] = {}
        # By plan, too: each reader of such a frame would walk through its plan again.
        self._left_alone: set[int] = set()
        # Whether Spark has refused to persist, as serverless compute does.
        self._is_refused = False

    def share(
        self, name: str, frame: DataFrame, level: str, why: str, *, at_once: bool = False
    ) -> DataFrame:
        """Persist a frame, unless it is persisted, a stream, or only scans a file or table.

        Args:
            name: The data set that holds it.
            frame: The frame.
            level: The name of a storage level of Spark.
            why: For the log.
            at_once: Compute it now; otherwise Spark does when it is first used.

        Returns:
            What a node is to have: the frame itself where it was left alone, also because Spark
            refuses to persist; or one that reads what
            is persisted. For Spark drops what is persisted together with a temporary view of the
            same plan or a projection of it, and ``spark.sql("... {frame}", frame=frame)`` makes and
            drops one.
        """
        if self._is_refused:
            return frame
        try:
            shared = self._persisted(name, frame, level, why)
        except Exception as exc:
            # Connect analyses a frame when it is first asked about: one that is wrong is told as
            # such. Else it is Spark that does not persist, as on serverless compute.
            _ = frame.schema
            self._note_refusal(name, exc)
            return frame
        if shared is None:
            return frame
        if at_once:
            shared.compute()
        return frame.where("true")  # Spark's optimizer takes it out again

    def _persisted(self, name: str, frame: DataFrame, level: str, why: str) -> _Shared | None:
        """Return what is persisted of a frame, persisting it if need be; None to leave it alone."""
        with self._lock:
            plan = frame.semanticHash()
            shared = self._shared.get(plan)
            if shared is not None:
                shared.holders.add(name)
            elif plan in self._left_alone or _is_persisted(frame):
                return None
            elif frame.isStreaming or is_scan(frame):
                self._left_alone.add(plan)
                return None
            else:
                _logger.info("Persisting '%s' (%s): %s.", name, level, why)
                frame.persist(storage_level(level))
                shared = self._shared[plan] = _Shared(frame, {name})
            return shared

    def _note_refusal(self, name: str, exc: Exception) -> None:
        """Say once that nothing is persisted in this run, and ask no more."""
        with self._lock:
            was_refused, self._is_refused = self._is_refused, True
        if not was_refused:
            from sparkpipe.spark.failures.judging import spark_reason

            reason = (spark_reason(exc) or str(exc)).partition("\n")[0]
            _logger.warning(
                "Spark does not persist '%s' (%s): what several nodes read is computed for each "
                "of them. Save it as a table or file if that takes long.",
                name,
                reason,
            )

    def is_computed(self, name: str) -> bool:
        """Return whether what a data set holds was computed by :meth:`share`."""
        with self._lock:
            return any(s.is_computed for s in self._shared.values() if name in s.holders)

    def release(self, name: str) -> None:
        """Unpersist what is held for a data set and for no other."""
        with self._lock:
            for plan, shared in [*self._shared.items()]:
                if name in shared.holders:
                    shared.holders.discard(name)
                    if not shared.holders:
                        self._let_go(plan)

    def close(self) -> None:
        """Unpersist everything. Does not raise, for the session may be gone."""
        with self._lock:
            for plan in [*self._shared]:
                self._let_go(plan)

    def _let_go(self, plan: int) -> None:
        try:
            self._shared.pop(plan).frame.unpersist(blocking=True)
        except Exception as exc:  # a stopped session holds nothing any more
            _logger.debug("A frame could not be unpersisted: %s", exc)


def storage_level(name: str) -> Any:
    """Return Spark's storage level of a name such as ``MEMORY_AND_DISK``."""
    from pyspark import StorageLevel

    return getattr(StorageLevel, name)


def _is_persisted(frame: DataFrame) -> bool:
    level = frame.storageLevel
    return bool(level.useMemory or level.useDisk)


def is_scan(frame: DataFrame) -> bool:
    """Return whether a frame only reads, selects and filters: to read it again costs no more."""
    operators = _operators(frame)
    return all(operator in _PASSING or operator in _SOURCES for operator in operators)


def _operators(frame: Any) -> Iterator[str]:
    if not is_connect(frame.sparkSession):
        return _walk(frame._jdf.queryExecution().optimizedPlan())
    # A client has no plan but the printed one.
    session = frame.sparkSession
    printed = session.client.explain_string(frame._plan.to_proto(session.client), "extended")
    optimized = printed.partition("== Optimized Logical Plan ==")[2].partition("\n== ")[0]
    lines = [line for line in optimized.splitlines() if line.strip()]
    return (match[1] for line in lines if (match := _OPERATOR.match(line)))


def _walk(plan: Any) -> Iterator[str]:
    yield plan.nodeName()
    children = plan.children()
    for position in range(children.size()):
        yield from _walk(children.apply(position))
