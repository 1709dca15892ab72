"""Schemas: inline in each of three forms, or in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.errors import DataSetError, PreflightError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DDL = "carrier STRING, flights INT"
MAPPING = {"carrier": "STRING", "flights": "INT"}
STRUCT: dict[str, Any] = {
    "type": "struct",
    "fields": [
        {"name": "carrier", "type": "string", "nullable": True, "metadata": {}},
        {"name": "flights", "type": "integer", "nullable": True, "metadata": {}},
    ],
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("UA,58665\nB6,\n")
    return path


def _load(table: Path, schema: Any) -> Any:
    return SparkDataSet(str(table), "csv", load_args={"schema": schema}).load()


def _file(tmp_path: Path, name: str, text: str) -> dict[str, str]:
    (tmp_path / name).write_text(text)
    return {"filepath": str(tmp_path / name)}


@pytest.mark.parametrize("schema", [DDL, MAPPING, STRUCT], ids=["ddl", "mapping", "struct"])
def test_inline(spark: SparkSession, table: Path, schema: Any) -> None:
    loaded = _load(table, schema)
    assert loaded.dtypes == [("carrier", "string"), ("flights", "int")]
    assert sorted(map(tuple, loaded.collect())) == [("B6", None), ("UA", 58665)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", json.dumps(STRUCT)),
        ("s.ddl", DDL + "\n"),
        ("s.txt", "carrier STRING,\nflights INT"),
    ],
)
def test_in_a_file(spark: SparkSession, table: Path, tmp_path: Path, name: str, text: str) -> None:
    loaded = _load(table, _file(tmp_path, name, text))
    assert loaded.dtypes == [("carrier", "string"), ("flights", "int")]


def test_what_spark_writes_as_json_is_read_again(
    spark: SparkSession, table: Path, tmp_path: Path
) -> None:
    text = json.dumps(spark.createDataFrame([], DDL).schema.jsonValue())
    assert _load(table, _file(tmp_path, "s.json", text)).dtypes[1] == ("flights", "int")


def test_a_struct_type_in_code(spark: SparkSession, table: Path) -> None:
    struct = spark.createDataFrame([], DDL).schema
    assert SparkDataSet(str(table), "csv", load_args={"schema": struct})._problems() == []
    assert _load(table, struct).schema == struct


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{id: INT, amount: DECIMAL(10,2)}", "'2)' has no type: in YAML, DECIMAL(10,2) inside"),
        ("{no: INT, on: STRING}", "False is no name of a column: in YAML, yes, no, on, off"),
        ("{1.5: INT}", "1.5 is no name of a column"),
        ("{~: INT}", "None is no name of a column"),
        ("{a: {b: INT}}", "the type of the column 'a' must be text"),
        ("{a: INTT}", "'INTT', the type of 'a', is no type of Spark. Did you mean 'int'?"),
        ("a INT, b ARRAY<STRNG>", "'STRNG', a type in 'b', is no type of Spark"),
        ("a INT, b", "the column 'b' has no type"),
        ("a ARRAY<INT", "a bracket is not closed"),
        ("{type: struct, fields: [{name: a}]}", "is not the JSON form of a StructType"),
        ("{filepath: bad.json}", "the schema file does not exist: bad.json"),
    ],
)
def test_what_is_wrong_is_found_before_a_run(text: str, told: str) -> None:
    problems = SparkDataSet("t.csv", "csv", load_args={"schema": yaml.safe_load(text)})._problems()
    assert told in problems[0]


@pytest.mark.parametrize("schema", ["id INTT", "id", "ARRAY<INT", {"a": {"typ": "INT"}}])
def test_what_is_wrong_in_the_schema_of_a_table_is_told_once(schema: Any) -> None:
    table = {"type": "spark.SparkTableDataSet", "table": "t", "write_mode": "append"}
    with pytest.raises(DataSetError) as told:
        DataCatalog.from_config({"t": {**table, "schema": schema}})
    assert len(str(told.value).splitlines()) == 1
    assert "schema" in str(told.value)


def test_a_schema_file_is_read_before_a_run(tmp_path: Path) -> None:
    for name, text in {"a.json": '{"type": ', "b.json": "[]", "c.ddl": "a INTT"}.items():
        schema = _file(tmp_path, name, text)
        (problem,) = SparkDataSet("t.csv", "csv", load_args={"schema": schema})._problems()
        assert name in problem


@pytest.mark.parametrize(
    "text",
    [
        *("{filepath: STRING, size: INT}", "{filepath: STRING}", "{type: STRING, fields: INT}"),
        *(
            "{2024: INT, 'no': STRING}",
            "{a: 'DECIMAL(10,2)', b: 'STRUCT<c: INT, d: MAP<INT, INT>>'}",
        ),
        "a DECIMAL(10, 2) NOT NULL COMMENT 'x, y', b: timestamp_ntz, `c d` interval day to second",
        *("a varchar(3), b string collate UNICODE, c struct<`x y`: int, z: array<map<int,int>>>",),
    ],
)
def test_what_spark_takes_is_no_problem(text: str) -> None:
    schema = yaml.safe_load(text) if text.startswith("{") else text
    assert SparkDataSet("t.csv", "csv", load_args={"schema": schema})._problems() == []


def test_a_column_may_be_named_filepath(spark: SparkSession, table: Path) -> None:
    loaded = _load(table, {"filepath": "STRING", "size": "INT"})
    assert loaded.dtypes == [("filepath", "string"), ("size", "int")]


def test_columns_with_odd_names(spark: SparkSession, table: Path) -> None:
    loaded = _load(table, {"the carrier": "STRING", "a`b-2013": "INT"})
    assert loaded.columns == ["the carrier", "a`b-2013"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("s.json", "{not json", r"s\.json is not JSON"),
        ("s.json", '{"type": "struct"}', "is not the JSON form of a StructType.*jsonValue"),
    ],
)
def test_a_bad_schema_file_is_named(
    spark: SparkSession, table: Path, tmp_path: Path, name: str, text: str, told: str
) -> None:
    with pytest.raises(DataSetError, match=told):
        _load(table, _file(tmp_path, name, text))


def test_bad_ddl_is_told(spark: SparkSession, table: Path) -> None:
    with pytest.raises(DataSetError, match=r"PARSE_SYNTAX_ERROR|UNSUPPORTED_DATATYPE"):
        _load(table, "carrier STRNG")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("  ", "the schema is empty"),
        (["carrier STRING"], "a schema is a string or a mapping, not list"),
        ({"filepath": "nowhere/s.json"}, "the schema file does not exist: nowhere/s.json"),
    ],
)
def test_what_is_known_to_be_wrong_before_running(schema: Any, told: str) -> None:
    problems = SparkDataSet("t", "csv", load_args={"schema": schema})._problems()
    assert len(problems) == 1
    assert told in problems[0]


@pytest.mark.parametrize(
    ("text", "options", "is_told"),
    [
        ("flights,carrier\n1,UA\n", {}, True),
        ("flights;Carrier\n1;UA\n", {"SEP": ";", "Header": "TRUE"}, True),
        ("year,carrier,flights\n1,UA,2\n", {}, True),
        ("Carrier,FLIGHTS\nUA,1\n", {}, False),
        ("carrier,flights,more\nUA,1,2\n", {}, False),
        ("code,number\nUA,1\n", {}, False),  # other names are a way to rename
        ("flights,carrier\n1,UA\n", {"header": False}, False),
        ('"a\nb",carrier\n', {}, False),  # what is not understood is Spark's
        ("flights||carrier\n1||UA\n", {"sep": "||"}, False),
        ("flights,carrier\n1,UA\n", {"quote": "''"}, False),
        ("flights,carrier\n1,UA\n", {"quote": None, "comment": None}, True),
    ],
)
def test_a_header_in_another_order_than_the_schema_is_told(
    spark: SparkSession,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    text: str,
    options: dict[str, Any],
    is_told: bool,
) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    (folder / "part.csv").write_text(text)
    options = {"header": True, "schema": MAPPING} | options
    SparkDataSet(str(folder), "csv", load_args=options).load()
    assert ("Spark goes by the position" in caplog.text) is is_told


@pytest.mark.parametrize("columns", ["ba", "abc", "a"])
def test_rows_are_not_added_under_the_names_of_other_columns(
    spark: SparkSession, tmp_path: Path, columns: str
) -> None:
    rows = spark.sql("SELECT 1 AS a, 2 AS b, 3 AS c, 0 AS day")
    options = {"header": True, "mode": "append", "partitionBy": ["day"]}
    log = SparkDataSet(str(tmp_path / "t"), "csv", {"header": True}, options)
    log.save(rows.select("day", "a", "b"))
    with pytest.raises(DataSetError, match=r"are not those of the files that are there \(a, b\)"):
        log.save(rows.select(*columns, "day"))
    log.save(rows.select("A", "day", "b"))
    assert [tuple(row) for row in log.load().select("a", "b").collect()] == [("1", "2")] * 2


def test_rows_with_more_columns_are_added_where_a_schema_says_them(
    spark: SparkSession, tmp_path: Path
) -> None:
    load_args = {"header": True, "schema": "a INT, b INT, c INT"}
    save_args = {"header": True, "mode": "append"}
    log = SparkDataSet(str(tmp_path / "t"), "csv", load_args, save_args)
    rows = spark.sql("SELECT 1 AS a, 2 AS b, 3 AS c")
    log.save(rows.select("a", "b"))
    log.save(rows)
    assert sorted(map(str, log.load().collect())) == [
        "Row(a=1, b=2, c=3)",
        "Row(a=1, b=2, c=None)",
    ]
    with pytest.raises(DataSetError, match="under wrong names"):
        log.save(rows.select("b", "a", "c"))


def test_a_partition_has_no_place_in_the_header(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schema = {"year": "INT", **MAPPING}
    data_set = SparkDataSet(
        str(tmp_path / "t"),
        "csv",
        load_args={"header": True, "schema": schema},
        save_args={"header": True, "partitionBy": "year"},
    )
    data_set.save(spark.sql("SELECT 'UA' AS carrier, 1 AS flights, 2026 AS year"))
    assert [tuple(row) for row in data_set.load().collect()] == [("UA", 1, 2026)]
    assert not caplog.records


@pytest.mark.parametrize("file_format", ["binaryFile", "image"])
def test_what_spark_only_reads_is_refused_as_an_output(tmp_path: Path, file_format: str) -> None:
    catalog = DataCatalog({"pictures": SparkDataSet(str(tmp_path / "p"), file_format)})
    pipe = pipeline([node(lambda: None, None, "pictures", name="draw")])
    with pytest.raises(PreflightError, match=f"Spark only reads the format {file_format}"):
        SequentialRunner().run(pipe, catalog)
