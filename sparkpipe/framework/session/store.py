"""See :mod:`sparkpipe.session.store`."""

from sparkpipe.session.store import BaseSessionStore

__all__ = ["BaseSessionStore"]
