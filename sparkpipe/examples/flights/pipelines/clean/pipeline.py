"""Three tables land as files and are cleaned, each independently of the others."""

from sparkpipe.examples.flights.pipelines.clean.nodes import (
    clean_flights,
    clean_planes,
    clean_weather,
    land,
)
from sparkpipe.pipeline import Pipeline, node, pipeline


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return pipeline(
        [
            node(land, "source_flights", "raw_flights@pandas", name="land_flights"),
            node(land, "source_weather", "raw_weather@pandas", name="land_weather"),
            node(land, "source_planes", "raw_planes@pandas", name="land_planes"),
            node(clean_flights, "raw_flights@spark", "flights"),
            node(clean_weather, ["raw_weather@spark", "params:clean.max_wind_speed"], "weather"),
            node(clean_planes, "raw_planes@spark", "planes"),
        ],
        tags="clean",
    )
