"""The cleaned tables joined, and three statistics of them side by side."""

from sparkpipe.examples.flights.pipelines.statistics.nodes import (
    delays_by_hour,
    delays_by_route,
    join_flights,
    plot_delays_by_hour,
)
from sparkpipe.pipeline import Pipeline, node, pipeline, sql_node


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    late = "params:late_minutes"
    return pipeline(
        [
            node(join_flights, ["flights", "weather", "planes"], "flights_joined"),
            node(
                delays_by_route,
                ["flights_joined", "source_airports", late, "params:statistics.min_flights"],
                "delays_by_route",
            ),
            sql_node("sql/delays_by_airline.sql", outputs="delays_by_airline"),
            node(delays_by_hour, ["flights_joined", late], "delays_by_hour"),
            node(plot_delays_by_hour, "delays_by_hour", "delays_by_hour_plot"),
        ],
        tags="statistics",
    )
