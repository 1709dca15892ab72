"""Runs that were written down: lists, one of them, and what differs between two."""

from sparkpipe.report.runs.differing import Differences
from sparkpipe.report.runs.showing import Runs, ShownRun

__all__ = ["Differences", "Runs", "ShownRun"]
