"""Settings that a node puts on the session: they hold for all nodes, and that is told."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

# What Delta itself sets when it reads and writes tables.
_OF_DELTA = ("spark.databricks.delta.lastCommitVersionInSession", "spark.sql.parquet.fieldId.")


class Settings:
    """What is known of the settings of a run's session. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: SparkSession | None = None
        self._known: dict[str, str] = {}
        self._map: Any = None
        self._told: set[str] = set()

    def note(self, session: SparkSession) -> None:
        """Note the settings of a session that has not been seen yet."""
        with self._lock:
            if session is not self._of:
                self._look(session)

    def tell(self, session: SparkSession, node: str) -> None:
        """Warn of settings that are not as they were when it was looked last.

        Args:
            session: The session.
            node: The node that has ended.
        """
        with self._lock:
            if session is not self._of:
                return
            before = self._known
            if not self._look(session):
                return
            changed = {
                name
                for name in {*before, *self._known}
                if before.get(name) != self._known.get(name) and not name.startswith(_OF_DELTA)
            }
            new = sorted(changed - self._told)
            self._told |= changed
        if new:
            _logger.warning(
                "Settings of the Spark session were changed while node '%s' ran: %s. They hold for "
                "all other nodes, too. Set them in spark.yml, or let the node put them back.",
                node,
                ", ".join(new),
            )

    def _look(self, session: Any) -> bool:
        """Take the settings as known; return whether they may differ from what was known."""
        try:
            if not is_connect(session):  # one comparison in the JVM, for almost always nothing
                found = session._jsparkSession.sessionState().conf().getAllConfs()
                if session is self._of and self._map is not None and found.equals(self._map):
                    return False
                self._map = found
            self._known = dict(session.conf.getAll)
        except Exception as exc:  # before Spark 4.0, or where the JVM is guarded
            _logger.debug("The settings of the session are not known: %s", exc)
            self._known = {}
        self._of = session
        return True
