from kedro.pipeline import node
from kedro.pipeline.modular_pipeline import pipeline
from kedro.pipeline.pipeline import Pipeline

from .nodes import evaluate, split_guests, split_members, train


def create_pipeline(**kwargs) -> Pipeline:
    template = pipeline(
        [
            node(train, ["X", "params:model_options"], "regressor", name="train_node"),
            node(
                evaluate,
                dict(regressor="regressor", X="X", ids="ids", currency="params:currency"),
                "metrics",
                name="evaluate_node",
            ),
        ]
    )
    splits = pipeline(
        [
            node(split_members, "model_input@pandas", ["members.X", "members.ids"]),
            node(split_guests, "model_input@pandas", ["guests.X", "guests.ids"]),
        ]
    )
    members = pipeline(
        pipe=template, namespace="members", parameters={"params:currency": "params:currency"}
    )
    guests = pipeline(
        pipe=template,
        namespace="guests",
        parameters={
            "params:model_options": "params:model_options",
            "params:currency": "params:currency",
        },
    )
    return splits + members + guests
