"""Spark frames in memory that more than one node reads are computed once: persisted, and released.

Spark keeps what is persisted by its plan, not by the frame: two frames with equal plans share one
entry, and releasing one of them would take it from the other. So holders are counted by plan.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
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


class SharedFrames:
    """The frames that a run has persisted. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: dict[int, DataFrame] = {}
        self._holders: dict[int, set[str]] = {}

    def share(self, name: str, frame: DataFrame, level: str, why: str) -> None:
        """Persist a frame, unless it is persisted already or only scans a file or table.

        Args:
            name: The data set that holds it.
            frame: The frame; it is computed when it is first used.
            level: The name of a storage level of Spark.
            why: For the log.
        """
        with self._lock:
            plan = frame.semanticHash()
            holders = self._holders.get(plan)
            if holders is not None:
                holders.add(name)
                return
            if _is_persisted(frame) or is_scan(frame):
                return
            _logger.info("Persisting '%s' (%s): %s.", name, level, why)
            frame.persist(storage_level(level))
            self._frames[plan] = frame
            self._holders[plan] = {name}

    def release(self, name: str) -> None:
        """Unpersist what is held for a data set and for no other."""
        with self._lock:
            self._let_go([plan for plan, holders in self._holders.items() if name in holders], name)

    def close(self) -> None:
        """Unpersist everything. Does not raise, for the session may be gone."""
        with self._lock:
            self._let_go([*self._frames], None)

    def _let_go(self, plans: list[int], name: str | None) -> None:
        for plan in plans:
            if name is not None:
                self._holders[plan].discard(name)
                if self._holders[plan]:
                    continue
            del self._holders[plan]
            frame = self._frames.pop(plan)
            try:
                frame.unpersist(blocking=True)
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
    """Whether a frame only reads, selects and filters: to read it again costs no more."""
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
