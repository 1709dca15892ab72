"""Run the migrated project in one process, and print what each runner made of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sparkpipe.framework.session import KedroSession
from sparkpipe.framework.startup import bootstrap_project

RESULTS = (
    "members.metrics",
    "guests.metrics",
    "members.regressor",
    "guests.regressor",
    "station_report",
)


def results_of(runner: str) -> dict[str, object]:
    metadata = bootstrap_project(Path.cwd())
    with KedroSession.create(metadata.package_name, Path.cwd()) as session:
        outputs = session.run(runner=runner)
        catalog = session.load_context().catalog
        rows = catalog.load("model_input@pandas").sort_values("ride_id")
        return {
            **outputs,
            **{name: catalog.load(name) for name in RESULTS},
            "model_input": rows.values.tolist(),
            "spark": catalog.load("model_input@spark").count(),
        }


if __name__ == "__main__":
    print(json.dumps({runner: results_of(runner) for runner in sys.argv[1:]}))
