"""What ``sparkpipe run`` does when all is well, and what it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_project import ShopProject


def test_run_saves_results_and_tells_where_they_are(shop: ShopProject) -> None:
    ended = shop.command("run")

    assert ended.status == 0
    assert json.loads(shop.read("data/report.json")) == {"total": 12}
    assert "Running node: double: double([numbers,params:factor]) -> [doubled]" in ended.err
    assert "Completed 3 out of 3 tasks" in ended.err
    assert ended.out == (
        "Results:\n"
        "  doubled  JSONDataSet  data/doubled.json\n"
        "  report   JSONDataSet  data/report.json\n"
        "  shouted  str          (in memory only)\n"
    )


def test_results_tell_the_version_that_was_written(shop: ShopProject) -> None:
    shop.replace("conf/base/catalog.yml", "data/report.json", "data/report.json\n  versioned: true")

    ended = shop.command("run")

    (version,) = (path.name for path in (shop.path / "data/report.json").iterdir())
    assert f"  report   JSONDataSet  data/report.json, version {version}\n" in ended.out


def test_a_failure_tells_why_it_is_to_be_continued_from_a_node_that_was_done(
    shop: ShopProject,
) -> None:
    shop.replace("conf/base/catalog.yml", "report:", "unused:")  # now it is in memory only
    shop.replace("shop/nodes.py", "str(report)", "str(1 / 0)")

    ended = shop.command("run")

    assert (
        "To continue from there: sparkpipe run --from-nodes total\n"
        "It starts there because 'report' was only in memory.\n"
    ) in ended.err


def test_a_good_run_prints_two_lines_for_each_node_and_two_of_what_it_comes_to(
    shop: ShopProject,
) -> None:
    ended = shop.command("run")

    lines = ended.err.splitlines()
    assert "Run completed" in lines[2 * 3]
    assert len(lines) <= 2 * 3 + 1 + 2
    assert "Loading data" not in ended.err


def test_verbose_run_and_log_file_tell_every_load_and_save(shop: ShopProject) -> None:
    ended = shop.command("run", "--verbose")

    for text in (ended.err, shop.read("logs/sparkpipe.log")):
        assert "Loading data from 'numbers' (JSONDataSet)..." in text
        assert "Saving data to 'report' (JSONDataSet)..." in text


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner"])
def test_run_by_each_runner(shop: ShopProject, runner: str) -> None:
    ended = shop.command("run", f"--runner={runner}")

    assert ended.status == 0, ended.text
    assert json.loads(shop.read("data/report.json")) == {"total": 12}
    assert "Completed 3 out of 3 tasks" in ended.err


def test_dry_runner_lists_nodes_and_saves_nothing(shop: ShopProject) -> None:
    ended = shop.command("run", "--runner", "DryRunner")

    assert ended.status == 0
    assert "Actual run would execute 3 nodes:" in ended.err
    assert not (shop.path / "data/report.json").exists()


def test_custom_runner_by_dotted_path(shop: ShopProject) -> None:
    shop.write(
        "shop/runner.py",
        """
from sparkpipe.io import MemoryDataSet
from sparkpipe.runner.runner import AbstractRunner


class DryRunner(AbstractRunner):
    def create_default_data_set(self, ds_name):
        return MemoryDataSet()

    def _run(self, pipeline, catalog, session_id=None):
        nodes = pipeline.nodes
        lines = "\\n".join(str(node) for node in nodes)
        self._logger.info("Actual run would execute %d nodes:\\n%s", len(nodes), lines)
""",
    )

    ended = shop.command("run", "--runner=shop.runner.DryRunner")

    assert ended.status == 0, ended.text
    assert "Actual run would execute 3 nodes:\ndouble: double(" in ended.err
    assert not (shop.path / "data/report.json").exists()
    assert (
        "doubled"
        not in shop.command("run", "--runner=shop.runner.DryRunner", "--nodes", "double").out
    ), "what was not saved is no result"


def test_async_run_says_so(shop: ShopProject) -> None:
    ended = shop.command("run", "--async")

    assert ended.status == 0
    assert "Asynchronous mode is enabled for loading and saving data" in ended.err


def test_thread_runner_with_async_warns_and_runs(shop: ShopProject) -> None:
    ended = shop.command("run", "--runner=ThreadRunner", "--async")

    assert ended.status == 0
    assert "WARNING" in ended.err
    assert "ThreadRunner does not support asynchronous loading and saving" in ended.err
    assert "Asynchronous mode is enabled" not in ended.err


@pytest.mark.parametrize(
    ("options", "nodes"),
    [
        (["--pipeline", "first"], ["double"]),
        (["--tags", "first"], ["double"]),
        (["--nodes", "double,total"], ["double", "total"]),
        (["--to-nodes", "total"], ["double", "total"]),
        (["--to-outputs", "doubled"], ["double"]),
        (["--from-nodes", "double", "--to-nodes", "double"], ["double"]),
        (["--from-inputs", "numbers", "--to-outputs", "report"], ["double", "total"]),
    ],
)
def test_filters_choose_nodes(shop: ShopProject, options: list[str], nodes: list[str]) -> None:
    ended = shop.command("run", *options)

    assert ended.status == 0, ended.text
    started = [line.split()[3].rstrip(":") for line in ended.err.splitlines() if "Running" in line]
    assert started == nodes


def test_from_nodes_starts_from_what_was_saved_before(shop: ShopProject) -> None:
    assert shop.command("run", "--nodes", "double").status == 0
    shop.write("data/doubled.json", "[10]")

    assert shop.command("run", "--from-nodes", "total").status == 0
    assert json.loads(shop.read("data/report.json")) == {"total": 10}


def test_params_override_those_of_files(shop: ShopProject) -> None:
    assert shop.command("run", "--params", "factor:10").status == 0
    assert json.loads(shop.read("data/report.json")) == {"total": 60}


def test_environment_is_laid_on_base(shop: ShopProject) -> None:
    shop.write("conf/prod/parameters.yml", "factor: 3\n")

    assert shop.command("run", "--env", "prod").status == 0
    assert json.loads(shop.read("data/report.json")) == {"total": 18}


def test_local_environment_is_the_default(shop: ShopProject) -> None:
    shop.write("conf/local/parameters.yml", "factor: 4\n")

    assert shop.command("run").status == 0
    assert json.loads(shop.read("data/report.json")) == {"total": 24}


def test_conf_source_names_another_folder(shop: ShopProject, tmp_path: Path) -> None:
    (shop.path / "conf").rename(tmp_path / "elsewhere")

    assert shop.command("run").status == 2
    assert shop.command("run", "--conf-source", str(tmp_path / "elsewhere")).status == 0


def test_load_versions_choose_a_version(shop: ShopProject) -> None:
    shop.replace("conf/base/catalog.yml", "doubled.json", "doubled.json\n  versioned: true")
    assert shop.command("run").status == 0
    [first] = (shop.path / "data/doubled.json").iterdir()
    assert shop.command("run", "--params", "factor:10").status == 0

    ended = shop.command("run", "-n", "total", "--load-versions", f"doubled:{first.name}")

    assert ended.status == 0, ended.text
    assert json.loads(shop.read("data/report.json")) == {"total": 12}


def test_project_is_found_from_a_folder_inside(shop: ShopProject) -> None:
    inside = shop.path / "shop"

    assert ShopProject(inside).command("run").status == 0
    assert (shop.path / "data/report.json").exists()


@pytest.mark.slow
def test_run_without_spark_imports_no_pyspark(shop: ShopProject) -> None:
    shop.replace(
        "shop/nodes.py", "return {", "import sys\n    return {'spark': 'pyspark' in sys.modules,"
    )

    assert shop.process("run").status == 0
    assert json.loads(shop.read("data/report.json"))["spark"] is False


def test_failed_run_is_told_in_a_few_lines(shop: ShopProject) -> None:
    shop.replace("shop/nodes.py", "sum(doubled)", "1 / 0")

    ended = shop.command("run")

    assert ended.status == 1
    lines = ended.err.splitlines()
    assert len(lines) <= 15
    assert "Traceback" not in ended.text
    assert any("Node 'total' failed: ZeroDivisionError: division by zero" in x for x in lines)
    assert any("shop/nodes.py:7 in total" in x for x in lines)
    assert any("sparkpipe run --from-nodes total" in x for x in lines)
    assert "Traceback" in shop.read("logs/sparkpipe.log")


def test_failed_run_with_verbose_shows_the_traceback(shop: ShopProject) -> None:
    shop.replace("shop/nodes.py", "sum(doubled)", "1 / 0")

    assert shop.command("run", "--verbose").err.count("Traceback") == 1


def test_suggested_command_keeps_the_options_and_completes_the_run(shop: ShopProject) -> None:
    shop.replace("shop/nodes.py", "sum(doubled)", "1 / 0")
    failed = shop.command(
        "run", "--runner=ThreadRunner", "--params", "factor:5", "--to-nodes", "total"
    )
    [line] = [x for x in failed.err.splitlines() if "To continue from there:" in x]
    words = line.partition("sparkpipe ")[2].split()
    assert words[0] == "run"
    assert {"--runner", "ThreadRunner", "--params", "factor:5", "--to-nodes", "total"} < set(words)

    shop.replace("shop/nodes.py", "1 / 0", "sum(doubled)")
    ended = shop.command(*words)

    assert ended.status == 0, ended.text
    assert json.loads(shop.read("data/report.json")) == {"total": 30}
    assert "Completed 1 out of 1 tasks" in ended.err


def test_all_failures_of_a_run_are_told(shop: ShopProject) -> None:
    shop.write(
        "shop/pipeline_registry.py",
        """
import threading
from sparkpipe.pipeline import node, pipeline

together = threading.Barrier(2)


def left(numbers):
    together.wait(10)
    raise ValueError("left broke")


def right(numbers):
    together.wait(10)
    raise KeyError("right broke")


def register_pipelines():
    return {"__default__": pipeline([node(left, "numbers", "a"), node(right, "numbers", "b")])}
""",
    )

    ended = shop.command("run", "--runner=ThreadRunner")

    assert ended.status == 1
    assert "Node 'left' failed: ValueError: left broke" in ended.err
    assert "Node 'right' failed: KeyError: 'right broke'" in ended.err
    assert "--from-nodes left,right" in ended.err


def test_many_failures_at_once_are_told_in_a_few_lines(shop: ShopProject) -> None:
    shop.write(
        "shop/pipeline_registry.py",
        """
import threading
from sparkpipe.pipeline import node, pipeline

together = threading.Barrier(4)


def fail(numbers):
    together.wait(10)
    raise ValueError("line\\n" * 20)


def register_pipelines():
    return {
        "__default__": pipeline(
            [node(fail, "numbers", f"out{i}", name=f"node{i}") for i in range(4)]
        )
    }
""",
    )

    ended = shop.command("run", "--runner=ThreadRunner")

    assert ended.status == 1
    told = [line for line in ended.err.splitlines() if "Running node" not in line]
    assert len(told) <= 16, ended.err
    assert "4 failed" in ended.err
    assert "... 1 more failures in the log" in ended.err


@pytest.mark.parametrize("returned", ["None", "[1, 2]"])
def test_wrong_output_is_told_with_the_line_of_its_function(
    shop: ShopProject, returned: str
) -> None:
    shop.replace("shop/nodes.py", '{"total": sum(doubled)}', returned)
    shop.replace(
        "shop/pipeline_registry.py", '"doubled", "report"', '"doubled", {"total": "report"}'
    )

    ended = shop.command("run")

    assert ended.status == 1
    assert "at shop/nodes.py:6 in total" in ended.err


def test_failed_load_is_not_told_of_a_function(shop: ShopProject) -> None:
    shop.write("data/numbers.json", "[1, ")

    ended = shop.command("run")

    assert "could not load 'numbers'" in ended.err
    assert "shop/nodes.py" not in ended.err


def test_pipeline_without_nodes_runs_with_a_warning(shop: ShopProject) -> None:
    (shop.path / "shop/pipeline_registry.py").unlink()

    ended = shop.command("run")

    assert ended.status == 0
    assert "WARNING: The pipeline '__default__' has no nodes." in ended.err


def break_hook(shop: ShopProject, hook: str) -> None:
    shop.write(
        "shop/settings.py",
        f"""
from sparkpipe.hooks import hook_impl


class Broken:
    @hook_impl
    def {hook}(self):
        raise RuntimeError("no such bucket\\n" * 30)


HOOKS = (Broken(),)
""",
    )


@pytest.mark.parametrize(
    "hook", ["after_catalog_created", "before_pipeline_run", "after_pipeline_run"]
)
def test_hook_that_raises_is_told_in_a_few_lines(shop: ShopProject, hook: str) -> None:
    break_hook(shop, hook)

    ended = shop.command("run")

    assert ended.status == 1
    assert "RuntimeError: no such bucket" in ended.err
    assert "settings.py:8" in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.partition("Error: ")[2].splitlines()) <= 15
    assert "Full traceback: logs/sparkpipe.log" in ended.err
    assert "Traceback" in shop.read("logs/sparkpipe.log")


def test_what_a_hook_raises_is_told_without_its_secrets(shop: ShopProject) -> None:
    break_hook(shop, "after_catalog_created")
    told = "no answer of postgresql://me:s3cret@db/shop"
    shop.replace("shop/settings.py", '"no such bucket\\n" * 30', repr(told))
    for options in ((), ("--verbose",)):
        ended = shop.command("run", *options)
        assert "RuntimeError: no answer of postgresql://***@db/shop" in ended.err
        assert "s3cret" not in ended.text
    assert "s3cret" not in shop.read("logs/sparkpipe.log")


@pytest.mark.parametrize("hook", ["on_node_error", "on_pipeline_error"])
def test_hook_that_raises_does_not_hide_why_the_run_failed(shop: ShopProject, hook: str) -> None:
    break_hook(shop, hook)
    shop.replace("shop/nodes.py", "sum(doubled)", "1 / 0")

    ended = shop.command("run")

    assert ended.status == 1
    assert "Node 'total' failed: ZeroDivisionError" in ended.err
    assert f"The hook '{hook}' failed: RuntimeError: no such bucket" in ended.err


def test_runner_that_raises_is_told_in_a_few_lines(shop: ShopProject) -> None:
    shop.write(
        "shop/runner.py",
        """
from sparkpipe.runner.runner import AbstractRunner


class Broken(AbstractRunner):
    def _run(self, pipeline, catalog, session_id=None):
        raise RuntimeError("out of order\\n" * 30)
""",
    )

    ended = shop.command("run", "--runner=shop.runner.Broken")

    assert ended.status == 1
    assert "RuntimeError: out of order" in ended.err
    assert "runner.py:7 in _run" in ended.err
    assert len(ended.err.splitlines()) <= 15
    assert "Traceback" in shop.read("logs/sparkpipe.log")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner"])
def test_ctrl_c_ends_the_run_with_130_and_starts_nothing_more(
    shop: ShopProject, runner: str
) -> None:
    shop.replace(
        "shop/nodes.py",
        "    return [number * factor",
        "    import pathlib, time\n"
        "    pathlib.Path('started').touch()\n"
        "    time.sleep(1.5)\n"
        "    return [number * factor",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", "run", f"--runner={runner}"],
        cwd=shop.path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    waited_until = time.monotonic() + 30
    while not (shop.path / "started").exists() and time.monotonic() < waited_until:
        time.sleep(0.05)

    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Interrupted" in err
    assert "Running node: total" not in err
    assert not (shop.path / "data/report.json").exists()


def test_read_only_project_still_runs_what_it_can(shop: ShopProject) -> None:
    (shop.path / "logs").write_text("a file where the folder of logs would be")

    ended = shop.command("run")

    assert ended.status == 0, ended.text


# Names that options cannot spell, and empty options

ODD_CATALOG = """
"eu,sales": {type: json.JSONDataSet, filepath: data/numbers.json}
"report:eu": {type: json.JSONDataSet, filepath: data/report.json, versioned: true}
"""

ODD_REGISTRY = """
from sparkpipe.pipeline import node, pipeline


def count(sales, factor):
    return len(sales) * factor


def register_pipelines():
    return {
        "__default__": pipeline(
            [
                node(count, ["eu,sales", "params:the factor"], "report:eu", name="first"),
                node(str, "report:eu", "text", name="second"),
            ]
        )
    }
"""


@pytest.fixture
def odd(shop: ShopProject) -> ShopProject:
    shop.write("conf/base/catalog.yml", ODD_CATALOG)
    shop.write("conf/base/parameters.yml", "the factor: 2\n")
    shop.write("shop/pipeline_registry.py", ODD_REGISTRY)
    return shop


def test_names_with_commas_stand_in_quotes(odd: ShopProject) -> None:
    ended = odd.command("run", "--from-inputs", '"eu,sales"')
    assert ended.status == 0, ended.err
    assert "No such data set" in odd.command("run", "--from-inputs", "eu,sales").err
    assert "a quote does not fit" in odd.command("run", "--from-inputs", '"eu,sales').err


@pytest.mark.slow
def test_a_version_stands_after_the_last_colon(odd: ShopProject) -> None:
    assert odd.command("run").status == 0
    (version,) = (path.name for path in (odd.path / "data/report.json").iterdir())
    given = f"report:eu:{version}"
    assert odd.command("run", "--from-nodes", "second", "--load-versions", given).status == 0
    for words in (["run", "--from-nodes", "second"], ["check", "--nodes", "second"], ["check"]):
        ended = odd.command(*words, "--load-versions", "report:eu:2020-01-01")
        assert ended.status == 2
        assert f"has no version 2020-01-01. There is: {version}" in ended.err
        assert "Running node" not in ended.err


def test_parameters_with_other_characters_stand_in_quotes(odd: ShopProject) -> None:
    ended = odd.command("run", "--params", "'the factor':5")
    assert ended.status == 0, ended.err
    assert "Write name:value" in odd.command("run", "--params", "the factor:5").err


def test_what_continues_a_run_has_its_names_in_quotes_and_no_password(odd: ShopProject) -> None:
    odd.replace("shop/pipeline_registry.py", "node(str", "node(fail")
    odd.replace(
        "shop/pipeline_registry.py",
        "def register",
        "def fail(report, parameters):\n    raise ValueError\n\n\ndef register",
    )
    odd.replace(
        "shop/pipeline_registry.py", '"report:eu", "text"', '["report:eu", "parameters"], "text"'
    )
    ended = odd.command(
        "run", "--to-outputs", 'text,"report:eu"', "--params", "db.password:hunter2,x:1"
    )
    assert ended.status == 1
    assert "hunter2" not in ended.text
    assert "--to-outputs text,report:eu" in ended.err
    assert "--params 'db.password:***,x:1'" in ended.err


@pytest.mark.parametrize(
    "option",
    [
        *("--nodes", "--tags", "--from-nodes", "--to-nodes", "--from-inputs", "--to-outputs"),
        *("--pipeline", "--namespace", "--env", "--runner", "--conf-source"),
    ],
)
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_option_does_not_mean_all(shop: ShopProject, option: str, value: str) -> None:
    ended = shop.command("run", option, value)
    assert ended.status == 2
    assert "it is empty. Give it a value, or leave it out." in ended.err


def test_without_parameters_nothing_is_set(shop: ShopProject) -> None:
    assert shop.command("run", "--params", "", "--load-versions", "").status == 0
