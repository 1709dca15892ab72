"""Features by Spark; model and evaluation by scikit-learn on pandas."""

from sparkpipe.examples.flights.pipelines.model.nodes import (
    evaluate,
    make_features,
    split,
    train_model,
)
from sparkpipe.pipeline import Pipeline, node, pipeline


def create_pipeline() -> Pipeline:
    """Return the pipeline."""
    return pipeline(
        [
            node(make_features, ["flights_joined", "params:late_minutes"], "features@spark"),
            node(
                split,
                ["features@pandas", "params:model.test_share"],
                {"train": "train_rows", "test": "test_rows"},
            ),
            node(train_model, ["train_rows", "params:model.options"], "delay_model"),
            node(evaluate, ["delay_model", "test_rows"], "evaluation"),
        ],
        tags="model",
    )
