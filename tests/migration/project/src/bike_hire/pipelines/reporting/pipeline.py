from kedro.pipeline import Pipeline, node, pipeline

from .nodes import list_stations, mean_degrees, part_by_kind


def create_pipeline(**kwargs) -> Pipeline:
    return pipeline(
        [
            node(list_stations, "stations_raw", "station_report", name="list_stations_node"),
            node(part_by_kind, "weather", "weather_by_kind", name="part_by_kind_node"),
            node(mean_degrees, "weather", "mean_degrees", name="mean_degrees_node"),
        ]
    )
