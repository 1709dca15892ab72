"""What a run would do, for people and programs: as text, JSON, a page or a drawing."""

from sparkpipe.report.planned.planning import planned_nodes
from sparkpipe.report.planned.run import (
    FORMATS,
    PlannedDataSet,
    PlannedNode,
    PlannedRun,
)

__all__ = ["FORMATS", "PlannedDataSet", "PlannedNode", "PlannedRun", "planned_nodes"]
