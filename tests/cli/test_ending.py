"""Ctrl-C, SIGTERM, and runs that go on after a failure: how the command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from cli_project import ShopProject

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]

# Two seconds are promised; the rest is for a machine that is busy with other things.
SOON = 8.0

SPARK_REGISTRY = """
import pathlib
from sparkpipe.pipeline import node, pipeline
from sparkpipe.spark.session import get_spark


def long():
    spark = get_spark()
    spark.range(1).count()
    pathlib.Path("started").touch()
    return spark.range(0, 10**13, 1, 4).selectExpr("sum(id % 1000 * 7 % 11) AS total")


def register_pipelines():
    chain = pipeline([node(long, None, "table")])
    return {"chain": chain, "wide": chain + pipeline([node(lambda: 1, None, "other", name="o")])}
"""

SPARK_CATALOG = """
table:
  type: spark.SparkDataSet
  filepath: data/table
"""


def _interrupted(
    project: ShopProject, number: int, *arguments: str, wait: float = 60.0
) -> tuple[int, str, float]:
    """Run, send a signal once the node has started; return status, errors, seconds to the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", "run", *arguments],
        cwd=project.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + wait
        while not (project.path / "started").exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1.0)
        sent = time.monotonic()
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
        return process.returncode, err, time.monotonic() - sent
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner"])
def test_a_node_that_does_not_stop_holds_nothing_up(
    shop: ShopProject, runner: str, number: int, status: int
) -> None:
    shop.replace(
        "shop/nodes.py",
        "    return [number * factor",
        "    import pathlib, threading, time\n"
        "    pathlib.Path('started').touch()\n"
        "    for _ in range(60):\n"
        "        try:\n"
        "            time.sleep(1)\n"
        "        except BaseException:\n"
        "            pass\n"
        "    return [number * factor",
    )
    ended, err, seconds = _interrupted(shop, number, f"--runner={runner}")
    assert ended == status, err
    assert seconds < SOON
    assert "Traceback" not in err
    assert not (shop.path / "data/doubled.json").exists()
    # Told though the process ends while the node is still at work.
    assert f"\nTo continue from there: sparkpipe run --runner {runner} --from-nodes double\n" in err


def test_who_is_asked_to_end_says_how_to_continue_and_why_there(shop: ShopProject) -> None:
    shop.replace("conf/base/catalog.yml", "report:", "unused:")  # now it is in memory only
    shop.replace(
        "shop/nodes.py",
        "    return str(report)",
        "    import pathlib, time\n"
        "    pathlib.Path('started').touch()\n"
        "    time.sleep(60)\n"
        "    return str(report)",
    )
    ended, err, _ = _interrupted(shop, signal.SIGTERM)
    assert ended == 143
    assert err.count("To continue") == 1
    assert (
        "\nTo continue from there: sparkpipe run --from-nodes total\n"
        "It starts there because 'report' was only in memory.\n"
    ) in err
    assert "Traceback" not in err


@pytest.mark.spark
@pytest.mark.parametrize(
    ("number", "status", "pipeline"),
    [(signal.SIGINT, 130, "chain"), (signal.SIGINT, 130, "wide"), (signal.SIGTERM, 143, "wide")],
    ids=["int-on-main-thread", "int", "term"],
)
def test_spark_jobs_end_with_the_run(
    shop: ShopProject, number: int, status: int, pipeline: str
) -> None:
    shop.write("shop/pipeline_registry.py", SPARK_REGISTRY)
    shop.write("conf/base/catalog.yml", SPARK_CATALOG)
    shop.write(
        "conf/base/spark.yml",
        "spark.master: local[2]\nspark.ui.enabled: false\nspark.profile: dev\n",
    )
    old = shop.path / "data/table"
    old.mkdir(parents=True)
    (old / "part-0").write_text("the old data")
    ended, err, seconds = _interrupted(
        shop, number, "--runner=ThreadRunner", f"--pipeline={pipeline}", wait=120
    )
    assert ended == status, err
    assert seconds < SOON
    assert "Traceback" not in err
    assert [path.name for path in old.iterdir()] == ["part-0"]


def test_a_run_may_go_on_after_a_failure_and_ends_with_a_table(shop: ShopProject) -> None:
    shop.replace(
        "shop/pipeline_registry.py",
        '            node(shout, "report", "shouted"),',
        '            node(shout, "report", "shouted"),\n'
        '            node(shout, "numbers", "loud", name="beside"),',
    )
    shop.replace(
        "shop/nodes.py", '    return {"total"', '    raise ValueError("no")\n    return {"total"'
    )
    for runner in ("SequentialRunner", "ThreadRunner"):
        ended = shop.command("run", f"--runner={runner}", "--continue-on-failure")
        assert ended.status == 1
        rows = {
            line.split()[0]: line.split()[1] for line in ended.err.splitlines() if line.split()[1:]
        }
        assert rows["total"] == "failed"
        assert rows["shout"] == "skipped"
        assert rows["double"] == rows["beside"] == "done"
        assert "ValueError: no" in ended.err
        assert "2 of 4 nodes done, 1 failed" in ended.err


def test_a_runner_without_an_option_says_so(shop: ShopProject) -> None:
    ended = shop.command("run", "--max-workers=2")
    assert ended.status == 2
    assert "SequentialRunner has no option 'max_workers' (--max-workers)" in ended.err
    assert shop.command("run", "--max-workers=2", "--runner=ThreadRunner").status == 0
    assert shop.command("run", "--max-workers=0", "--runner=ThreadRunner").status == 2
