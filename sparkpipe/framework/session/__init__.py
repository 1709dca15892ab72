"""See :mod:`sparkpipe.session`."""

from sparkpipe.session import Session
from sparkpipe.session import Session as KedroSession

__all__ = ["KedroSession", "Session"]
