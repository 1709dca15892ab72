"""What is misspelt in a catalog of Spark data sets is found without Spark."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, declared
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import find_problems


def _problems(**entry: Any) -> list[str]:
    config = entry if "type" in entry else {"type": "spark.SparkDataSet", "filepath": "t", **entry}
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


FIELD = {"name": "day", "type": "date", "nullable": True, "metadata": {}}
TABLE = {"type": "spark.SparkTableDataSet", "table": "sales.orders"}
JDBC = {"type": "spark.SparkJDBCDataSet", "url": "jdbc:derby:db", "table": "orders"}
STREAM = {"type": "spark.SparkStreamingDataSet", "filepath": "in", "file_format": "json"}
HIVE = {"type": "spark.SparkHiveDataSet", "database": "sales", "table": "orders"}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {**TABLE, "write_mode": "upsrt"},
            "write_mode 'upsrt' is not known. Did you mean 'upsert'?",
        ),
        ({**TABLE, "write_mode": "zzz"}, "It is one of overwrite, append, ignore"),
        ({**TABLE, "write_mode": "merge"}, "a merge needs the columns by which rows are told"),
        ({**TABLE, "write_mode": "upsert"}, "upsert needs the columns by which rows are told"),
        (
            {**TABLE, "write_mode": "upsert", "primary_key": "id", "file_format": "parquet"},
            "upsert needs a Delta table, not file_format 'parquet'",
        ),
        ({**TABLE, "dataframe_type": "panda"}, "'panda' is not known. Did you mean 'pandas'?"),
        ({**TABLE, "table": "sales orders"}, "'sales orders' cannot be a name"),
        ({**TABLE, "file_format": "delt"}, "Did you mean 'delta'?"),
        ({**TABLE, "save_args": {"mode": "append"}}, "a table has write_mode, no 'mode'"),
        ({**TABLE, "save_args": {"replaceWher": "a = 1"}}, "Did you mean 'replaceWhere'?"),
        ({**TABLE, "schema": ["id"]}, "a schema is a string or a mapping, not list"),
        ({**TABLE, "schema": {"filepath": "no.json"}}, "the schema file does not exist: no.json"),
        ({**HIVE, "write_mode": "insert"}, "write_mode 'insert' is not known"),
        ({**HIVE, "write_mode": "upsert"}, "upsert needs the columns by which rows are told"),
        ({**JDBC, "url": ""}, "url is empty"),
        ({**JDBC, "table": " "}, "table is empty"),
        ({**JDBC, "url": "derby:db"}, "url 'derby:db' must start with jdbc:"),
        ({**JDBC, "save_args": {"mode": "apend"}}, "mode 'apend' is not known. Did you mean"),
        ({**JDBC, "load_args": {"fetchsiz": 1}}, "Did you mean 'fetchsize'?"),
        (
            {**JDBC, "load_args": {"column": "id", "upperBound": 9}},
            "a parallel read by 'column' needs lowerBound, numPartitions, too",
        ),
        ({**JDBC, "credentials": {"user": "u", "password": None}}, "no value for 'password'"),
        ({**STREAM, "file_format": "jsn"}, "Did you mean 'json'?"),
        ({**STREAM, "save_args": {"output_mode": "apend"}}, "'apend' is not known. Did you mean"),
        ({**STREAM, "save_args": {"trigger": "availableNw"}}, "Did you mean 'availableNow'?"),
        ({**STREAM, "save_args": {"trigger": 5}}, "5 is no trigger"),
        ({**STREAM, "save_args": {"trigger": "processingTime"}}, "'processingTime' needs a time"),
        ({**STREAM, "save_args": {"checkpiont": "c"}}, "Did you mean 'checkpoint'?"),
        ({**STREAM, "save_args": {"partition_by": "a"}}, "are of tables of Delta: give filepath"),
        ({**STREAM, "load_args": {"maxFilesPerTriger": 1}}, "Did you mean 'maxFilesPerTrigger'?"),
    ],
)
def test_what_is_wrong_with_other_types_is_told(entry: dict[str, Any], told: str) -> None:
    (problem,) = _problems(**entry)
    assert problem.startswith("Data set 'flights'")
    assert told in problem


@pytest.mark.parametrize(
    "entry",
    [
        {**TABLE, "write_mode": "UPSERT", "primary_key": ["a", "b"], "versioned": True},
        {**TABLE, "schema": {"type": "struct", "fields": [FIELD]}, "partition_columns": ["day"]},
        {**TABLE, "type": "databricks.ManagedTableDataset", "owner_group": "sales"},
        {**HIVE, "write_mode": "upsert", "table_pk": ["id"], "save_args": {"format": "parquet"}},
        {**JDBC, "load_args": {"predicates": ["a = 1"], "properties": {"fetchsize": 5}}},
        {**JDBC, "type": "spark.SparkJDBCDataset", "save_args": {"mode": "append"}},
        {**STREAM, "save_args": {"output_mode": "append", "checkpoint": "c", "header": True}},
        {**STREAM, "save_args": {"trigger": {"processingTime": "10 seconds"}}},
        {"type": "spark.SparkStreamingDataset", "file_format": "kafka", "load_args": {"x": 1}},
        {"filepath": "a/b", "versioned": True},
    ],
)
def test_what_other_types_take_is_no_problem(entry: dict[str, Any]) -> None:
    assert _problems(**entry) == []


STRAY: list[tuple[dict[str, Any], str]] = [
    ({"load_args": {"inferSchema": True}}, "'inferSchema' has no effect: it is no option of"),
    ({"load_args": {"HEADER": True}}, "'HEADER' has no effect"),
    ({"save_args": {"header": True, "mode": "append"}}, "save_args: 'header' has no effect"),
    ({"save_args": {"bucketBy": "id"}}, "'bucketBy' has no effect"),
    (
        {"type": "text.TextDataSet", "load_args": {"encoding": "latin-1"}, "filepath": "a"},
        "load_args have no effect on text",
    ),
    ({"file_format": "json", "load_args": {"delimiter": ";"}}, "'delimiter' has no effect"),
    ({"file_format": "delta", "save_args": {"sep": ";"}}, "'sep' has no effect"),
    ({**STREAM, "load_args": {"inferSchema": True}}, "'inferSchema' has no effect"),
    (
        {"type": STREAM["type"], "table": "trips", "load_args": {"schema": "id long"}},
        "'schema' has no effect on a table by its name",
    ),
    ({**TABLE, "load_args": {"inferSchema": True}}, "'inferSchema' has no effect"),
    ({**JDBC, "load_args": {"dbtable": "x"}}, "'dbtable' has no effect beside table"),
    (
        {"save_args": {"partitionoverwritemode": "dynamic"}},
        "partitionOverwriteMode has no effect without partitionBy",
    ),
]


@pytest.mark.parametrize(("entry", "told"), STRAY)
def test_what_has_no_effect_is_a_warning_and_no_problem(
    entry: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = entry if "type" in entry else {"type": "spark.SparkDataSet", "filepath": "t", **entry}
    wrapped = {"type": "CachedDataSet", "dataset": config}
    catalog = DataCatalog.from_config({"a": config, "b": wrapped})
    steps = pipeline([node(lambda *given: 1, ["a", "b"], "n", name="reads")])
    with caplog.at_level("WARNING"):
        problems = find_problems(steps, catalog)
    assert [one for one in problems if "no effect" in one or "is no option" in one] == []
    warned = [record.getMessage() for record in caplog.records if told in record.getMessage()]
    assert len(warned) == 2


DRIVERS = (
    *("currentSchema", "connectTimeout", "socketTimeout", "sslmode", "sslpassword", "useSSL"),
    *("defaultRowFetchSize", "options", "loginTimeout", "encrypt", "hostNameInCertificate"),
)


@pytest.mark.parametrize(
    "entry",
    [
        {**JDBC, "load_args": dict.fromkeys(DRIVERS, "x")},
        {**JDBC, "save_args": {"Mode": "append", **dict.fromkeys(DRIVERS, "x")}},
        {
            **JDBC,
            "load_args": {
                "partitionColumn": "a",
                "lowerbound": 1,
                "upperBound": 2,
                "numPartitions": 2,
            },
        },
        {"file_format": "delta", "save_args": {"delta.enableChangeDataFeed": True}},
        {"file_format": "delta", "load_args": {"readChangeData": True}},
        {"save_args": {"parquet.bloom.filter.enabled": True, "parquet.writer.version": "v2"}},
        {"file_format": "orc", "save_args": {"orc.compress": "ZLIB"}},
        {"file_format": "csv", "save_args": {"codec": "gzip"}},
        {"load_args": {"someOptionOfACluster": 1}},
        {"file_format": "csv", "load_args": {"na_values": "-", "dtype": "str"}},
        {
            "save_args": {
                "maxRecordsPerFile": 5,
                "partitionOverwriteMode": "dynamic",
                "partitionBy": "a",
            }
        },
        *({"file_format": name} for name in ("geojson", "geoparquet", "mongo", "oracle", "vortex")),
    ],
)
def test_options_of_drivers_and_packages_are_let_through(
    entry: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert _problems(**entry) == []
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"save_args": {"replaceWhere": "a = 1"}}, "'replaceWhere' would have to leave rows"),
        ({"load_args": {"versionAsOf": 1}}, "'versionAsOf' asks for an earlier version"),
        ({"file_format": "csv", "load_args": {"timestampasof": "x"}}, "an earlier version"),
        ({"load_args": {"format": "csv"}}, "'format' cannot stand here. Give file_format"),
        ({"save_args": {"Path": "x"}}, "'path' cannot stand here. Give filepath"),
        ({**TABLE, "save_args": {"Format": "csv"}}, "a table has file_format, no 'format'"),
        (
            {**HIVE, "write_mode": "overwrite", "save_args": {"partitionOverwriteMode": "dynamic"}},
            "each overwrite replaces the whole",
        ),
        ({**JDBC, "load_args": {"query": "SELECT 1"}}, 'as table: "(SELECT ...) AS q"'),
        ({"save_args": {"mode": "append", "Mode": "overwrite"}}, "'mode' is given twice"),
    ],
)
def test_what_cannot_be_done_is_refused(entry: dict[str, Any], told: str) -> None:
    (problem,) = _problems(**entry)
    assert told in problem


def test_our_options_are_known_in_any_case() -> None:
    made = DataCatalog.from_config(
        {
            "file": {
                "type": "spark.SparkDataSet",
                "filepath": "t",
                "save_args": {"MODE": "append"},
            },
            "hive": {**HIVE, "write_mode": "append", "save_args": {"FORMAT": "delta"}},
            "jdbc": {**JDBC, "save_args": {"Mode": "append"}},
            "stream": {**STREAM, "save_args": {"outputMode": "complete"}},
        }
    )
    effects = [declared.save_effect(made[name]) for name in made]
    assert effects == ["append", "append", "append", "replace"]
    assert declared.is_transactional(made["hive"])


def test_a_pattern_cannot_be_versioned() -> None:
    (problem,) = _problems(filepath="a/*.csv", versioned=True)
    assert "'a/*.csv' stands for many paths, which cannot be versioned" in problem


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
    from sparkpipe.io import importing

    monkeypatch.setattr(importing, "is_installed", lambda name: name != "pyspark")
    (problem,) = _problems()
    assert "the package pyspark is not installed" in problem
    assert "pip install" in problem


@pytest.mark.delta
def test_finding_them_imports_no_pyspark() -> None:
    code = (
        "import sys\n"
        "from sparkpipe.io import DataCatalog\n"
        "entry = {'type': 'spark.SparkDataSet', 'filepath': 't', 'file_format': 'parqet',\n"
        "         'load_args': {'schema': 'a INT'}}\n"
        "table = {'type': 'spark.DeltaTableDataSet', 'filepath': 't', 'load_as': 'delta_table'}\n"
        "others = {\n"
        "    'c': {'type': 'databricks.ManagedTableDataSet', 'table': 't', 'schema': 'a INT'},\n"
        "    'd': {'type': 'spark.SparkHiveDataSet', 'database': 'd', 'table': 't'},\n"
        "    'e': {'type': 'spark.SparkJDBCDataSet', 'url': 'jdbc:derby:d', 'table': 't'},\n"
        "    'f': {'type': 'spark.SparkStreamingDataSet', 'filepath': 't'},\n"
        "    'g': {'type': 'spark.SparkDataSet', 'filepath': 's3a://b/t', 'versioned': True},\n"
        "}\n"
        "catalog = DataCatalog.from_config_lazily({'a': entry, 'b': table, **others})\n"
        "assert all(map(repr, (catalog[name] for name in others)))\n"
        "assert len(catalog.problems()) == 1\n"
        "assert str(catalog['a']) and not catalog.exists('b')\n"
        "assert not {'pyspark', 'py4j', 'delta', 'pandas', 's3fs'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
