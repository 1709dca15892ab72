"""What is kept on behalf of frames is let go of when the last of these is gone."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Collection, Iterable
from typing import Any

_logger = logging.getLogger(__name__)


def let_go_quietly(let_go: Callable[[], object]) -> None:
    """Call what lets go; a session that was stopped holds nothing any more."""
    try:
        let_go()
    except Exception as exc:
        _logger.debug("What frames have read could not be let go of: %s", exc)


def let_go_within(seconds: float, what: Collection[Callable[[], object]]) -> None:
    """Call all that let go, and wait for them no longer than that."""
    if not what:
        return

    def let_go() -> None:
        for one in what:
            let_go_quietly(one)

    thread = threading.Thread(target=let_go, name="sparkpipe-letting-go", daemon=True)
    thread.start()
    thread.join(seconds)


def let_go_after(users: Iterable[Any], let_go: Callable[[], object]) -> None:
    """Let go when none of the objects that read what is kept is there any more."""
    users = [*users]
    left = {id(user) for user in users}

    def forget(which: int) -> None:
        left.discard(which)
        if not left:
            # Python may be anywhere, also in the midst of a call to Spark: not on this thread.
            threading.Thread(target=let_go_quietly, args=(let_go,), daemon=True).start()

    for user in users:
        weakref.finalize(user, forget, id(user)).atexit = False
