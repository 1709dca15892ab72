"""Rehearsals: every node is run on no rows, or a few, and nothing real is written."""

from sparkpipe.session.rehearsing.report import NodeRehearsal, Rehearsal
from sparkpipe.session.rehearsing.running import rehearse

__all__ = ["NodeRehearsal", "Rehearsal", "rehearse"]
