"""A Spark project of Kedro 0.18 runs after the one command of the page, without a further edit.

Kedro 0.18.14 itself runs the project before the command, with what is expected here; try it again
when the project is changed.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from migration import PROJECT, migrate, run_python

pytestmark = pytest.mark.slow

EXPECTED = {
    "mean_degrees": 5.67,
    "members.metrics": {"revenue": 3.0, "rides": [1, 2, 3], "currency": "GBP"},
    "guests.metrics": {"revenue": 12.0, "rides": [4, 5, 7], "currency": "GBP"},
    "members.regressor": {"slope": 0.05, "intercept": 0.0, "rides": 3},
    "guests.regressor": {"slope": 0.1, "intercept": 1.0, "rides": 3},
    "station_report": ["Harbour", "Market", "Station"],
    "model_input": [
        [1, "Harbour", "member", 10],
        [2, "Harbour", "member", 30],
        [3, "Market", "member", 20],
        [4, "Market", "guest", 15],
        [5, "Station", "guest", 45],
        [7, "Harbour", "guest", 30],
    ],
    "spark": 6,
}

REPORTS = {
    "stations.txt": "Harbour\nMarket\nStation",
    "weather/rain.csv": "day,kind,degrees\n2024-01-01,rain,4\n2024-01-03,rain,6\n",
    "weather/sun.csv": "day,kind,degrees\n2024-01-02,sun,7\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated") / "project"
    shutil.copytree(PROJECT, folder)
    migrate(folder)
    return folder


@pytest.mark.spark
def test_runs_alike_under_three_runners(project: Path) -> None:
    """Under ParallelRunner the pipeline that has no Spark data set, by the project's own main."""
    told = run_python(project, str(Path(__file__).with_name("runs_of_project.py")))
    made = json.loads(told.splitlines()[-1])
    whole = {**EXPECTED, "reports": REPORTS}
    assert made == {"SequentialRunner": whole, "ThreadRunner": whole, "ParallelRunner": REPORTS}
    models = project / "data" / "06_models" / "members.pkl"
    assert len(list(models.glob("*/members.pkl"))) == 2
    assert "clean_rides_node made data_processing.clean_rides" in (project / "info.log").read_text()


@pytest.mark.spark
def test_its_own_tests_pass(project: Path) -> None:
    told = run_python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "src/tests")
    assert "8 passed" in told


def test_other_spelling_is_migrated_alike(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    for path in [*folder.glob("conf/**/*.yml"), *folder.glob("src/**/*.py")]:
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"kedro\.extras\.datasets", "kedro_datasets", text)
        path.write_text(text.replace("DataSet", "Dataset"), encoding="utf-8")
    migrate(folder)
    told = run_python(
        folder,
        "-c",
        "from sparkpipe.session import Session\n"
        "from sparkpipe.io import DataCatalog\n"
        "session = Session()\n"
        "catalog = DataCatalog.from_config(session.config_loader['catalog'])\n"
        "print(len(session.pipelines['__default__'].nodes), len(catalog))\n"
        "print(type(catalog['weather']).__module__)\n",
    )
    assert told.splitlines() == ["12 13", "sparkpipe.datasets.pandas.tables"]
