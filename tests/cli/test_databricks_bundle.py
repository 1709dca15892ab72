"""``sparkpipe databricks``: bundles, checked against the models of databricks-bundles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from cli_project import ShopProject
from databricks.bundles.jobs import Job

BUILD = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "Corner-Shop"
version = "1.2.3"
dependencies = ["sparkpipe"]

[project.entry-points."sparkpipe.tasks"]
run = "shop.__main__:run"

"""

# What each node hands on is there for every machine.
SHARED = """\
numbers: {type: json.JSONDataSet, filepath: /Volumes/main/shop/files/numbers.json}
doubled: {type: spark.SparkTableDataSet, table: main.shop.doubled, write_mode: overwrite}
report: {type: json.JSONDataSet, filepath: /Volumes/main/shop/files/report.json}
"""

JOB = "resources/corner_shop.job.yml"
CLUSTER = ("--spark-version", "17.3.x-scala2.13", "--node-type", "i3.xlarge")


@pytest.fixture
def bundled(shop: ShopProject) -> ShopProject:
    """The project, with what a wheel needs, and data where jobs find it."""
    shop.write("pyproject.toml", BUILD + shop.read("pyproject.toml"))
    shop.write("conf/prod/catalog.yml", SHARED)
    return shop


@pytest.fixture
def bundle(bundled: ShopProject) -> Callable[..., dict[str, Any]]:
    """Write the first job, and return it as it stands in its file; Databricks' model took it."""

    def write(*options: str) -> dict[str, Any]:
        said = bundled.command("databricks", "init", "--env", "prod", *options)
        assert said.status == 0, said.text
        assert said.err == ""
        return read_job(bundled)

    return write


def read_job(project: ShopProject, file: str = JOB) -> dict[str, Any]:
    (job,) = yaml.safe_load(project.read(file))["resources"]["jobs"].values()
    Job.from_dict(job)  # raises where there is no such field, or it has another type
    assert isinstance(job, dict)
    return job


def commands(job: dict[str, Any]) -> dict[str, list[str]]:
    """Return the options of each task's run, without those that all have."""
    shared = ["--conf-source=${workspace.file_path}/conf", "--env=prod"]
    shared.append("--job-run-id={{job.run_id}}")  # what is repaired goes on
    options = {one["task_key"]: one["python_wheel_task"]["parameters"] for one in job["tasks"]}
    assert all(one[:3] == shared for one in options.values())
    return {key: one[3:] for key, one in options.items()}


# What is written


def test_by_default_a_job_is_one_task_on_serverless_compute(
    bundle: Callable[..., dict[str, Any]], bundled: ShopProject
) -> None:
    assert bundle() == {
        "name": "shop project",
        "max_concurrent_runs": 1,
        "environments": [
            {
                "environment_key": "default",
                "spec": {
                    "environment_version": "4",
                    "dependencies": ["../dist/corner_shop-*.whl"],
                },
            }
        ],
        "tasks": [
            {
                "task_key": "run",
                "environment_key": "default",
                "python_wheel_task": {
                    "package_name": "corner_shop",
                    "entry_point": "run",
                    "parameters": [
                        "--conf-source=${workspace.file_path}/conf",
                        "--env=prod",
                        "--job-run-id={{job.run_id}}",
                    ],
                },
            }
        ],
    }
    written = yaml.safe_load(bundled.read("databricks.yml"))
    assert written["bundle"] == {"name": "corner_shop"}
    assert written["sync"] == {"paths": ["conf"], "exclude": ["conf/local/**"]}
    assert written["artifacts"]["wheel"]["build"] == "sparkpipe package --clean"
    assert set(written["targets"]) == {"dev", "prod"}


def test_a_parameter_that_only_the_configuration_reads_may_be_the_jobs(
    bundled: ShopProject, bundle: Callable[..., dict[str, Any]]
) -> None:
    path = "/Volumes/main/shop/files/report.json"
    folder = '"/Volumes/main/shop/${runtime_params:folder}/report.json"'
    bundled.write("conf/prod/catalog.yml", SHARED.replace(path, folder))
    job = bundle("--params", "folder:reports")
    assert job["parameters"] == [{"name": "folder", "default": "reports"}]


def test_a_job_with_all_that_it_may_have(bundle: Callable[..., dict[str, Any]]) -> None:
    job = bundle(
        *("--pipeline", "__default__", "--name", "Nightly", "--runner", "ThreadRunner"),
        *("--params", "factor:3", "--schedule", "0 30 6 ? * MON-FRI"),
        *("--timezone", "Europe/Berlin", *CLUSTER, "--autoscale", "1:4"),
        *("--library", "scikit-learn==1.5.2"),
    )
    assert job["name"] == "Nightly"
    assert job["parameters"] == [{"name": "factor", "default": "3"}]
    assert job["schedule"] == {
        "quartz_cron_expression": "0 30 6 ? * MON-FRI",
        "timezone_id": "Europe/Berlin",
    }
    assert "environments" not in job
    assert job["job_clusters"] == [
        {
            "job_cluster_key": "default",
            "new_cluster": {
                "spark_version": "17.3.x-scala2.13",
                "node_type_id": "i3.xlarge",
                "data_security_mode": "SINGLE_USER",
                "autoscale": {"min_workers": 1, "max_workers": 4},
            },
        }
    ]
    (task,) = job["tasks"]
    assert task["job_cluster_key"] == "default"
    assert task["libraries"] == [
        {"pypi": {"package": "scikit-learn==1.5.2"}},
        {"whl": "../dist/corner_shop-*.whl"},
    ]
    assert task["python_wheel_task"]["parameters"] == [
        "--conf-source=${workspace.file_path}/conf",
        "--pipeline=__default__",
        "--env=prod",
        "--runner=ThreadRunner",
        "--job-run-id={{job.run_id}}",
        "--params=factor:{{job.parameters.factor}}",
    ]


def test_a_cluster_without_workers_is_one_machine(bundle: Callable[..., dict[str, Any]]) -> None:
    cluster = bundle(*CLUSTER, "--workers", "0")["job_clusters"][0]["new_cluster"]
    assert cluster["num_workers"] == 0
    assert cluster["spark_conf"]["spark.databricks.cluster.profile"] == "singleNode"


def test_a_task_for_each_tag_runs_the_nodes_of_the_pipeline_once(
    bundle: Callable[..., dict[str, Any]], bundled: ShopProject
) -> None:
    job = bundle("--task-per", "tag", "--params", "factor:3")
    given = "--params=factor:{{job.parameters.factor}}"
    assert commands(job) == {
        "first": ["--tags=first", given],
        "total": ["--nodes=total", given],
        "shout": ["--nodes=shout", given],
    }
    needs = {task["task_key"]: task.get("depends_on", []) for task in job["tasks"]}
    assert needs == {
        "first": [],
        "total": [{"task_key": "first"}],
        "shout": [{"task_key": "total"}],
    }

    # The same commands, one after the other, do the work of the pipeline.
    for options in commands(job).values():
        words = [one.replace("{{job.parameters.factor}}", "3") for one in options]
        said = bundled.command("run", *words)
        assert said.status == 0, said.text
    assert json.loads(bundled.read("data/report.json")) == {"total": 18}


def test_a_job_is_written_anew_from_its_own_options(bundled: ShopProject) -> None:
    options = ("--env", "prod", "--task-per", "tag", "--tags", "first", "--params", "factor:3")
    assert bundled.command("databricks", "init", *options).status == 0
    said = bundled.command("databricks", "bundle", "--pipeline", "first", "--env", "prod")
    assert said.status == 0, said.text
    first = bundled.read("resources/corner_shop_first.job.yml")
    before = bundled.read(JOB)

    said = bundled.command("databricks", "bundle")
    assert "Wrote resources/corner_shop.job.yml\nWrote resources/corner_shop_first" in said.out
    assert bundled.read(JOB) == before
    assert bundled.read("resources/corner_shop_first.job.yml") == first

    bundled.replace("shop/pipeline_registry.py", '"report")', '"report", tags="first")')
    assert bundled.command("databricks", "bundle").status == 0
    assert list(commands(read_job(bundled))) == ["first", "shout"]
    assert read_job(bundled, "resources/corner_shop_first.job.yml")["name"] == "shop project: first"


def test_a_job_that_cannot_be_written_anew_is_told_with_its_file(
    bundled: ShopProject, refused: Callable[..., str]
) -> None:
    assert bundled.command("databricks", "init", "--env", "prod").status == 0
    assert bundled.command("databricks", "bundle", "--pipeline", "first").status == 0
    bundled.replace("shop/pipeline_registry.py", '"first": whole', '"second": whole')
    assert refused("databricks", "bundle") == (
        "Error: resources/corner_shop_first.job.yml: There is no pipeline 'first'. "
        "Pipelines: __default__, second. Or remove the file.\n"
    )


def test_what_was_changed_by_hand_stays(bundled: ShopProject) -> None:
    assert bundled.command("databricks", "init", "--env", "prod").status == 0
    changed = bundled.read(JOB) + "      timeout_seconds: 60\n"
    bundled.write(JOB, changed)
    said = bundled.command("databricks", "bundle")
    assert said.status == 2
    assert said.err == (
        f"Error: {JOB} was changed by hand; nothing was written. Move the changes into "
        "databricks.yml, below targets.<target>.resources, or give --force.\n"
    )
    assert bundled.command("databricks", "init").status == 2
    assert bundled.read(JOB) == changed
    assert bundled.command("databricks", "bundle", "--force").status == 0
    assert "timeout_seconds" not in bundled.read(JOB)


# What is told


def test_data_on_this_machine_is_told(bundled: ShopProject) -> None:
    said = bundled.command("databricks", "init")
    assert said.status == 0
    assert said.err == (
        "Warning: doubled, numbers, report lie on the disk of this machine, which a job does not "
        "have. Name tables, or files in /Volumes, in an environment of its own, and give --env.\n"
    )


def test_a_job_is_judged_by_what_goes_along_not_by_this_machine(
    bundled: ShopProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here local data is in conf/local, which stays, and the shell names an environment."""
    bundled.write("conf/local/catalog.yml", bundled.read("conf/base/catalog.yml"))
    bundled.write("conf/base/catalog.yml", SHARED)
    bundled.write("conf/test/catalog.yml", bundled.read("conf/local/catalog.yml"))
    monkeypatch.setenv("SPARKPIPE_ENV", "test")
    said = bundled.command("databricks", "init", "--task-per", "tag")
    assert (said.status, said.err) == (0, "")
    assert "--env" not in bundled.read(JOB)


def test_data_that_tasks_would_lose_is_refused_by_name(bundled: ShopProject) -> None:
    said = bundled.command("databricks", "init", "--task-per", "tag")
    assert said.status == 2
    assert f"'doubled' (on the disk of one machine: {bundled.path}/data/doubled.json)" in said.err
    bundled.replace("conf/prod/catalog.yml", "report:", "reprt:")
    (bundled.path / "conf/base/catalog.yml").unlink()
    said = bundled.command("databricks", "init", "--task-per", "tag", "--env", "prod")
    assert said.status == 2
    assert said.err.startswith(
        "Error: These data sets go from one task to another, and do not outlive a task: "
        "'report' (not in the catalog: in memory). Give each an entry"
    )
    assert not (bundled.path / "databricks.yml").exists()
    assert bundled.command("databricks", "init", "--env", "prod").status == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pipeline", "frist"], "There is no pipeline 'frist'."),
        (["--env", "nowhere"], "There is no environment 'nowhere'"),
        (["--runner", "TreadRunner"], "There is no runner 'TreadRunner'"),
        (["--params", "factr:1"], "reads the parameter 'factr'. Did you mean 'factor'?"),
        (["--params", "factor:${bundle.name}"], "holds '${' or '{{'"),
        (["--tags", "first"], "Give --task-per tag, too."),
        (["--task-per", "tag", "--tags", "frist"], "Did you mean 'first'?"),
        (["--schedule", "0 6 * * *"], "Write: '0 0 6 * * ?'"),
        (["--timezone", "UTC"], "Give --schedule, too."),
        (["--workers", "2"], "a cluster needs --spark-version and --node-type"),
        ([*CLUSTER, "--autoscale", "4:1"], "4:1 is no range of workers"),
        ([*CLUSTER, "--environment-version", "4"], "this job has a cluster"),
        (["--library", "dist/absent.whl"], "there is no file dist/absent.whl"),
        (["--library", "../; rm"], "is neither a requirement nor a wheel"),
        (["--library", "nope==="], "is neither a requirement nor a wheel"),
        (["--host", "example.org"], "is no address of a workspace"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_misuse_is_refused_and_nothing_written(
    bundled: ShopProject, refused: Callable[..., str], options: list[str], told: str
) -> None:
    assert told in refused("databricks", "init", *options)
    assert not (bundled.path / "databricks.yml").exists()
    assert not (bundled.path / "resources").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (BUILD, "", "has no name in [project]"),
        (
            "run = ",
            "# run = ",
            '[project.entry-points."sparkpipe.tasks"]\nrun = "shop.__main__:run"',
        ),
        (
            '["sparkpipe"]',
            '["sparkpipe[spark]"]',
            "hold sparkpipe[spark], which would be installed",
        ),
        ('["sparkpipe"]', '["pyspark>=4", "sparkpipe"]', "hold pyspark>=4"),
    ],
    ids=["no wheel", "no function", "spark as extra", "pyspark"],
)
def test_a_project_whose_wheel_cannot_be_a_job_is_told_what_it_lacks(
    bundled: ShopProject, refused: Callable[..., str], old: str, new: str, told: str
) -> None:
    bundled.replace("pyproject.toml", old, new)
    assert told in refused("databricks", "init")


def test_pipelines_whose_jobs_would_have_one_key_are_refused(
    bundled: ShopProject, refused: Callable[..., str]
) -> None:
    bundled.replace("shop/pipeline_registry.py", '"first": whole', '"First": whole, "first": whole')
    told = refused("databricks", "init", "--env", "prod", "--pipeline", "first")
    assert (
        "The jobs of the pipelines 'first' and 'First' would have one key, corner_shop_first."
        in told
    )


def test_bundle_without_init_is_told(bundled: ShopProject, refused: Callable[..., str]) -> None:
    assert "Write it first: sparkpipe databricks init" in refused("databricks", "bundle")
