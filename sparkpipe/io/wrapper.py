"""The base of data sets that are made around another one."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from sparkpipe.io import declared
from sparkpipe.io.data_set import AbstractDataSet
from sparkpipe.io.effects import LoadEffect, SaveEffect


class WrapperDataSet(AbstractDataSet[Any, Any]):
    """A data set around another one, which is asked for each declaration.

    A subclass writes :meth:`_inner`, ``_load``, ``_save``, ``_exists`` and ``_describe``, and
    declares itself where it differs from what is inside. Each declaration is decided here, so that
    none is taken from the guesses of :class:`AbstractDataSet` by mistake.
    """

    @abstractmethod
    def _inner(self) -> Any:
        """Return the data set inside, of any class."""

    def wrapped(self) -> Any | None:
        """Return the data set inside."""
        return self._inner()

    def location(self) -> str:
        """Return where the data set inside lies."""
        return declared.location_of(self._inner())

    def target(self) -> str:
        """Return what the data set inside reads and writes."""
        return declared.target_of(self._inner())

    def save_effect(self) -> SaveEffect:
        """Return what a save of the data set inside does."""
        return declared.save_effect(self._inner())

    def load_effect(self) -> LoadEffect:
        """Return what becomes of what the data set inside loads."""
        return declared.load_effect(self._inner())

    def why_unreadable(self) -> str:
        """Say why the data set inside cannot be loaded."""
        return declared.why_unreadable(self._inner())

    def why_unwritable(self) -> str:
        """Say why the data set inside cannot be saved."""
        return declared.why_unwritable(self._inner())

    def is_confirmable(self) -> bool:
        """Whether :meth:`confirm` can be called."""
        return declared.is_confirmable(self._inner())

    def is_transactional(self) -> bool:
        """Whether a save of the data set inside is one transaction."""
        return declared.is_transactional(self._inner())

    def is_memory_only(self) -> bool:
        """Whether what the data set inside holds ends with the process."""
        return self._EPHEMERAL or declared.is_memory_only(self._inner())

    def is_single_process(self) -> bool:
        """Whether the data set inside must stay in its process."""
        return self._SINGLE_PROCESS or declared.is_single_process(self._inner())

    def state(self) -> str | None:
        """Return the state of the data set inside."""
        return declared.state_of(self._inner())

    def confirm(self) -> None:
        """Tell the data set inside that what was loaded has been dealt with.

        Raises:
            AttributeError: It cannot be confirmed.
        """
        self._inner().confirm()

    def _problems(self) -> list[str]:
        return declared.problems_of(self._inner())

    def _warnings(self) -> list[str]:
        return declared.warnings_of(self._inner())

    def _missing(self) -> str:
        return declared.missing_data(self._inner())

    def _release(self) -> None:
        release_of(self._inner())


def release_of(data_set: Any) -> None:
    """Let a data set of any class go of what it holds in memory, if it can."""
    release = getattr(data_set, "release", None)
    if callable(release):
        release()
