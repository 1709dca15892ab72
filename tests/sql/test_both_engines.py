"""The same query gives the same rows on Spark and on DuckDB."""

from __future__ import annotations

import datetime
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tpch_texts import QUERIES, TABLES

from sparkpipe import sql_node
from sparkpipe.errors import PipelineError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.importorskip("sqlglot")
pytest.importorskip("duckdb")
pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

SCALE = "0.01"


def _plain(value: Any) -> Any:
    """A number as such, whatever the engine computes it in."""
    if isinstance(value, (Decimal, float)):
        return float(value)
    return value


def _is_same(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    if len(one) != len(other):
        return False
    return all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)
        if isinstance(a, float) and isinstance(b, float)
        else a == b
        for row, second in zip(one, other, strict=True)
        for a, b in zip(row, second, strict=True)
    )


def _rows(table: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    if not isinstance(table, pa.Table):
        return table.columns, [tuple(map(_plain, row)) for row in table.collect()]
    rows = [tuple(map(_plain, row.values())) for row in table.to_pylist()]
    return table.column_names, rows


@pytest.fixture
def quick_spark(spark: SparkSession) -> Iterator[SparkSession]:
    """Spark that plans each query once: the tables are so small that planning is most of it."""
    name = "spark.sql.adaptive.enabled"
    before = str(spark.conf.get(name))
    spark.conf.set(name, "false")
    yield spark
    spark.conf.set(name, before)


@pytest.fixture(scope="module")
def tpch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = shutil.which("tpchgen-cli", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("tpchgen-cli is not installed")
    folder = tmp_path_factory.mktemp("tpch")
    subprocess.run([program, "parquet", "-s", SCALE, "-q", "-o", str(folder)], check=True)
    return folder


def test_the_22_queries_of_tpch_give_the_same_rows(quick_spark: SparkSession, tpch: Path) -> None:
    import pyarrow.parquet as pq

    feed: dict[str, Any] = {"params:fraction": Decimal("0.0001") / Decimal(SCALE)}

    def run(engine: str, tables: dict[str, Any]) -> dict[str, Any]:
        nodes = [
            sql_node(query=text, outputs=name, engine=engine) for name, text in QUERIES.items()
        ]
        nodes += [node(_rows, name, f"{name}_rows", name=f"{name}_rows") for name in QUERIES]
        return ThreadRunner(max_workers=2).run(
            pipeline(nodes), DataCatalog(feed_dict={**tables, **feed})
        )

    arrow = {name: pq.read_table(tpch / f"{name}.parquet") for name in TABLES}
    frames = {name: quick_spark.read.parquet(str(tpch / f"{name}.parquet")) for name in TABLES}
    on_duckdb, on_spark = run("duckdb", arrow), run("spark", frames)
    assert len(on_spark) == 22
    for name, (columns, rows) in on_spark.items():
        assert columns == on_duckdb[name][0], name
        assert _is_same(rows, on_duckdb[name][1]), (name, rows[:3], on_duckdb[name][1][:3])
    # Of that scale these ask for what is rare.
    assert {name for name, (_, rows) in on_spark.items() if not rows} <= {"q18_rows"}


def test_names_parameters_and_types_are_alike(spark: SparkSession) -> None:
    trips = pd.DataFrame(
        {
            "code": ["a", "b", None, "ü'"],
            "n": [1, 2**40, 3, 4],
            "fare": [1.5, float("nan"), 3.0, -0.5],
            "day": [datetime.date(2024, 1, day) for day in (1, 2, 3, 4)],
            "price": [Decimal("1.10"), None, Decimal("3.30"), Decimal("4.40")],
            "is_paid": [True, False, None, True],
        }
    )
    text = """
        create temporary view `the view` as select *, code || '-' as c2 from `trips.raw`;
        select v.code, c2, sum(n) as n, max(fare) as fare, min(day) as day, sum(price) as price,
          percentile(n, 0.25) as q, -- :no
          count(*) as `how many`, bool_or(is_paid) as paid, :words as words, :day as since
        from `the view` v left join names on names.code = v.code
        where day >= ${slice:day} and n in (:first, 3, 4) and (is_paid or is_paid is null)
        group by all order by v.code
    """
    inputs = {
        "trips.raw": trips,
        "names": pa.table({"code": ["a", "a", "x"]}),
        "params:words": 'it\'s \\ "so" {x} :y',
        "params:day": datetime.date(2024, 2, 29),
        "params:first": 1,
        "slice:day": datetime.date(2024, 1, 1),
    }
    found = {
        engine: sql_node(query=text, outputs="x", engine=engine).run(inputs)["x"]
        for engine in ("spark", "duckdb")
    }
    told = {"spark": found["spark"].toPandas(), "duckdb": found["duckdb"]}
    for table in told.values():
        assert table["n"].tolist() == [3, 2, 4]
        assert table["n"].dtype == table["how many"].dtype == "int64"
        assert set(table["words"]) == {'it\'s \\ "so" {x} :y'}
        assert set(table["since"]) == {datetime.date(2024, 2, 29)}
    pd.testing.assert_frame_equal(told["spark"], told["duckdb"], check_dtype=False)


@pytest.mark.parametrize(
    ("condition", "values", "kept"),
    [
        ("s in (:names)", ["paid", "o'x"], [1, 3]),
        ("s not in (:names)", ("paid", "o'x"), [2, 5]),
        ("s in ('free', :names)", ["paid"], [1, 2]),
        ("s in (:names)", "free", [2]),
        ("s in ('$pe_value_of_names', ':names', :names)", ["free"], [2, 5]),
        ("s in (coalesce(s, 'x'), :names) and array_contains(:names, s)", ["free"], [2]),
        ("day in (:names)", [datetime.date(2024, 1, 4)], [4]),
        ("n in (select n from t where s in (:names))", ["paid"], [1]),
    ],
)
def test_a_list_stands_for_each_of_its_values_in_an_in(
    spark: SparkSession, condition: str, values: Any, kept: list[int]
) -> None:
    table = pd.DataFrame(
        {
            "s": ["paid", "free", "o'x", None, "$pe_value_of_names"],
            "n": [1, 2, 3, 4, 5],
            "day": [datetime.date(2024, 1, day) for day in (1, 2, 3, 4, 5)],
        }
    )
    text = f"select n from t where {condition} order by n"
    for engine in ("spark", "duckdb"):
        made = sql_node(query=text, outputs="x", engine=engine)
        found = made.run({"t": table, "params:names": values})["x"]
        assert [
            row.n for row in (found.collect() if engine == "spark" else found.itertuples())
        ] == kept


_LIKE = [
    *("dayofweek(day)", "weekday(day)", "extract(dow from day)", "date_part('dow', day)"),
    *("date_add(day, 2)", "date_sub(day, 2)", "add_months(day, 1)", "trunc(day, 'MM')"),
    *("trunc(day, 'year')", "cast(f as int)", "cast(-1.5 as bigint)", "cast(price as int)"),
    *("cast(n as int)", "cast(is_paid as int)", "cast('12' as int)", "isnan(f)"),
    *("substring(s, 0, 2)", "substring(s, 2)", "array_position(array(n, 7), 7)"),
    *("array_position(array(n), 7)", "sequence(1, cast(2.9 as int))"),
]
_LIKE_OF_GROUPS = [
    *("collect_list(s)", "size(collect_set(s))", "collect_list(s) filter (where n > 100)"),
    *("min_by(s, n)", "max_by(s, n)", "sum(cast(f as int))"),
]


def test_functions_give_the_same_on_both_engines(spark: SparkSession) -> None:
    table = pd.DataFrame(
        {
            "n": [1, 2, -3, 4],
            "f": [1.5, float("nan"), -2.5, 2.5],
            "s": ["paid", "free", None, "o'x"],
            "day": [datetime.date(2024, 1, day) for day in (7, 8, 13, 31)],
            "price": [Decimal("1.99"), None, Decimal("-3.50"), Decimal("4.40")],
            "is_paid": [True, False, None, True],
        }
    )
    one = ", ".join(f"{text} as c{number}" for number, text in enumerate(_LIKE))
    many = ", ".join(f"{text} as c{number}" for number, text in enumerate(_LIKE_OF_GROUPS))
    for query, texts in (
        (f"select n, {one} from t order by n", _LIKE),
        (f"select n > 0 as n, {many} from t group by n > 0 order by 1", _LIKE_OF_GROUPS),
    ):
        rows: dict[str, list[Any]] = {}
        for engine in ("spark", "duckdb"):
            made = sql_node(query=query, outputs="x", engine=engine)
            given = spark.createDataFrame(table) if engine == "spark" else pa.table(table)
            found = made.run({"t": given})["x"]
            found = found.toArrow() if engine == "spark" else found
            rows[engine] = [[*row.values()] for row in found.to_pylist()]
        for number, text in enumerate(texts, 1):
            assert [row[number] for row in rows["spark"]] == [
                row[number] for row in rows["duckdb"]
            ], text
    for engine in ("spark", "duckdb"):
        unnamed = sql_node(query="select cast(f as int) from t", outputs="x", engine=engine)
        assert [*unnamed.run({"t": table})["x"].columns] == ["f"]


def test_arrow_stays_arrow_and_the_hundred_names_of_a_column() -> None:
    table = pa.table({'a "b"': [1, 2], "c;--": ["x", None]})
    made = sql_node(
        query='select sum(`a "b"`) as `a "b"`, `c;--` from t group by all order by 2',
        outputs="x",
        engine="duckdb",
    )
    found = made.run({"t": table})["x"]
    assert found.to_pydict() == {'a "b"': [2, 1], "c;--": [None, "x"]}
    assert str(found.schema.types[0]) == "int64"
    own = sql_node(
        query="select i from t qualify row_number() over (order by i desc) = 1",
        outputs="x",
        engine="duckdb",
        dialect="duckdb",
    )
    assert own.run({"t": pd.DataFrame({"i": [1, 2]})})["x"].to_dict("list") == {"i": [2]}


def test_what_duckdb_refuses_is_told_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.sql"
    file.write_text("select nosuch(n)\nfrom t")
    made = sql_node(file, outputs="x", engine="duckdb")
    with pytest.raises(PipelineError) as told:
        made.run({"t": pd.DataFrame({"n": [1]})})
    assert "x.sql: DuckDB refuses it: Catalog Error: Scalar Function with name nosuch" in str(
        told.value
    )
    assert "LINE 1" not in str(told.value)  # of a text that nobody has written


def test_duckdb_reads_only_what_the_text_names(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    secret = pd.DataFrame({"a": [1]})  # a variable of Python, which DuckDB would find
    assert len(secret) == 1
    text = f"select * from read_csv('{(tmp_path / 'x.csv').as_posix()}')"
    made = sql_node(query=text, outputs="x", engine="duckdb", dialect="duckdb")
    with pytest.raises(Exception, match="disabled by configuration"):
        made.run({})
    made = sql_node(query="select * from secret", outputs="x", engine="duckdb")
    assert made.inputs == ["secret"]
    with pytest.raises(PipelineError, match=r"'secret' \(the query 'x':1:15\) is a list"):
        made.run({"secret": [1]})


def test_duckdb_beside_itself() -> None:
    nodes = [
        sql_node(
            query=f"create temp view v as select a + {n} as a from t; select sum(a) as a from v",
            outputs=f"n{n}",
            engine="duckdb",
        )
        for n in range(6)
    ]
    feed = {"t": pd.DataFrame({"a": [1, 2]})}
    for runner in (ThreadRunner(max_workers=3), SequentialRunner(is_async=True)):
        found = runner.run(pipeline(nodes), DataCatalog(feed_dict=feed))
        assert [found[f"n{n}"]["a"][0] for n in range(6)] == [3 + 2 * n for n in range(6)]


def test_a_percentile_lies_between_rows_as_on_spark() -> None:
    made = sql_node(query="select percentile(n, 0.25) as q from t", outputs="x", engine="duckdb")
    assert made.run({"t": pd.DataFrame({"n": [1, 2, 3, 4]})})["x"]["q"][0] == 1.75


def test_long_numbers_beside_nulls_stay_what_they_are() -> None:
    ids = pd.array([2**53 + 1, None, -(2**62) - 1], dtype="Int64")
    made = sql_node(query="select id, id % 7 as small from t", outputs="x", engine="duckdb")
    found = made.run({"t": pd.DataFrame({"id": ids})})["x"]
    assert [None if pd.isna(one) else int(one) for one in found["id"]] == [*ids[:1], None, ids[2]]
    assert str(found["small"].dtype) == "float64"  # as ever where nothing is lost


def test_a_table_that_duckdb_cannot_be_given_is_told_with_its_place() -> None:
    made = sql_node(query="select a from t", outputs="x", engine="duckdb")
    with pytest.raises(PipelineError, match=r"'t' \(the query 'x':1:15\) cannot be read by DuckDB"):
        made.run({"t": pd.DataFrame({"a": ["x", 1]})})


def _assert_alike(spark: SparkSession, tables: list[tuple[Any, list[Any]]]) -> None:
    query = "select c, c is null as is_null from given"
    for table, rows in tables:
        with activated(SparkProvider(session=spark)):
            found = sql_node(query=query, outputs="found").run({"given": table})["found"]
            assert found.columns == ["c", "is_null"]
            assert [tuple(row) for row in found.collect()] == rows
        by_duckdb = sql_node(query=query, outputs="found", engine="duckdb")
        told = pa.table(by_duckdb.run({"given": table})["found"]).to_pylist()
        assert [tuple(row.values()) for row in told] == rows


def test_tables_of_any_type_and_without_rows_are_read_alike(spark: SparkSession) -> None:
    words = pa.array(["a", None]).dictionary_encode()
    tables: list[tuple[Any, list[Any]]] = [
        (pa.table({"c": words}), [("a", False), (None, True)]),
        (pa.table({"c": pa.array([200], pa.uint8())}), [(200, False)]),
        (pa.table({"c": pa.array([], pa.string())}), []),
        (pd.DataFrame({"c": pd.Series(dtype="float64")}), []),
        (pd.DataFrame({"c": pd.Series(dtype="object")}), []),
        (pd.DataFrame({"c": pd.Series(dtype="category")}), []),
    ]
    _assert_alike(spark, tables)


def test_whole_numbers_beside_null_stay_whole_and_nan_is_no_null(spark: SparkSession) -> None:
    if spark.version.startswith("3."):
        pytest.skip("Spark 3 takes tables of Arrow by way of pandas")
    big = 2**53 + 1
    _assert_alike(spark, [(pa.table({"c": [big, None]}), [(big, False), (None, True)])])
    _assert_alike(spark, [(pa.table({"c": [[big, None]]}), [([big, None], False)])])
    query = "select count(c) as there from given"
    table = pa.table({"c": [float("nan"), None, 1.0]})
    with activated(SparkProvider(session=spark)):
        found = sql_node(query=query, outputs="found").run({"given": table})["found"]
        assert found.first()["there"] == 2
    found = sql_node(query=query, outputs="found", engine="duckdb").run({"given": table})["found"]
    assert found.column("there").to_pylist() == [2]
