"""Checks of the whole where a generator gives it chunk by chunk, each saved before the next.

How many rows there are and how fresh they are is known when all chunks are there: it is judged
then, and can only be warned of. A chunk is judged by itself by all other checks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sparkpipe.checks.findings import Finding
from sparkpipe.checks.words import Check, Fresh, Refers, Rows, Unique


@dataclass
class ChunksJudged:
    """What has been found in the chunks of one data set so far.

    Attributes:
        saved: How many chunks are saved.
    """

    saved: int = 0
    _found: dict[str, Finding] = field(default_factory=dict)
    _of_this: dict[str, Finding] = field(default_factory=dict)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Within it, a chunk is judged and saved; if that fails, it may come again."""
        self._of_this = {}
        yield
        self.saved += 1
        for name, one in self._of_this.items():
            self._found[name] = _both(self._found[name], one) if name in self._found else one

    def take(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Keep what is judged when all chunks are there, and return the rest.

        Args:
            findings: Those of one chunk.
        """
        rest = []
        for one in findings:
            if _is_judged_at_the_end(one.check):
                self._of_this[one.check.name] = one
            else:
                rest.append(one)
        return tuple(rest)

    def findings(self, checks: Sequence[Check], rows_before: int | None) -> tuple[Finding, ...]:
        """Return what checks of the whole have found in all chunks.

        Args:
            checks: The checks of the data set.
            rows_before: How many rows the last good run saved.
        """
        now = dt.datetime.now(dt.timezone.utc)
        if not self.saved:  # without chunks, nothing was judged
            there = [Finding(check, None, 0) for check in checks if _is_of_all(check)]
        else:
            there = [self._found[check.name] for check in checks if check.name in self._found]
        found = []
        for one in there:
            if isinstance(one.check, Rows):
                told = "" if one.rows is None else one.check.why_not(one.rows, rows_before)
            else:
                assert isinstance(one.check, Fresh)
                told = one.check.why_not(one.latest, now)
            found.append(replace(one, told=told))
        return tuple(found)


def _both(one: Finding, other: Finding) -> Finding:
    known = [value for value in (one.latest, other.latest) if value is not None]
    rows = None if one.rows is None or other.rows is None else one.rows + other.rows
    return replace(one, rows=rows, latest=max(known, default=None))


def _is_of_all(check: Check) -> bool:
    return isinstance(check, (Rows, Fresh))


def _is_judged_at_the_end(check: Check) -> bool:
    return _is_of_all(check) and check.on_fail == "warn"


def chunk_problems(name: str, checks: Sequence[Check]) -> list[str]:
    """Tell which checks can keep nothing from being saved where several chunks are.

    Args:
        name: The data set.
        checks: Its checks.
    """
    told = [
        f"check '{check.name}': '{check.word}' is of all of it, and its function is a generator, "
        "of which each chunk is saved before the next one is there. Give the check on_fail: warn, "
        "and all chunks are judged together at the end; or return all of it at once."
        for check in checks
        if _is_of_all(check) and not _is_judged_at_the_end(check)
    ]
    return told + [
        f"check '{check.name}': it refers to '{name}' itself, and its function is a generator: a "
        "chunk may refer to rows of another one. Return all of it at once."
        for check in checks
        if isinstance(check, Refers) and check.data_set == name
    ]


def chunk_warnings(checks: Sequence[Check]) -> list[str]:
    """Tell which checks see less where several chunks are saved.

    Args:
        checks: The checks of the data set.
    """
    return [
        f"check '{check.name}': its function is a generator, and each chunk is judged by itself: "
        "what is there twice in two chunks is not seen."
        for check in checks
        if isinstance(check, Unique)
    ]


def partition_problems(checks: Sequence[Check]) -> list[str]:
    """Tell which checks are not possible for partitions, of which each is judged by itself.

    Args:
        checks: The checks of the data set.
    """
    return [
        f"check '{check.name}': each partition is judged by itself, and is not compared with all "
        "that the last good run saved (change). Give min and max, which hold for each partition."
        for check in checks
        if isinstance(check, Rows) and check.change is not None
    ]
