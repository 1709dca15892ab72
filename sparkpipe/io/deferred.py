"""A data set of another environment, for reading only."""

from __future__ import annotations

import logging
import threading
from typing import Any, NoReturn

from sparkpipe.errors import DataSetError
from sparkpipe.io.declared import gives_handle, location_of
from sparkpipe.io.for_run import FOREIGN, ONLY_READ, InRun, forget, of_run
from sparkpipe.io.wrapper import WrapperDataSet

_logger = logging.getLogger(__name__)


class DeferredDataSet(WrapperDataSet):
    """Loads what another environment has; a save or a confirm is refused.

    Args:
        data_set: That of the other environment.
        environment: The name of the other environment.
        own: The data set of this environment, where only Spark can tell whether it has data: the
            first load of a run asks, and what has data is read from there.
    """

    def __init__(self, data_set: Any, environment: str, own: Any = None) -> None:
        self._deferred_to = data_set
        self.environment = environment
        self.own = own
        self._chosen: Any = data_set if own is None else None
        self._lock = threading.RLock()

    def _inner(self) -> Any:
        return self._deferred_to if self._chosen is None else self._chosen

    def _choose(self) -> Any:
        with self._lock:
            if self._chosen is None:
                self._chosen = self.own if self.own.exists() else self._deferred_to
                _logger.info("Reading from %s.", location_of(self._chosen))
            return self._chosen

    def _load(self) -> Any:
        chosen = self._choose()
        data = chosen.load()
        if chosen is self._deferred_to and type(data).__module__.startswith("delta."):
            raise DataSetError(self.why_unreadable() or _handle(self.environment))
        return data

    def _save(self, data: Any) -> NoReturn:
        raise DataSetError(self.why_unwritable())

    def confirm(self) -> NoReturn:
        """Refuse: what was dealt with here was not dealt with there.

        Raises:
            DataSetError: Always.
        """
        raise DataSetError(self.why_unwritable())

    def is_confirmable(self) -> bool:
        """Whether it can be confirmed: it cannot."""
        return False

    def why_unreadable(self) -> str:
        """Say why it cannot be loaded, or must not be: it would give what can change the data."""
        told = super().why_unreadable()
        return told or (_handle(self.environment) if gives_handle(self._deferred_to) else "")

    def why_unwritable(self) -> str:
        """Say that it is for reading only."""
        return (
            f"it is read from the environment '{self.environment}', where nothing is changed. "
            "Give it an entry of its own in this environment."
        )

    def _exists(self) -> bool:
        return bool(self._choose().exists())

    def _missing(self) -> str:
        told = super()._missing()
        return f"{told}; neither has the environment of this run any data" if told else ""

    def _describe(self) -> dict[str, Any]:
        return {"environment": self.environment, "filepath": self.location()}

    def _of_run(self, part: InRun) -> DeferredDataSet:
        own = None if self.own is None else of_run(self.own, ONLY_READ)
        return DeferredDataSet(of_run(self._deferred_to, FOREIGN), self.environment, own)

    def _forget(self) -> None:
        forget(self._deferred_to)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())


def _handle(environment: str) -> str:
    return (
        f"it loads a DeltaTable, by which a node could change the table of '{environment}'. "
        "Read it as a frame, or give it an entry of its own in this environment."
    )
