"""Ctrl-C, SIGTERM, and runs that go on after a failure: how the command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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

PROCESSES_REGISTRY = """
import pathlib, time
from sparkpipe.pipeline import node, pipeline

def large():
    return "x" * 1_000_000

def long(given):
    pathlib.Path("started").touch()
    time.sleep(60)

def register_pipelines():
    nodes = [node(large, None, "a"), node(long, "a", "b")]
    return {"__default__": pipeline(nodes)}
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


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["ParallelRunner", "HybridRunner"])
def test_data_between_processes_is_gone_with_a_run_that_does_not_wait(
    shop: ShopProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    shop.write("shop/pipeline_registry.py", PROCESSES_REGISTRY)
    ended, err, seconds = _interrupted(shop, signal.SIGTERM, f"--runner={runner}")
    assert ended == 143, err
    assert seconds < SOON
    assert "Traceback" not in err
    assert "after 30 s" not in err
    assert [one for one in temporary.rglob("*") if one.is_file()] == []


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
    assert err.count("To continue from there: ") == err.count("To continue: ") == 1
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


STARTING = """
import os, signal, sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})


sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
@pytest.mark.parametrize(
    "module", ["sparkpipe.cli.project_command", "sparkpipe.session", "shop.pipeline_registry"]
)
def test_a_signal_while_it_starts_ends_it_with_its_status(
    shop: ShopProject, module: str, number: int, status: int
) -> None:
    shop.write("early/sitecustomize.py", STARTING.format(module=module, number=int(number)))
    ended = subprocess.run(
        [sys.executable, "-m", "sparkpipe", "run"],
        cwd=shop.path,
        env={**os.environ, "PYTHONPATH": str(shop.path / "early")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    assert ended.stderr.strip() == "Interrupted."
    assert not (shop.path / "data/doubled.json").exists()


@pytest.mark.parametrize("command", ["run", "check", "registry list", "catalog list"])
def test_a_registry_that_ends_the_process_is_no_success(shop: ShopProject, command: str) -> None:
    shop.write(
        "shop/pipeline_registry.py",
        "import sys\n\n\ndef register_pipelines():\n    sys.exit(0)\n",
    )
    ended = shop.command(*command.split())
    assert ended.status == 2
    assert "register_pipelines() raised SystemExit: 0 (in " in ended.err
    assert "pipeline_registry.py:5)" in ended.err


@pytest.mark.parametrize(
    "hook",
    [
        "before_pipeline_run(self, run_params)",
        "after_pipeline_run(self, run_params)",
        "after_catalog_created(self, catalog)",
        "after_context_created(self, context)",
        "before_node_run(self, node)",
        "after_dataset_loaded(self, data)",
    ],
)
@pytest.mark.parametrize("ends", ["sys.exit(0)", "raise asyncio.CancelledError"])
def test_a_hook_that_ends_the_process_is_no_success(
    shop: ShopProject, hook: str, ends: str
) -> None:
    shop.write(
        "shop/settings.py",
        "import asyncio, sys\n"
        "from sparkpipe.hooks import hook_impl\n\n\n"
        f"class Ends:\n    @hook_impl\n    def {hook}:\n        {ends}\n\n\n"
        "HOOKS = (Ends(),)\n",
    )
    ended = shop.command("run")
    assert ended.status in (1, 2)
    assert "Error: " in ended.err
    assert "Results:" not in ended.out


def test_a_job_that_a_hook_ends_is_no_success(shop: ShopProject) -> None:
    shop.write(
        "shop/settings.py",
        "import sys\n"
        "from sparkpipe.hooks import hook_impl\n\n\n"
        "class Ends:\n    @hook_impl\n    def before_pipeline_run(self):\n        sys.exit(0)\n\n\n"
        "HOOKS = (Ends(),)\n",
    )
    shop.write(
        "job.py",
        "from sparkpipe.cli.installed_project import run_task\n\n"
        "if __name__ == '__main__':\n"
        "    print(run_task('shop', []))\n",
    )
    ended = shop.command(module="job")
    assert ended.status == 1
    assert "raised SystemExit: 0" in ended.err
