"""From the start of a Spark session through a first job, a Delta write and read, and these again.

Each way has processes of its own. ``local`` and ``dev`` are our profiles, tuned or not; ``by hand``
is pyspark with Delta's own helper. Delta's jars are in Spark's own cache, so nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.report import Report

RUNS = 3

CODE = """
import json, os, sys, tempfile, time
from pathlib import Path

way, folder = sys.argv[1], sys.argv[2]
steps = [time.perf_counter()]
if way == "by hand":
    from delta import configure_spark_with_delta_pip
    from pyspark.sql import SparkSession
    builder = SparkSession.builder.master("local[2]").config(map={
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.jars.ivySettings": sys.argv[3],
    })
    spark = configure_spark_with_delta_pip(builder).getOrCreate()
else:
    from sparkpipe.spark.session import SparkProvider
    settings = {"spark.master": "local[2]", "spark.profile": way, "spark.ui.port": 0}
    spark = SparkProvider(settings, log_file=Path(folder, "spark.log")).get()
steps.append(time.perf_counter())
for _ in range(2):
    spark.range(1000).groupBy("id").count().collect()
    steps.append(time.perf_counter())
    spark.range(1000).write.format("delta").mode("overwrite").save(f"{folder}/table")
    steps.append(time.perf_counter())
    spark.read.format("delta").load(f"{folder}/table").count()
    steps.append(time.perf_counter())
spark.stop()
print("\\n" + json.dumps([end - start for start, end in zip(steps, steps[1:])]))
"""

IVY = Path(__file__).parents[2] / "sparkpipe/spark/ivysettings.xml"


def steps_of(way: str, cache: str | None) -> list[float]:
    """Return the seconds of each step in the fastest of some processes."""
    environment = dict(os.environ)
    if cache is not None:
        environment["SPARKPIPE_CACHE"] = cache
    fastest: list[float] = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            ended = subprocess.run(
                [sys.executable, "-c", CODE, way, folder, str(IVY)],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
            )
        steps = json.loads(ended.stdout.splitlines()[-1])
        if not fastest or sum(steps) < sum(fastest):
            fastest = steps
    return fastest


def run(report: Report) -> None:
    report.title(f"Start, job, Delta write and read, and these again: the fastest of {RUNS}")
    subprocess.run([sys.executable, "-m", "sparkpipe", "session", "tune"], check=True)
    with tempfile.TemporaryDirectory() as empty:
        jars_only = Path(empty, "jars-only")
        ways = {
            "by hand": ("by hand", None, None),
            "local, jars kept": ("local", str(jars_only), None),
            "local, tuned": ("local", None, None),
            "dev, jars kept": ("dev", str(jars_only), None),
            "dev, tuned": ("dev", None, 10.0),
        }
        for name, (way, cache, limit) in ways.items():
            steps = steps_of(way, cache)
            shown = " ".join(f"{seconds:.1f}" for seconds in steps)
            report.line(f"{name}: {shown}", sum(steps), "s", limit)


if __name__ == "__main__":
    run(Report())
