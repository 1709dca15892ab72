"""A job's wheel, really built: its function is called as Databricks calls it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_project import NODES, REGISTRY, ShopProject

from sparkpipe.cli.commands.databricks.wheel import brings_spark

pytestmark = pytest.mark.slow

CATALOG = """\
numbers: {type: json.JSONDataSet, filepath: /Volumes/main/shop/files/numbers.json}
doubled: {type: json.JSONDataSet, filepath: /Volumes/main/shop/files/doubled.json}
report: {type: json.JSONDataSet, filepath: /Volumes/main/shop/files/report.json}
"""

# What Databricks does with a task: looks up the function, sets the arguments, and calls it.
CALLER = """
import json, logging, sys
from importlib.metadata import distribution
from importlib.util import find_spec

package, entry_point, *arguments = sys.argv[1:]
sys.argv[1:] = arguments
logging.basicConfig(level=logging.ERROR)
handlers = list(logging.getLogger().handlers)
(point,) = distribution(package).entry_points.select(name=entry_point)
try:
    ended = {"returned": point.load()()}
except BaseException as exc:
    ended = {"raised": [one.__name__ for one in type(exc).__mro__], "message": str(exc)}
ended["logging is as it was"] = (
    logging.getLogger().handlers == handlers and logging.getLogger().level == logging.ERROR
)
ended["pyspark"] = find_spec("pyspark").origin
ended["imported"] = "pyspark" in sys.modules
print(json.dumps(ended), file=sys.stderr)
"""


@dataclass
class Machine:
    """Compute of a job: the wheel is installed on it, the configuration is synchronised."""

    project: ShopProject
    job: dict[str, Any]
    folder: Path

    def call(self, *arguments: str, entry_point: str = "run") -> dict[str, Any]:
        """Call a function of the wheel, in a process of its own in an empty folder."""
        here = self.folder / "working"
        here.mkdir(exist_ok=True)
        ended = subprocess.run(
            [sys.executable, "-c", CALLER, "corner_shop", entry_point, *arguments],
            cwd=here,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": f"{self.folder / 'runtime'}{os.pathsep}{self.folder / 'site'}",
                "DATABRICKS_RUNTIME_VERSION": "17.3",
            },
            timeout=60,
            check=True,
        )
        answer = json.loads(ended.stderr.splitlines()[-1])
        assert answer["logging is as it was"]
        assert isinstance(answer, dict)
        return answer

    def run(self, task: dict[str, Any], **params: str) -> dict[str, Any]:
        """Run a task, with what Databricks puts in place of what it knows."""
        wheel = task["python_wheel_task"]
        arguments = []
        for argument in wheel["parameters"]:
            said = argument.replace("${workspace.file_path}", str(self.folder / "files"))
            for name, value in params.items():
                said = said.replace(f"{{{{job.parameters.{name}}}}}", value)
            said = said.replace("{{job.run_id}}", str(time.time_ns()))
            arguments.append(said)
        return self.call(*arguments, entry_point=wheel["entry_point"])

    def read(self, name: str) -> Any:
        return json.loads((self.folder / "Volumes/main/shop/files" / name).read_text())


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    pytest.importorskip("hatchling")
    root = tmp_path_factory.mktemp("databricks")
    assert ShopProject(root).command("new", "--name", "Corner shop").status == 0
    project = ShopProject(root / "corner-shop")
    # Nodes that need no Spark.
    project.write("src/corner_shop/nodes.py", NODES)
    project.write("src/corner_shop/pipeline_registry.py", REGISTRY.replace("shop.", "corner_shop."))
    project.write("conf/base/parameters.yml", "factor: 2\n")
    project.write("conf/databricks/catalog.yml", CATALOG)
    options = ("--env", "databricks", "--task-per", "tag", "--params", "factor:3")
    assert project.command("databricks", "init", *options).status == 0

    build = yaml.safe_load(project.read("databricks.yml"))["artifacts"]["wheel"]["build"].split()
    project.write("dist/corner_shop-0.0.9-py3-none-any.whl", "of an older version")
    said = project.command(*build[1:])
    assert said.status == 0, said.text
    assert said.err == ""
    (job,) = yaml.safe_load(project.read("resources/corner_shop.job.yml"))["resources"][
        "jobs"
    ].values()

    # What a deployment does: exactly one wheel is found, and installed; conf is copied.
    (named,) = job["environments"][0]["spec"]["dependencies"]
    (wheel,) = (project.path / "resources").glob(named)
    folder = root / "machine"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    shutil.copytree(
        project.path / "conf", folder / "files" / "conf", ignore=shutil.ignore_patterns("local")
    )
    at = ShopProject(folder)
    at.replace("files/conf/databricks/catalog.yml", "/Volumes", str(folder / "Volumes"))
    at.write("Volumes/main/shop/files/numbers.json", "[1, 2, 3]")
    at.write("runtime/pyspark/__init__.py", "")
    return Machine(project, job, folder)


def test_the_tasks_of_a_job_run_one_after_the_other(machine: Machine) -> None:
    returned = [machine.run(task, factor="3")["returned"] for task in machine.job["tasks"]]
    assert returned == [{}, {}, {"shouted": "{'TOTAL': 18}"}]
    assert machine.read("report.json") == {"total": 18}
    machine.run(machine.job["tasks"][0], factor="5")  # as somebody runs it with other parameters
    assert machine.read("doubled.json") == [5, 10, 15]


def test_a_job_that_is_repaired_continues(machine: Machine) -> None:
    numbers = "Volumes/main/shop/files/numbers.json"
    at = ShopProject(machine.folder)
    conf = f"--conf-source={machine.folder / 'files' / 'conf'}"
    # A repair starts the task again, with the same id of the run of the job.
    again = [conf, "--env=databricks", "--job-run-id=4711"]
    report = machine.folder / "Volumes/main/shop/files/report.json"
    report.unlink(missing_ok=True)
    report.mkdir()  # it cannot be saved
    try:
        ended = machine.call(*again)
        assert "RunFailedError" in ended["raised"], ended
    finally:
        report.rmdir()
    doubled = report.with_name("doubled.json")
    saved = doubled.stat().st_mtime_ns
    assert machine.call(*again)["returned"] == {"shouted": "{'TOTAL': 12}"}
    assert doubled.stat().st_mtime_ns == saved
    # Another run of the job does all anew.
    at.write(numbers, at.read(numbers))
    machine.call(conf, "--env=databricks", "--job-run-id=4712")
    assert doubled.stat().st_mtime_ns != saved


def test_a_function_of_the_wheel_returns_what_the_catalog_does_not_hold(machine: Machine) -> None:
    conf = f"--conf-source={machine.folder / 'files' / 'conf'}"
    assert machine.call(conf, "--env=databricks")["returned"] == {"shouted": "{'TOTAL': 12}"}
    assert machine.call("--help")["returned"] == {}


def test_a_function_of_the_wheel_raises_and_never_exits(machine: Machine) -> None:
    conf = f"--conf-source={machine.folder / 'files' / 'conf'}"
    for arguments, kind, told in (
        (
            [conf, "--env=databricks", "--params=factor:'x'"],
            "RunFailedError",
            "Node 'total' failed: TypeError: unsupported operand type(s) for +: 'int' and 'str'\n"
            "To continue give --resume.\nTo continue from there give --from-nodes=total",
        ),
        ([conf, "--env=databricks", "--pipeline=frist"], "SparkpipeError", "mean 'first'?"),
        ([conf, "--env=databrick"], "ConfigError", "There is no environment 'databrick'"),
        ([conf, "--nodess=a"], "ConfigError", "corner_shop: No such option '--nodess'"),
        ([], "ConfigError", "There is no configuration folder"),
    ):
        ended = machine.call(*arguments)
        assert kind in ended["raised"], ended
        assert "SystemExit" not in ended["raised"]
        assert told in ended["message"]


def test_the_command_of_the_wheel_keeps_its_exit_status(machine: Machine) -> None:
    ended = machine.call("--nodess=a", entry_point="corner-shop")
    assert ended["raised"][0] == "SystemExit"
    assert ended["message"] == "2"


def test_the_spark_of_the_runtime_is_neither_replaced_nor_hidden(machine: Machine) -> None:
    (metadata,) = (machine.folder / "site").glob("*.dist-info/METADATA")
    needs = message_from_string(metadata.read_text()).get_all("Requires-Dist", [])
    assert any(need.startswith("sparkpipe") for need in needs)
    assert brings_spark(needs) == []
    assert not list((machine.folder / "site").glob("pyspark*"))

    ended = machine.run(machine.job["tasks"][0], factor="3")
    assert ended["pyspark"] == str(machine.folder / "runtime/pyspark/__init__.py")
    assert ended["imported"] is False  # no node of this task asked for it


def test_a_wheel_that_would_bring_spark_is_told_when_it_is_built(machine: Machine) -> None:
    pyproject = machine.project.read("pyproject.toml")
    machine.project.replace("pyproject.toml", '["sparkpipe>=', '["pyspark", "sparkpipe>=')
    try:
        said = machine.project.command("package", "--directory", str(machine.folder / "other"))
    finally:
        machine.project.write("pyproject.toml", pyproject)
    assert said.status == 0
    assert "Warning: the wheel installs pyspark wherever it is installed" in said.err
