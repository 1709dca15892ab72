"""The session: from what is asked for to a run in which nothing is left to find wrong."""

from sparkpipe.session.choosing_runner import RUNNERS, load_runner
from sparkpipe.session.opened import ENVIRONMENT_VARIABLE
from sparkpipe.session.prepared import PreparedRun
from sparkpipe.session.selection import Relation, Selection
from sparkpipe.session.session import Session

__all__ = [
    "ENVIRONMENT_VARIABLE",
    "RUNNERS",
    "PreparedRun",
    "Relation",
    "Selection",
    "Session",
    "load_runner",
]
