"""Whether saves have as many rows as those of the last good run."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sparkpipe.events import NodeEnded, RunObserver
from sparkpipe.io import DataCatalog
from sparkpipe.journal.records import NodeRecord
from sparkpipe.words import counted

_logger = logging.getLogger(__name__)


class DriftWatch(RunObserver):
    """Warns of a save with fewer rows than a share of those of the last good run.

    Args:
        rows: How many rows were saved then, by data set.
        shares: The share below which a warning is due, by data set.
    """

    def __init__(self, rows: Mapping[str, int], shares: Mapping[str, float]) -> None:
        self._rows = rows
        self._shares = shares

    @classmethod
    def of(
        cls, last_good: Mapping[str, NodeRecord], catalog: DataCatalog, share: float | None
    ) -> DriftWatch | None:
        """Return what watches the saves of nodes; None if there is nothing to watch.

        Args:
            last_good: What the nodes did when they last ran well.
            catalog: Tells the share of a data set, where it has one of its own.
            share: The share where it has none; None for no warning.
        """
        rows = {
            name: report.rows
            for record in last_good.values()
            for name, report in record.saved.items()
            if report.rows is not None
        }
        shares = {
            name: (catalog.config_of(name) or {}).get("warn_below", share)
            for name in rows
            if name in catalog
        }
        watched = {name: one for name, one in shares.items() if one is not None}
        return cls(rows, watched) if watched else None

    def on_node_ended(self, event: NodeEnded) -> None:
        """Compare what it has saved."""
        if event.status != "done":
            return
        for report in event.data_sets:
            share = self._shares.get(report.name)
            if report.direction != "save" or report.rows is None or share is None:
                continue
            before = self._rows[report.name]
            if report.rows < share * before:
                _logger.warning(
                    "'%s' was saved with %s by node '%s': fewer than %g%% of the %d rows of "
                    "the last good run.",
                    report.name,
                    counted(report.rows, "row"),
                    event.node,
                    share * 100,
                    before,
                )
