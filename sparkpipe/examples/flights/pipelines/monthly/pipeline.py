"""One node that runs for each month, and replaces the part of this month in a Delta table."""

from sparkpipe.examples.flights.pipelines.monthly.nodes import delays_by_day
from sparkpipe.pipeline import Pipeline, node, pipeline


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return pipeline(
        [
            node(
                delays_by_day,
                ["flights", "slice:month", "params:late_minutes"],
                "delays_by_day",
            )
        ],
        tags="monthly",
    )
