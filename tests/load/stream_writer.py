"""A run of streams that take what is new, over and over: to be killed.

``python -m tests.load.stream_writer FOLDER`` prints a line after each run that ended well.
"""

from __future__ import annotations

import logging
import sys

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated, get_spark
from tests.load.kill_writer import SETTINGS

#: Of so many rows one is rejected by the stream that is judged.
REJECTED = 3
#: So many keys have a history, to which each row is a change.
KEYS = 5


def entries(folder: str) -> dict[str, dict[str, object]]:
    """Return the entries of the catalog."""
    stream = {"type": "spark.SparkStreamingDataSet"}
    return {
        "numbers": {
            **stream,
            "filepath": f"{folder}/in",
            "file_format": "json",
            "load_args": {"schema": "n LONG", "maxFilesPerTrigger": 1},
        },
        "taken": {
            **stream,
            "filepath": f"{folder}/out",
            "file_format": "delta",
            "save_args": {"checkpoint": f"{folder}/checkpoint"},
        },
        "judged": {
            **stream,
            "filepath": f"{folder}/judged",
            "file_format": "delta",
            "save_args": {"checkpoint": f"{folder}/checkpoint_judged"},
            "checks": [{"check": f"n % {REJECTED} <> 0", "on_fail": "quarantine"}],
        },
        "history": {
            **stream,
            "filepath": f"{folder}/history",
            "file_format": "delta",
            "save_args": {
                "checkpoint": f"{folder}/checkpoint_history",
                "mode": "merge",
                "keys": ["k"],
                "sequence_by": "n",
                "scd": 2,
            },
            "checks": [{"check": f"n % {REJECTED} <> 1", "on_fail": "drop"}],
        },
    }


def main(folder: str) -> None:
    logging.getLogger("sparkpipe").setLevel("ERROR")
    pipe = pipeline(
        [
            node(lambda numbers: numbers, "numbers", "judged", name="judge"),
            node(lambda numbers: numbers, "numbers", "taken", name="take"),
            node(
                lambda numbers: numbers.selectExpr(f"n % {KEYS} AS k", "n"),
                "numbers",
                "history",
                name="follow",
            ),
        ]
    )
    with activated(SparkProvider(SETTINGS)):
        get_spark()
        print("ready", flush=True)
        while True:
            SequentialRunner().run(pipe, DataCatalog.from_config(entries(folder)))
            print("ran", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
