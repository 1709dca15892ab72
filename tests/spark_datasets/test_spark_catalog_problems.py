"""What is misspelt in a catalog of Spark data sets is found without Spark."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog


def _problems(**entry: Any) -> list[str]:
    config = {"type": "spark.SparkDataSet", "filepath": "t", **entry}
    return DataCatalog.from_config_lazily({"flights": config}).problems()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"file_format": "parqet"}, "file_format 'parqet' is not known. Did you mean 'parquet'?"),
        ({"file_format": "CVS"}, "file_format 'CVS' is not known. Did you mean 'csv'?"),
        (
            {"save_args": {"mode": "overwite"}},
            "save_args: mode 'overwite' is not known. Did you mean 'overwrite'?",
        ),
        ({"save_args": {"mode": "upsert"}}, "mode 'upsert' is not known. Modes: overwrite, append"),
        (
            {"file_format": "csv", "load_args": {"heder": True}},
            "load_args: 'heder' is no option of csv. Did you mean 'header'?",
        ),
        (
            {"save_args": {"partitonBy": "k"}},
            "save_args: 'partitonBy' is no option of parquet. Did you mean 'partitionBy'?",
        ),
        (
            {"file_format": "delta", "load_args": {"versionAsOff": 3}},
            "'versionAsOff' is no option of delta. Did you mean 'versionAsOf'?",
        ),
    ],
)
def test_a_misspelt_word_is_told(entry: dict[str, Any], told: str) -> None:
    (problem,) = _problems(**entry)
    assert problem.startswith("Data set 'flights' (SparkDataSet): ")
    assert told in problem


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"file_format": "PARQUET"},
        {"file_format": "org.my.format"},
        {"file_format": "csv", "load_args": {"HEADER": True, "inferschema": True, "sep": ";"}},
        {"file_format": "csv", "save_args": {"mode": "Append", "header": True, "partitionBy": "k"}},
        {"file_format": "my_own", "load_args": {"anything": 1}},
        {"save_args": {"compression": "zstd", "mode": "errorifexists"}},
    ],
)
def test_what_spark_takes_is_no_problem(entry: dict[str, Any]) -> None:
    assert _problems(**entry) == []


def test_all_problems_of_an_entry_are_told() -> None:
    problems = _problems(
        file_format="csv",
        load_args={"heder": True, "schema": {"filepath": "nowhere.json"}},
        save_args={"mode": "overwite", "headr": True},
    )
    assert len(problems) == 4


def test_an_option_of_the_data_set_that_does_not_exist() -> None:
    (problem,) = _problems(file_fromat="csv")
    assert "SparkDataSet has no option 'file_fromat'. Did you mean 'file_format'?" in problem


def test_from_config_raises_all_of_them() -> None:
    entries = {
        "a": {"type": "spark.SparkDataSet", "filepath": "a", "file_format": "parqet"},
        "b": {"type": "spark.DeltaTableDataSet", "filepath": "b", "save_args": {"mode": "apend"}},
        "c": {"type": "spark.SparkDataSet"},
    }
    with pytest.raises(DataSetError) as caught:
        DataCatalog.from_config(entries)
    text = str(caught.value)
    assert all(told in text for told in ("'parqet'", "'apend'", "needs the option 'filepath'"))


def test_problems_of_a_wrapped_data_set_are_found() -> None:
    inner = {"type": "spark.SparkDataSet", "filepath": "t", "file_format": "parqet"}
    catalog = DataCatalog.from_config_lazily({"c": {"type": "CachedDataSet", "dataset": inner}})
    (problem,) = catalog.problems()
    assert "'parqet'" in problem


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkpipe.datasets.spark import spark_data_set

    monkeypatch.setattr(spark_data_set, "find_spec", lambda name: None if name == "delta" else 1)
    (problem,) = _problems(file_format="delta")
    assert "the package delta is not installed" in problem
    assert "pip install" in problem
    assert _problems() == []


def test_finding_them_imports_no_pyspark() -> None:
    code = (
        "import sys\n"
        "from sparkpipe.io import DataCatalog\n"
        "entry = {'type': 'spark.SparkDataSet', 'filepath': 't', 'file_format': 'parqet',\n"
        "         'load_args': {'schema': 'a INT'}}\n"
        "table = {'type': 'spark.DeltaTableDataSet', 'filepath': 't', 'load_as': 'delta_table'}\n"
        "catalog = DataCatalog.from_config_lazily({'a': entry, 'b': table})\n"
        "assert len(catalog.problems()) == 1\n"
        "assert str(catalog['a']) and not catalog.exists('b')\n"
        "assert not {'pyspark', 'py4j', 'delta', 'pandas'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
