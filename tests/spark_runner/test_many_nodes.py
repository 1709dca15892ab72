"""Many nodes on many threads, and what the live UI tells of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The UI belongs to a session of its own: that of the tests has none.
_WITH_UI = """
import json, sys, urllib.request
from pathlib import Path
from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ThreadRunner
from sparkpipe.description import RunDescription, describing
from sparkpipe.spark.session import SparkProvider, activated, get_spark

folder = Path(sys.argv[1])
settings = {"spark.master": "local[2]", "spark.ui.port": 0, "spark.sql.shuffle.partitions": 1}
provider = SparkProvider(settings, log_file=folder / "spark.log")
pipe = pipeline([
    node(lambda: get_spark().range(9).groupBy("id").count(), None, "shared", name="make"),
    node(lambda f: f, "shared", "table", name="keep"),
    node(lambda f: f.count(), "shared", "total", name="count"),
])
with activated(provider), describing(RunDescription(pipeline="daily")):
    catalog = DataCatalog({"table": SparkDataSet(str(folder / "table"))})
    ThreadRunner().run(pipe, catalog, session_id="a run")
context = provider.get().sparkContext
base = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}"
answers = {}
for what in ("jobs", "storage/rdd"):
    with urllib.request.urlopen(f"{base}/{what}") as answer:
        answers[what] = json.load(answer)
provider.stop()
print(json.dumps(answers))
"""


@pytest.mark.classic("local properties are the JVM's")
def test_200_nodes_on_16_threads_ten_times_over(spark: SparkSession) -> None:
    def look(x: int, name: str) -> str:
        group = spark.sparkContext.getLocalProperty("spark.jobGroup.id") or ""
        return group.partition("/")[2] + ("" if x else "?")

    first = [
        node(lambda x, n=n: look(x, n), "x", f"{n}_out", name=n)
        for n in map("n{}".format, range(100))
    ]
    second = [
        node(lambda seen, n=n: f"{seen} {look(1, n)}", f"n{i}_out", f"{n}_out", name=n)
        for i, n in enumerate(map("m{}".format, range(100)))
    ]
    pipe = pipeline([*first, *second])
    for _ in range(10):
        outputs = ThreadRunner(max_workers=16).run(pipe, DataCatalog(feed_dict={"x": 1}))
        assert outputs == {f"m{i}_out": f"n{i} m{i}" for i in range(100)}


@pytest.mark.spark
def test_the_live_ui_tells_groups_descriptions_and_tags(delta_jars: None, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITH_UI, str(tmp_path)], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    jobs = answers["jobs"]
    assert {job["jobGroup"] for job in jobs} == {"a run/make", "a run/keep", "a run/count"}
    assert {job["description"] for job in jobs} == {
        "daily · make · save shared",
        "daily · keep · save table",
        "daily · count",
    }
    for job in jobs:
        assert [tag for tag in job["jobTags"] if tag.startswith(f"{job['jobGroup']}/")]
    assert answers["storage/rdd"] == []
