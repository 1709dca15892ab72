"""What checks have found in what a node loads and saves, chunk by chunk where it does so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sparkpipe.events import CheckReport

# What is worse is told of all chunks.
_WORSE = ("passed", "dropped", "quarantined", "warned", "failed")


def with_checks_of(
    known: tuple[CheckReport, ...], found: Iterable[CheckReport]
) -> tuple[CheckReport, ...]:
    """Return what is known with what was found in one more chunk.

    >>> one = CheckReport("trips", "fare >= 0", "save", "passed", 0, 10)
    >>> two = CheckReport("trips", "fare >= 0", "save", "dropped", 3, 10, "3 rows")
    >>> [(all.outcome, all.failed, all.rows) for all in with_checks_of((one,), [two])]
    [('dropped', 3, 20)]
    """
    merged = {(one.data_set, one.check, one.direction): one for one in known}
    for one in found:
        key = (one.data_set, one.check, one.direction)
        merged[key] = _both(merged[key], one) if key in merged else one
    return tuple(merged.values())


def _both(earlier: CheckReport, later: CheckReport) -> CheckReport:
    worse = max(earlier, later, key=lambda one: _WORSE.index(one.outcome))
    return replace(
        worse,
        failed=_sum(earlier.failed, later.failed),
        rows=_sum(earlier.rows, later.rows),
        quarantine=earlier.quarantine or later.quarantine,
    )


def _sum(earlier: int | None, later: int | None) -> int | None:
    return None if earlier is None or later is None else earlier + later
