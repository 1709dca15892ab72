"""The observer that tells the lineage of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sparkpipe.events import Event, NodeRetried, NodeStarted, RunEnded, RunStarted
from sparkpipe.report.lineage.known import Ask, Known
from sparkpipe.report.lineage.sending import Send, Sender
from sparkpipe.report.lineage.settings import LineageSettings


class LineageObserver:
    """Tells a run as OpenLineage; never fails it, and never lets it wait but for its end.

    Args:
        settings: How it is told.
        ask: Tells what is known of a data set; by default nothing is.
        secrets: Gives what no error may tell; called when there is one.
    """

    wants_origins = True

    def __init__(
        self,
        settings: LineageSettings,
        ask: Ask = lambda name: Known(),
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._settings = settings
        self._ask = ask
        self._secrets = secrets
        self._sender: Sender[Event] | None = None

    def on_event(self, event: Event) -> None:
        """Pass an event on."""
        if isinstance(event, RunStarted):
            settings = self._settings
            self._sender = Sender("lineage", self._opened, settings.queue, settings.flush_seconds)
        if self._sender is None or isinstance(event, NodeRetried):
            return
        self._sender.send(event)
        if isinstance(event, RunEnded):
            self._sender.close()
            self._sender = None

    def _opened(self) -> Send[Event]:
        # Loads the client, and with it a good deal more: beside the run, not before it.
        from openlineage.client.transport import get_default_factory

        from sparkpipe.report.lineage.building import Builder

        transport = get_default_factory().create(_for_client(dict(self._settings.transport)))
        builder = Builder(self._settings, self._ask, self._secrets)

        tells_plan = self._settings.static

        def send(event: Event) -> Iterator[None] | None:
            nonlocal tells_plan
            for told in builder.build(event):
                transport.emit(told)
            # Where no node has to run, an earlier run has told the same.
            if tells_plan and isinstance(event, NodeStarted):
                tells_plan = False
                return (transport.emit(one) for one in builder.build_plan())
            return None

        return send


def _for_client(transport: dict[str, Any]) -> dict[str, Any]:
    """Return what the client takes: one file for all events, and no long trying."""
    if transport["type"] == "file":
        return {"append": True, **transport}
    return {"retry": {"total": 2, "connect": 2, "read": 1}, **transport}
