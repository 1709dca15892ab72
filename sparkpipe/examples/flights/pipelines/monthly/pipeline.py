"""Nodes that run for each month: one replaces its part of a Delta table, one merges into it."""

from sparkpipe.examples.flights.pipelines.monthly.nodes import delays_by_day, planes_seen
from sparkpipe.pipeline import Pipeline, node, pipeline


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return pipeline(
        [
            node(
                delays_by_day,
                ["flights", "slice:month", "params:late_minutes"],
                "delays_by_day",
            ),
            node(planes_seen, ["flights", "slice:month"], "planes_seen"),
        ],
        tags="monthly",
    )
