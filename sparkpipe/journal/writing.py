"""The observer that writes a run down while it runs."""

from __future__ import annotations

import logging
import os
import platform

from sparkpipe.events import Event, RunEnded, RunStarted
from sparkpipe.journal.lines import line_of
from sparkpipe.journal.places import Sink, place_at
from sparkpipe.journal.reading import Journal
from sparkpipe.redaction import redacted_text

_logger = logging.getLogger(__name__)


class JournalWriter:
    """Writes each event of a run at once. What cannot be written is told once; the run goes on.

    Args:
        path: The folder or address of the runs.
        keep: How many runs are kept, with this one; older ones are removed at its end. None for
            all.
    """

    def __init__(self, path: str, keep: int | None = None) -> None:
        self._path = path
        self._keep = keep
        self._sink: Sink | None = None
        self._has_failed = False

    def on_event(self, event: Event) -> None:
        """Write an event."""
        try:
            if type(event) is RunStarted:
                owner = {"host": platform.node(), "pid": os.getpid()}
                self._sink = place_at(self._path).new(event.run_id, line_of(event, owner))
            elif self._sink is not None:
                self._sink.write(line_of(event))
                if type(event) is RunEnded:
                    self._sink.close()
                    if self._keep is not None:
                        Journal(self._path).prune(self._keep)
        except (OSError, ImportError, ValueError) as exc:  # a store may lack its package
            self._tell(exc)

    def _tell(self, error: Exception) -> None:
        if self._has_failed:
            return
        self._has_failed = True
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _logger.warning(
            "The journal of this run cannot be written to %s: %s. The run goes on; what is not "
            "in its journal cannot be continued or skipped later.",
            redacted_text(self._path),
            why.rstrip("."),
        )
