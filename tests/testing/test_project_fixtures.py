"""``temporary_catalog``, ``run_pipeline``, samples, and the fixtures of the plugin."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from cli_project import ShopProject

from sparkpipe.errors import ConfigError, PreflightError, RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.session import Session
from sparkpipe.testing import (
    assert_frames_equal,
    load_samples,
    run_pipeline,
    temporary_catalog,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

CATALOG = """
numbers: {type: json.JSONDataSet, filepath: data/numbers.json}
kept: {type: json.JSONDataSet, filepath: data/kept.json, versioned: true}
table@pandas: {type: pandas.CSVDataSet, filepath: data/table.csv}
table@text: {type: text.TextDataSet, filepath: data/table.csv}
parts: {type: PartitionedDataSet, path: data/parts, dataset: json.JSONDataSet, \
filename_suffix: .json}
news: {type: IncrementalDataSet, path: data/news, dataset: text.TextDataSet}
rows: {type: pandas.SQLTableDataSet, table_name: rows, credentials: database}
"{any}_made": {type: CachedDataSet, dataset: {type: json.JSONDataSet, filepath: "data/{any}.json"}}
events: {type: spark.SparkDataSet, filepath: data/events, save_args: {mode: overwrite}}
orders: {type: spark.SparkTableDataSet, table: orders_of_test}
"""


@pytest.fixture
def shop_session(shop: ShopProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    shop.write("conf/base/catalog.yml", CATALOG)
    shop.write("conf/local/credentials.yml", f"database: {{con: 'sqlite:///{shop.path}/rows.db'}}")
    shop.write("data/numbers.json", "[1, 2, 3]")
    shop.write("data/news/1", "one")
    with Session(shop.path) as session:
        yield session


def everything_in(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if "pycache" not in name}


def test_catalog_on_top_reads_the_project_and_writes_apart(
    shop_session: Session, tmp_path: Path
) -> None:
    project = shop_session.project.path
    shop_session.catalog.save("kept", "before")
    before = everything_in(project)
    catalog = temporary_catalog(shop_session, tmp_path / "apart")

    assert catalog.load("numbers") == [1, 2, 3]
    assert catalog.load("kept") == "before"
    assert list(catalog.load("news")) == ["1"]
    catalog.confirm("news")
    catalog.save("numbers", [4])
    catalog.save("kept", "after")
    catalog.save("table@pandas", pd.DataFrame({"a": [1]}))
    catalog.save("parts", {"x": [1], "y": [2]})
    catalog.save("rows", pd.DataFrame({"a": [2]}))
    catalog.save("sums_made", 6)

    assert catalog.load("numbers") == [4]
    assert catalog.load("kept") == "after"
    assert catalog.load("table@text") == "a\n1\n"  # the same file, read in another way
    assert {name: load() for name, load in catalog.load("parts").items()} == {"x": [1], "y": [2]}
    assert catalog.load("rows").a.tolist() == [2]
    assert catalog.load("sums_made") == 6
    assert everything_in(project) == before
    assert temporary_catalog(shop_session, tmp_path / "other").load("numbers") == [1, 2, 3]
    assert catalog.load("params:factor") == shop_session.params["factor"]


def test_catalog_on_top_of_spark(
    spark: SparkSession, shop_session: Session, tmp_path: Path
) -> None:
    project = shop_session.project.path
    catalog = temporary_catalog(shop_session, tmp_path / "apart")
    frame = spark.range(3)
    for name in ("events", "orders"):
        catalog.save(name, frame)
        assert_frames_equal(catalog.load(name), frame)
    assert not (project / "data/events").exists()
    assert not spark.catalog.tableExists("orders_of_test")


def add(a: int, b: int) -> int:
    return a + b


def test_pipeline_runs_on_what_is_given() -> None:
    one = pipeline([node(add, ["a", "params:b"], "c"), node(add, ["c", "params:d.e"], "f")])
    given = DataCatalog(feed_dict={"a": 1})

    assert run_pipeline(one, {"a": 1}, params={"b": 2, "d": {"e": 3}}) == {"f": 6}
    assert run_pipeline(one, catalog=given, params={"b": 2, "d": {"e": 3}}) == {"f": 6}
    assert run_pipeline(node(add, ["a", "b"], "c"), {"a": 1, "b": 1}, runner="ThreadRunner") == {
        "c": 2
    }
    assert given.list() == ["a"]
    with pytest.raises(PreflightError, match=r"(?s)input 'a'.*parameter 'b'.*parameter 'd\.e'"):
        run_pipeline(one)


def test_a_failure_shows_the_users_code_and_not_the_runner() -> None:
    with pytest.raises(RunFailedError) as failed:
        run_pipeline(node(add, ["a", "b"], "c"), {"a": 1, "b": "2"})

    cause = failed.value.__cause__
    assert isinstance(cause, TypeError)
    assert [frame.name for frame in traceback.extract_tb(cause.__traceback__)] == ["add"]
    own = [frame.name for frame in traceback.extract_tb(failed.value.__traceback__)]
    assert own == ["test_a_failure_shows_the_users_code_and_not_the_runner", "run_pipeline"]
    assert str(failed.value).startswith("Node 'add' failed: TypeError: unsupported operand")
    assert "To continue" not in str(failed.value)


@pytest.fixture
def sampled(shop: ShopProject) -> ShopProject:
    shop.write("conf/base/catalog.yml", CATALOG)
    shop.write("conf/local/credentials.yml", "database: {con: sqlite:///rows.db}")
    shop.write("data/numbers.json", json.dumps([*range(500)]))
    return shop


def test_samples_of_plain_data(sampled: ShopProject) -> None:
    said = sampled.command("sample", "--rows", "20")
    assert said.status == 0, said.text
    assert "numbers  20 rows  numbers.json" in said.out
    samples = load_samples(sampled.path / "tests/data")
    assert samples.load("numbers") == [*range(20)]

    before = everything_in(sampled.path / "tests")
    said = sampled.command("sample")
    assert said.status == 2
    assert "has a sample of 'numbers' already; nothing was written" in said.err
    assert everything_in(sampled.path / "tests") == before
    assert sampled.command("sample", "--force", "--rows", "3").status == 0
    assert load_samples(sampled.path / "tests/data").load("numbers") == [0, 1, 2]

    said = sampled.command("sample", "--only", "number")
    assert said.status == 2
    assert "Did you mean 'numbers'?" in said.err
    (sampled.path / "data/numbers.json").unlink()
    said = sampled.command("sample", "--force")
    assert said.status == 1
    assert "Left out: Could not load 'numbers'" in said.err
    assert load_samples(sampled.path / "tests/data").load("numbers") == [0, 1, 2]


def test_samples_of_frames_keep_their_types(spark: SparkSession, tmp_path: Path) -> None:
    from sparkpipe.testing.sample_files import take_sample

    if not hasattr(spark.range(1), "toArrow"):
        pytest.skip("Spark 3.5 gives no Arrow table")
    moment = datetime(2024, 5, 6, 7, 8, 9, 123456)
    plain = spark.createDataFrame(
        [(i, f"é{i}" if i % 2 else None, moment, [i], {"a": 0.1}) for i in range(9)],
        "`an id` INT, name STRING, at TIMESTAMP, list ARRAY<INT>, map MAP<STRING, DOUBLE>",
    )
    frames: dict[str, tuple[Any, str]] = {
        "plain": (plain, "plain.json"),
        "binary": (spark.sql("SELECT map(1, X'00FF') AS by_number"), "binary.parquet"),
        "table": (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "table.csv"),
        "dates": (pd.DataFrame({"at": pd.to_datetime(["2024-01-01"])}), "dates.parquet"),
    }
    entries = {}
    for name, (frame, file) in frames.items():
        sample = take_sample(name, frame, rows=5, fraction=None, seed=0)
        assert sample.file == file
        sample.write(tmp_path / file)
        entries[name] = {**sample.entry, "filepath": file}
    (tmp_path / "catalog.yml").write_text(json.dumps(entries))
    samples = load_samples(tmp_path)

    for name, (frame, _) in frames.items():
        expected = frame.limit(5) if hasattr(frame, "limit") else frame.head(5)
        assert_frames_equal(samples.load(name), expected)
    shares = [take_sample("x", plain, rows=9, fraction=0.5, seed=3).rows for _ in range(2)]
    assert shares[0] == shares[1]
    assert shares[0] is not None
    assert 0 < shares[0] < 9


def test_what_cannot_be_sampled_is_told(tmp_path: Path) -> None:
    from sparkpipe.testing.sample_files import take_sample

    with pytest.raises(ConfigError, match=r"No sample can be taken of 'x': it is an object"):
        take_sample("x", object(), rows=1, fraction=None, seed=0)
    with pytest.raises(ConfigError, match=r"There are no samples in .*Make some"):
        load_samples(tmp_path)


def test_samples_are_taken_with_parameters(sampled: ShopProject) -> None:
    sampled.replace(
        "conf/base/catalog.yml", "data/numbers.json", "'data/${runtime_params:of}.json'"
    )
    sampled.write("data/few.json", "[7]")
    said = sampled.command("sample", "--only", "numbers", "--params", "of:few")
    assert said.status == 0, said.text
    assert load_samples(sampled.path / "tests/data").load("numbers") == [7]


def run_tests(shop: ShopProject, *options: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    ended = subprocess.run(command, cwd=shop.path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout


def test_fixtures_take_parameters(shop: ShopProject) -> None:
    shop.write("conf/base/parameters.yml", "factor: 2\nday: 2024-01-01\nlabel: '2024-01-01'\n")
    shop.replace("conf/base/catalog.yml", "data/numbers", "data/${runtime_params:day}")
    for day, numbers in (("2024-01-01", [1]), ("2024-03-02", [2, 3]), ("2024-03-03", [5])):
        shop.write(f"data/{day}.json", json.dumps(numbers))
    shop.write(
        "tests/test_shop.py",
        "from datetime import date\n"
        "import pytest\n\n\n"
        "def test_it(run_pipeline, sparkpipe_project, project_catalog):\n"
        "    assert project_catalog.load('params:day') == date(2024, 3, 2)\n"
        "    assert project_catalog.load('params:label') == '2024-03-02'\n"
        "    run_pipeline('__default__', catalog=project_catalog)\n"
        "    assert project_catalog.load('report') == {'total': 10}\n"
        "    assert sparkpipe_project.params['day'] == date(2024, 3, 2)\n\n\n"
        "@pytest.mark.parametrize('sparkpipe_params', [{'day': '2024-03-03'}])\n"
        "def test_other(run_pipeline, project_catalog):\n"
        "    run_pipeline('__default__', catalog=project_catalog)\n"
        "    assert project_catalog.load('report') == {'total': 10}\n",
    )
    run_tests(shop, "--sparkpipe-params", "day:2024-03-02,label:2024-03-02")


def test_test_session_has_the_jars_of_the_project(shop: ShopProject) -> None:
    shop.write(
        "conf/base/spark.yml",
        "spark.jars.packages: [org.postgresql:postgresql:42.7.4, a:b:1]\n"
        "spark.jars: ${globals:jars}/x.jar\nspark.driver.memory: 77g\n",
    )
    shop.write("conf/base/globals.yml", "jars: /opt\n")
    shop.write(
        "tests/test_shop.py",
        "def test_it(_sparkpipe_spark):\n"
        "    settings = _sparkpipe_spark.settings\n"
        "    assert settings['spark.jars.packages'] == 'org.postgresql:postgresql:42.7.4,a:b:1'\n"
        "    assert settings['spark.jars'] == '/opt/x.jar'\n"
        "    assert 'spark.driver.memory' not in settings\n"
        "    assert settings['spark.master'] == 'local[2]'\n",
    )
    run_tests(shop)


def test_settings_of_the_tests_come_before_those_of_the_project(shop: ShopProject) -> None:
    shop.write("conf/base/spark.yml", "spark.jars.packages: a:b:1\n")
    shop.write(
        "tests/conftest.py",
        "import pytest\nfrom sparkpipe.testing import TEST_SETTINGS\n\n\n"
        "@pytest.fixture(scope='session')\ndef spark_settings():\n"
        "    return {**TEST_SETTINGS, 'spark.jars.packages': 'c:d:2'}\n",
    )
    shop.write(
        "tests/test_shop.py",
        "def test_it(_sparkpipe_spark):\n"
        "    assert _sparkpipe_spark.settings['spark.jars.packages'] == 'c:d:2'\n",
    )
    run_tests(shop)


def test_plugin_costs_nothing_until_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    heavy = {'pyspark', 'pandas', 'sparkpipe.session'} & set(sys.modules)\n"
        "    assert not heavy\n"
        "    assert 'sparkpipe.pytest_plugin' in sys.modules\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
