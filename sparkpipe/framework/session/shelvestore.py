"""See :mod:`sparkpipe.session.store`."""

from sparkpipe.session.store import FileSessionStore
from sparkpipe.session.store import FileSessionStore as ShelveStore

__all__ = ["FileSessionStore", "ShelveStore"]
