"""How far a stream has come: rows that it has taken, and what it had still to take."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from sparkpipe.io.facts import note

_logger = logging.getLogger(__name__)

#: What sources tell of what waits: Kafka of records, Delta and folders of files.
_WAITING = ("maxOffsetsBehindLatest", "numFilesOutstanding")


def note_progress(query: Any) -> None:
    """Note rows and lag of a query that has ended, and log them; never fails.

    Args:
        query: The query.
    """
    try:
        told = [_as_mapping(one) for one in query.recentProgress]
    except Exception as exc:  # Spark may be gone
        _logger.debug("Nothing is known of the progress of a stream: %s", exc)
        return
    rows = sum(int(one.get("numInputRows") or 0) for one in told)
    lag = lag_of(told[-1]) if told else None
    note(rows=rows, lag=lag)
    behind = "" if lag is None else f", {lag} behind"
    _logger.info("The stream has taken %d rows in %d batches%s.", rows, len(told), behind)


def lag_of(progress: Mapping[str, Any]) -> int | None:
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


def _as_mapping(progress: Any) -> Mapping[str, Any]:
    if isinstance(progress, Mapping):
        return progress
    told: Mapping[str, Any] = json.loads(progress.json)
    return told
