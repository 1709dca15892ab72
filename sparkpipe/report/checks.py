"""What checks have found, in words and as the cells of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from sparkpipe.events import CheckReport
from sparkpipe.report.text import printable

CHECK_TITLES = ("Data set", "Check", "Outcome", "Failed", "Rows", "Found", "Node")


def told_checks(checks: Iterable[CheckReport]) -> str:
    """Return how checks went in a few words; empty if there are none.

    >>> passed = CheckReport("trips", "not_null id", "save")
    >>> told_checks([passed, CheckReport("trips", "fare >= 0", "save", "dropped")])
    'checks: 1 passed, 1 dropped'
    """
    counts = Counter(check.outcome for check in checks)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    return f"checks: {told}" if told else ""


def told_failures(checks: Iterable[CheckReport]) -> str:
    """Return how checks went that have found something; empty if all passed."""
    return told_checks(check for check in checks if check.outcome != "passed")


def check_rows(
    checks: Mapping[str, Iterable[CheckReport]], only_failed: bool = False
) -> Iterator[list[str]]:
    """Give checks as the cells below :data:`CHECK_TITLES`.

    Args:
        checks: By the node whose data they judged.
        only_failed: Leave out those that passed.
    """
    for node, found in checks.items():
        for one in found:
            if only_failed and one.outcome == "passed":
                continue
            place = f"; see {one.quarantine}" if one.quarantine else ""
            cells = [one.data_set, one.check, one.outcome, _number(one.failed), _number(one.rows)]
            yield [printable(cell) for cell in (*cells, one.told + place, node)]


def _number(count: int | None) -> str:
    return "" if count is None else str(count)
