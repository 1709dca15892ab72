"""See :mod:`sparkpipe.session`."""

from sparkpipe.errors import SparkpipeError as KedroSessionError
from sparkpipe.session import Session
from sparkpipe.session import Session as KedroSession
from sparkpipe.session.store import BaseSessionStore

__all__ = ["BaseSessionStore", "KedroSession", "KedroSessionError", "Session"]
