"""How far a stream has come: rows that it has taken, and what it has still to take."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sparkpipe.io.facts import note
from sparkpipe.spark.jobs.run import current_jobs, current_run

_logger = logging.getLogger(__name__)

#: What sources tell of what waits: Kafka of records, Delta and folders of files.
_WAITING = ("maxOffsetsBehindLatest", "numFilesOutstanding")

Told = Mapping[str, Any]


class StreamProgress:
    """Follows a query. Spark keeps what it tells of its last batches only: look now and then.

    Args:
        query: The query.
        tell: Is told what was observed in each batch; None where Spark does not tell that.
        is_sure: Whether Spark counts all rows that go by. Delta's own sink may run another plan
            than the one that Spark counts the rows of: then it tells of none.

    Attributes:
        rows: How many rows it has taken; None if that is not known.
        batches: In how many batches.
        lag: What its sources had still to give; None if they do not tell.
    """

    def __init__(
        self,
        query: Any,
        tell: Callable[[Mapping[str, Told] | None], None],
        *,
        is_sure: bool = True,
    ) -> None:
        self.rows: int | None = 0
        self.batches = 0
        self.lag: int | None = None
        self._query = query
        self._tell = tell
        self._is_sure = is_sure
        self._last: tuple[Any, Any] | None = None
        self._run, self._jobs = current_run(), current_jobs()

    def look(self) -> None:
        """Take note of what has been told since the last look, on any thread; never fails."""
        try:
            news = [*_news(self._query, self._last)]
        except Exception as exc:  # Spark may be gone, or this thread interrupted
            _logger.debug("Nothing is known of the progress of a stream: %s", exc)
            return
        for one in reversed(news):
            self._last = _key(one)
            rows = rows_of(one)
            is_told = rows > 0 or self._is_sure or not has_moved(one)
            self.rows = None if self.rows is None or not is_told else self.rows + rows
            self.batches += rows > 0 or not is_told
            self.lag = lag_of(one)
            self._tell((one.get("observedMetrics") or {}) if is_told else None)
        if self._run is not None and self._jobs is not None:
            self._run.progress.tell_stream(self._jobs.names.group, self.rows, self.lag)

    def note_end(self) -> None:
        """Note rows and lag of a query that has ended, and log them."""
        self.look()
        note(rows=self.rows, lag=self.lag)
        behind = "" if self.lag is None else f", {self.lag} behind"
        rows = "rows that Spark has not counted" if self.rows is None else f"{self.rows} rows"
        _logger.info("The stream has taken %s in %d batches%s.", rows, self.batches, behind)


def rows_of(progress: Told) -> int:
    """Return how many rows the sources have given; a server of Spark Connect tells it of each.

    >>> rows_of({"numInputRows": 3}), rows_of({"sources": [{"numInputRows": 2}, {}]})
    (3, 2)
    """
    told = progress.get("numInputRows")
    if told is None:
        told = sum(one.get("numInputRows") or 0 for one in progress.get("sources") or ())
    return int(told)


def has_moved(progress: Told) -> bool:
    """Return whether a batch has taken something from its sources.

    >>> has_moved({"sources": [{"startOffset": {"logOffset": 0}, "endOffset": {"logOffset": 1}}]})
    True
    """
    sources = progress.get("sources") or ()
    return any(one.get("startOffset") != one.get("endOffset") for one in sources)


def lag_of(progress: Told) -> int | None:
    """Return how many records or files the sources had still to give; None if nobody tells.

    >>> lag_of({"sources": [{"metrics": {"numFilesOutstanding": "3"}}, {"metrics": {}}]})
    3
    """
    found = [
        int(float(metrics[name]))
        for source in progress.get("sources") or ()
        for metrics in [source.get("metrics") or {}]
        for name in _WAITING
        if name in metrics
    ]
    return sum(found) if found else None


def _news(query: Any, last: tuple[Any, Any] | None) -> Iterator[Told]:
    """Give what was told after the last one, the latest first."""
    for one in _latest_first(query):
        if _key(one) == last:
            return
        yield one


def _latest_first(query: Any) -> Iterator[Told]:
    of_java = getattr(query, "_jsq", None)
    if of_java is None:  # a server tells all at once
        for one in reversed(query.recentProgress):
            yield {**one, "observedMetrics": _plain(one.get("observedMetrics") or {})}
        return
    told = of_java.recentProgress()
    for position in range(len(told) - 1, -1, -1):  # each is a call: most looks find nothing new
        yield json.loads(told[position].json())


def _plain(observed: Mapping[str, Any]) -> dict[str, Told]:
    """Return what a server tells was observed, by the names of the columns.

    >>> row = {"values": [2], "schema": {"type": "struct", "fields": [{"name": "rows"}]}}
    >>> _plain({"checks": row})
    {'checks': {'rows': 2}}
    """
    plain = {}
    for name, told in observed.items():
        row = told.asDict() if hasattr(told, "asDict") else told
        if row.keys() == {"values", "schema"}:  # as Spark 4 writes a row
            columns = [field["name"] for field in row["schema"]["fields"]]
            row = dict(zip(columns, row["values"], strict=True))
        plain[name] = row
    return plain


def _key(progress: Told) -> tuple[Any, Any]:
    """Return what tells one from all others: where nothing comes, a batch is told of often."""
    return progress.get("batchId"), progress.get("timestamp")
