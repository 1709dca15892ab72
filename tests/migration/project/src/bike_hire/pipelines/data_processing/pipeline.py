from kedro.pipeline import Pipeline, node, pipeline

from .nodes import clean_rides, join_stations, tidy_stations


def create_pipeline(**kwargs) -> Pipeline:
    return pipeline(
        [
            node(
                func=tidy_stations,
                inputs="stations_raw",
                outputs="stations@csv",
                name="tidy_stations_node",
            ),
            node(
                func=clean_rides,
                inputs=["rides", "params:cleaning"],
                outputs="clean_rides",
                name="clean_rides_node",
            ),
            node(
                func=join_stations,
                inputs=["clean_rides", "stations@spark"],
                outputs="model_input@spark",
                name="join_stations_node",
            ),
        ],
        namespace="data_processing",
        inputs={"rides", "stations_raw"},
        outputs={"model_input", "stations"},
        parameters={"params:cleaning": "params:cleaning"},
        tags="spark",
    )
