"""Run the migrated project under three runners in one process, and print what each made of it."""

from __future__ import annotations

import json
import shutil
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
REPORTS = Path("data/08_reporting")


def run_all(runner: str) -> dict[str, object]:
    """Run the default pipeline as a program of the project's team does."""
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
            "reports": reports(),
        }


def run_main(*arguments: str) -> None:
    """Run the project by its own ``__main__``, as ``python -m bike_hire`` does."""
    from bike_hire.__main__ import main

    main(arguments, standalone_mode=False)


def reports() -> dict[str, str]:
    """Return what the pipeline without Spark has written."""
    return {
        path.relative_to(REPORTS).as_posix(): path.read_text()
        for path in sorted(REPORTS.glob("**/*.[ct]*"))
    }


if __name__ == "__main__":
    made: dict[str, object] = {}
    for runner in ("SequentialRunner", "ThreadRunner"):
        shutil.rmtree(REPORTS, ignore_errors=True)
        made[runner] = run_all(runner)
    shutil.rmtree(REPORTS)
    run_main("--pipeline", "reporting", "--runner", "ParallelRunner")
    made["ParallelRunner"] = reports()
    print(json.dumps(made))
