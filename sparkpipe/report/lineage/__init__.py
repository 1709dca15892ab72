"""What a run has made of what, told to whoever speaks OpenLineage.

:class:`LineageObserver` takes the events of a run, and a thread of its own makes those of the
standard of them, and sends them by ``openlineage-python``.
"""

from sparkpipe.report.lineage.observer import LineageObserver
from sparkpipe.report.lineage.settings import LineageSettings

__all__ = ["LineageObserver", "LineageSettings"]
