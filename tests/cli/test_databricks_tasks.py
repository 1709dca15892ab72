"""How a pipeline is parted into tasks, and when a job runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from databricks.bundles.jobs import Job as Model
from hypothesis import example, given
from hypothesis import strategies as st

from sparkpipe.cli.commands.databricks.groups import Task, slug, tasks_of
from sparkpipe.cli.commands.databricks.job import Cluster, Job, job_params
from sparkpipe.cli.commands.databricks.quartz import check_schedule
from sparkpipe.cli.commands.databricks.wheel import Wheel
from sparkpipe.config import parse_params
from sparkpipe.errors import ConfigError, PreflightError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node, pipeline

CSV = {"type": "pandas.CSVDataSet", "filepath": "/Volumes/main/shop/a.csv"}
TABLE = {"type": "spark.SparkTableDataSet", "table": "main.shop.a", "write_mode": "append"}


def chain(*tags: str, namespaces: bool = False) -> Pipeline:
    """Nodes that each read what the one before has written, with a tag or namespace each."""
    whole = pipeline([])
    for number, tag in enumerate(tags):
        inputs, outputs = f"x{number}", f"x{number + 1}"
        one = node(lambda x: x, inputs, outputs, name=f"n{number}", tags=tag or None)
        whole += (
            pipeline([one], namespace=tag, inputs=inputs, outputs=outputs)
            if namespaces and tag
            else pipeline([one])
        )
    return whole


def shared(*names: str) -> DataCatalog:
    return DataCatalog.from_config(dict.fromkeys(names, TABLE))


# Tasks


def test_a_task_for_each_namespace_and_for_each_node_outside_of_one() -> None:
    whole = chain("clean.orders", "clean.items", "", "report", namespaces=True)
    assert tasks_of(whole, shared("x2", "x3"), "namespace") == (
        Task("clean", ("--namespace=clean",)),
        Task("n2", ("--nodes=n2",), ("clean",)),
        Task("report", ("--namespace=report",), ("n2",)),
    )


def test_what_stays_within_a_task_may_be_in_memory() -> None:
    (one,) = tasks_of(chain("a", "a"), DataCatalog(), "tag")
    assert one == Task("a", ("--tags=a",))


def test_a_task_waits_for_each_from_which_it_reads_and_for_no_other() -> None:
    whole = pipeline(
        [
            node(lambda: 1, None, "a", name="a"),
            node(lambda: 1, None, "b@spark", name="b"),
            node(lambda a, b: 1, ["a", "b@pandas"], "c", name="c"),
            node(lambda c: 1, "c", "d", name="d"),
        ]
    )
    catalog = shared("a", "b@spark", "b@pandas", "c")
    needs = {task.key: task.depends_on for task in tasks_of(whole, catalog, "tag")}
    assert needs == {"a": (), "b": (), "c": ("a", "b"), "d": ("c",)}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (CSV, ""),
        (TABLE, ""),
        ({"type": "CachedDataSet", "dataset": TABLE}, ""),
        ({"type": "spark.SparkDataSet", "filepath": "s3a://bucket/a"}, ""),
        ({"type": "spark.SparkDataSet", "filepath": "/mnt/a"}, ""),
        (None, "'x1' (not in the catalog: in memory)"),
        ({"type": "MemoryDataSet"}, "'x1' (in memory: MemoryDataSet)"),
        (
            {"type": "CachedDataSet", "dataset": {"type": "MemoryDataSet"}},
            "'x1' (in memory: MemoryDataSet)",
        ),
        (
            {"type": "spark.SparkDataSet", "filepath": "/project/data/a"},
            "'x1' (on the disk of one machine: /project/data/a)",
        ),
        (
            {"type": "spark.SparkDataSet", "filepath": "file:/tmp/a"},
            "'x1' (on the disk of one machine: file:/tmp/a)",
        ),
        ({**CSV, "filepath": "/tmp/a.csv"}, "'x1' (on the disk of one machine: /tmp/a.csv)"),
        (
            {"type": "CachedDataSet", "dataset": {**CSV, "filepath": "/tmp/a.csv"}},
            "'x1' (on the disk of one machine: /tmp/a.csv)",
        ),
    ],
)
def test_what_goes_between_tasks_must_outlive_them(
    entry: Mapping[str, Any] | None, told: str
) -> None:
    # Lazily: /Volumes is not here.
    catalog = DataCatalog.from_config_lazily({"x1": dict(entry)} if entry else {})
    whole = chain("a", "b")
    if not told:
        assert len(tasks_of(whole, catalog, "tag", project_path=Path("/project"))) == 2
        return
    with pytest.raises(ConfigError) as caught:
        tasks_of(whole, catalog, "tag", project_path=Path("/project"))
    assert f"do not outlive a task: {told}." in str(caught.value)


def test_all_that_is_wrong_with_tags_is_told() -> None:
    whole = pipeline([node(lambda x: x, "x", "y", name="n", tags=["a", "b"])])
    with pytest.raises(PreflightError, match="has the tags 'a' and 'b'"):
        tasks_of(whole, DataCatalog(), "tag")
    assert tasks_of(whole, DataCatalog(), "tag", ["b"]) == (Task("b", ("--tags=b",)),)


def test_tasks_that_would_wait_for_one_another_are_refused() -> None:
    with pytest.raises(ConfigError, match="some wait for one another") as caught:
        tasks_of(chain("a", "b", "a"), shared("x1", "x2"), "tag")
    assert "'b' reads x1 of 'a'" in str(caught.value)
    assert "'a' reads x2 of 'b'" in str(caught.value)


def test_keys_that_databricks_cannot_tell_apart_are_numbered() -> None:
    whole = chain("a.b", "a_b")
    assert [task.key for task in tasks_of(whole, shared("x1"), "tag")] == ["a_b", "a_b_2"]


@given(st.text())
def test_any_name_becomes_a_key_that_databricks_takes(name: str) -> None:
    key = slug(name)
    assert 0 < len(key) <= 100
    assert key.isascii()
    assert key.replace("_", "a").replace("-", "a").isalnum()


# Parameters

VALUES = st.one_of(st.text("ab 1,.:'\"[]{}#-é\n\\"), st.integers(), st.booleans(), st.none())


@given(VALUES, VALUES)
@example("}", "[,}")
def test_defaults_of_parameters_come_back_as_they_were(one: object, other: object) -> None:
    words = f"a:{json.dumps(one)},b.c:{json.dumps(other)}"
    params = job_params([words])
    assert [name for name, _ in params] == ["a", "b.c"]
    assert not any("\n" in text for _, text in params)
    assert parse_params(",".join(f"{name}:{text}" for name, text in params)) == parse_params(words)


def test_lists_are_defaults_of_one_line() -> None:
    assert job_params(["years:[2023, 2024]", "a:{b: 'x, y', c: true}"]) == (
        ("years", "[2023, 2024]"),
        ("a.b", "'x, y'"),
        ("a.c", "true"),
    )


# Schedules


@pytest.mark.parametrize(
    "expression",
    [
        *("0 0 6 * * ?", "0 30 6 ? * MON-FRI", "0 0/15 * * * ?", "0 0 0 L * ?", "0 0 0 15W * ?"),
        *("0 0 0 ? * 6L", "0 0 0 ? * FRI#2", "0 0 8,18 ? * 2-6", "0 0 0 1 JAN ? 2030-2035"),
        *("0 0 0 LW * ?", "0 0 0 ? * L", "*/10 * * * * ?", " 0  0 6 * * ? ", "0 0 6 ? jan mon"),
    ],
)
def test_schedules_of_quartz_are_taken(expression: str) -> None:
    check_schedule(expression, "Europe/Berlin")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("0 6 * * *", "Write: '0 0 6 * * ?'"),
        ("30 6 * * MON-FRI", "Write: '0 30 6 ? * MON-FRI'"),
        ("0 6 * * 1", "Write: '0 0 6 * * ?' for six o'clock."),
        ("0 0 24 * * ?", "'24' cannot be its hours, which is 0 to 23"),
        ("60 0 0 * * ?", "'60' cannot be its seconds"),
        ("0 0 0 32 * ?", "'32' cannot be its day of month"),
        ("0 0 0 ? * 0", "'0' cannot be its day of week, which is 1 to 7, or SUN to SAT"),
        ("0 0 0 ? * MON#6", "'MON#6' cannot be its day of week"),
        ("0 0 0 1 JNA ?", "'JNA' cannot be its month, which is 1 to 12, or JAN to DEC"),
        ("0 0/0 * * * ?", "'0/0' cannot be its minutes"),
        ("0 0 0 * * *", "must be '?', and not both"),
        ("0 0 0 ? * ?", "must be '?', and not both"),
        ("? 0 0 * * ?", "'?' cannot be its field seconds"),
        ("0 0 0 1,, * ?", "'' cannot be its day of month"),
        ("@daily", "it has 1 fields, not 6 or 7"),
        ("", "it has 0 fields"),
    ],
)
def test_what_databricks_would_not_take_is_refused_with_the_field(
    expression: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_schedule(expression, "UTC")
    assert told in str(caught.value)


def test_a_time_zone_that_is_none_is_told() -> None:
    with pytest.raises(ConfigError, match=r"no time zone 'Europe/Berln'\. Did you mean"):
        check_schedule("0 0 6 * * ?", "Europe/Berln")


@given(st.text("0123456789*?/-,#LWMONSUJA ", max_size=30))
def test_any_text_is_a_schedule_or_is_refused(text: str) -> None:
    try:
        check_schedule(text, "UTC")
    except ConfigError:
        return
    assert len(text.split()) in (6, 7)


# Jobs


@pytest.mark.parametrize(
    "cluster",
    [
        None,
        Cluster("17.3.x-scala2.13", "i3.xlarge"),
        Cluster("${var.runtime}", "${var.node_type}", workers=0),
        Cluster("17.3.x-scala2.13", "i3.xlarge", autoscale=(1, 8)),
    ],
)
def test_every_kind_of_compute_is_as_databricks_models_it(cluster: Cluster | None) -> None:
    tasks = (Task("a"), Task("b", ("--tags=b",), ("a",)))
    job = Job("shop", "Shop", Wheel("shop", "run"), tasks, cluster=cluster, libraries=("x==1",))
    model = Model.from_dict(job.described())  # type: ignore[arg-type]
    assert [task.task_key for task in model.tasks] == ["a", "b"]  # type: ignore[union-attr]
    assert (model.environments == []) is (cluster is not None)


def test_names_that_databricks_would_replace_are_refused() -> None:
    for name in ("${workspace.host}", "{{job.id}}"):
        with pytest.raises(ConfigError, match="in whose place Databricks would put"):
            Job("shop", name, Wheel("shop", "run"), (Task("a"),))
