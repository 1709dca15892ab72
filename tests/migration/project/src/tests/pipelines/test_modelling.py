import logging

import pandas as pd
from bike_hire.pipelines.modelling import create_pipeline
from kedro.io import DataCatalog, MemoryDataSet
from kedro.runner import SequentialRunner


def test_members(caplog):
    catalog = DataCatalog()
    catalog.add_feed_dict(
        {
            "members.X": pd.DataFrame({"minutes": [10, 20]}),
            "members.ids": pd.Series([1, 2]),
            "params:members.model_options": {"price": {"per_minute": 1, "unlock": 2}},
            "params:currency": "EUR",
        }
    )
    catalog.add("members.metrics", MemoryDataSet())
    caplog.set_level(logging.DEBUG, logger="kedro")
    pipeline = create_pipeline().only_nodes_with_namespace("members")
    SequentialRunner().run(pipeline, catalog)
    assert catalog.load("members.metrics")["revenue"] == 34.0
    assert "Loading data from 'members.X'" in caplog.text
