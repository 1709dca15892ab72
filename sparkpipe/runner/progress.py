"""What attempts at one node have come to, so that none repeats what is saved for good."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sparkpipe.io.declared import is_transactional, save_effect, state_of, unwrapped
from sparkpipe.io.kinds import is_read_once

if TYPE_CHECKING:
    from sparkpipe.runner.account import Account
    from sparkpipe.runner.chunks import Chunks


class Held:
    """Data as it was when it was held.

    Args:
        get: Returns it.
    """

    def __init__(self, get: Callable[[], Any]) -> None:
        self.get = get


class Progress:
    """What attempts at one node have come to.

    Attributes:
        left: What the function has returned and is still to be saved.
        has_saved: Whether a part of that is saved: the next attempt goes on there, and neither
            calls the function nor saves that part again.
        torn: The data set of which a failed save may have left a part; the same save would add it
            again.
        spent: The data set for which a failed save may have read what can be read once only.
        chunks: What a generator gives, whose end is settled when all of it is saved.
        account: What the attempts tell that save one part after the other; None if nobody watches.
    """

    def __init__(self) -> None:
        self.left: deque[dict[str, Any]] = deque()
        self.has_saved = False
        self.torn = self.spent = ""
        self.chunks: Chunks | None = None
        self.account: Account | None = None
        self._states: dict[str, str | None] = {}

    def about_to_save(self, name: str, data_set: Any) -> None:
        """Take down what is there, where a save adds to it piece by piece."""
        if _adds_piecewise(data_set):
            self._states[name] = state_of(data_set)

    def could_not_save(self, name: str, data_set: Any, data: Any) -> None:
        """Find out whether a failed save has left a part of what it was to add, or read it."""
        if is_read_once(data):
            self.spent = name
        if name not in self._states:
            return
        before = self._states[name]
        if before is None or state_of(data_set) != before:
            self.torn = name

    def note_saved(self, name: str) -> None:
        """Take down that the next part of a data set is saved for good."""
        self.has_saved = True
        self.left[0].pop(name, None)


def _adds_piecewise(data_set: Any) -> bool:
    """Whether a save that fails may have added a part, which the same save would add again."""
    inner = unwrapped(data_set)
    if save_effect(data_set) == "append" and not _is_whole(inner):
        return True
    return hasattr(type(inner), "appends_parts") and bool(inner.appends_parts())


def _is_whole(inner: Any) -> bool:
    return getattr(type(inner), "_APPENDS_WHOLE", False) is True or is_transactional(inner)
