"""Who uses a Spark session of this process: one that was started here ends with its last user."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

from sparkpipe.spark.active import is_connect

_USERS = "_sparkpipe_users"


class Users:
    """The users of one session. Used under the lock of whoever starts and stops Spark.

    Who has started it uses it until it says that it does not. Others do so no longer than they are
    there themselves.
    """

    def __init__(self) -> None:
        self._owner: object | None = None
        self._others: weakref.WeakSet[object] = weakref.WeakSet()
        self._is_ours = False

    def own(self, owner: object) -> None:
        """Note who has started the session."""
        self._owner, self._is_ours = owner, True

    def add(self, user: object) -> None:
        """Note one who uses it, too."""
        if user is not self._owner:
            self._others.add(user)

    def leave(self, user: object) -> bool:
        """Note that one does not use it any more; return whether it is to be stopped."""
        was_user = user is self._owner or user in self._others
        if user is self._owner:
            self._owner = None
        self._others.discard(user)
        return was_user and self._is_ours and self._owner is None and not self._others


def users_of(session: Any) -> Users:
    """Return the users of a session; those of classic Spark share what there is one of."""
    holder = session if is_connect(session) else getattr(session, "_sc", session)
    users: Users | None = getattr(holder, _USERS, None)
    if users is None:
        users = Users()
        with suppress(AttributeError):  # what a program gives in place of a session takes none
            setattr(holder, _USERS, users)
    return users
