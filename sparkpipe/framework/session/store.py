"""See :mod:`sparkpipe.session_store`."""

from sparkpipe.session_store import BaseSessionStore

__all__ = ["BaseSessionStore"]
