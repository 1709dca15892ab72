"""See :mod:`sparkpipe.session_store`."""

from sparkpipe.session_store import FileSessionStore
from sparkpipe.session_store import FileSessionStore as ShelveStore

__all__ = ["FileSessionStore", "ShelveStore"]
