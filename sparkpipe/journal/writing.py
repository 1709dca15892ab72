"""The observer that writes a run down while it runs."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import replace

from sparkpipe.errors import ConfigError
from sparkpipe.events import Event, NodeEnded, NodeRetried, RunEnded, RunStarted
from sparkpipe.journal.lines import line_of
from sparkpipe.journal.places import Sink, place_at
from sparkpipe.journal.reading import Journal
from sparkpipe.redaction import redacted_text, without

_logger = logging.getLogger(__name__)


class JournalWriter:
    """Writes each event of a run at once. What cannot be written is told once; the run goes on.

    Args:
        path: The folder or address of the runs.
        keep: How many runs are kept, with this one; older ones are removed at its end. None for
            all.
        secrets: Gives what no error may tell; called when there is one.
    """

    def __init__(
        self,
        path: str,
        keep: int | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._path = path
        self._keep = keep
        self._secrets = secrets
        self._sink: Sink | None = None
        self._has_failed = False

    @property
    def has_begun(self) -> bool:
        """Whether the start of the run is written, without which it cannot be continued."""
        return self._sink is not None

    def on_event(self, event: Event) -> None:
        """Write an event."""
        try:
            if type(event) is RunStarted:
                owner = {"host": platform.node(), "pid": os.getpid()}
                self._sink = place_at(self._path).new(event.run_id, line_of(event, owner))
            elif self._sink is not None:
                self._sink.write(line_of(self._hidden(event)))
                if type(event) is RunEnded:
                    self._sink.close()
                    if self._keep is not None:
                        Journal(self._path).prune(self._keep, event.run_id)
        except ConfigError as exc:
            self._tell(exc.message.rstrip("."))
        except (OSError, ImportError, ValueError) as exc:  # a store may lack its package
            why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            where = redacted_text(self._path)
            self._tell(f"The journal of this run cannot be written to {where}: {why.rstrip('.')}")

    def _hidden(self, event: Event) -> Event:
        """Return an event whose error tells no secret, as one of the user's may."""
        if not isinstance(event, (NodeEnded, NodeRetried)) or event.error is None:
            return event
        secrets = self._secrets()
        message = without(secrets, event.error.message)
        lines = tuple((place, without(secrets, line)) for place, line in event.error.lines)
        return replace(event, error=replace(event.error, message=message, lines=lines))

    def _tell(self, why: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            _logger.warning(
                "%s. The run goes on; what is not in its journal cannot be continued or skipped "
                "later.",
                why,
            )
