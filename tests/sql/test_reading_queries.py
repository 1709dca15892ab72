"""What is found in a text of SQL, and what is refused, without Spark."""

from __future__ import annotations

import datetime
import decimal
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("sqlglot")

from sparkpipe import sql_node
from sparkpipe.errors import PipelineError, collecting_errors
from sparkpipe.io import DataCatalog
from sparkpipe.journal.code import CodeReader
from sparkpipe.pipeline import pipeline
from sparkpipe.runner import ParallelRunner
from sparkpipe.sql.files import looking_in
from sparkpipe.sql.literals import literal


def _inputs(text: str) -> list[str]:
    return sql_node(query=text, outputs="out").inputs


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("select * from trips join airlines using (code)", ["trips", "airlines"]),
        ("with a as (select * from b), c as (select * from A) select * from a, C", ["b"]),
        ("with t as (select * from t) select * from T", ["t"]),
        ("with recursive r as (select 1 n union all select n + 1 from r) select * from r", []),
        (
            "select * from (select * from x) y where exists (select 1 from z where z.a = y.a)",
            ["x", "z"],
        ),
        ("with a as (select 1) select * from (with a as (select * from b) select * from a)", ["b"]),
        (
            "select * from `trips.clean` t, eu.trips, `trips@spark`",
            ["trips.clean", "eu.trips", "trips@spark"],
        ),
        ("select * from `a``b`, `x y`, `ü`", ["a`b", "x y", "ü"]),
        ("select /*+ broadcast(small) */ * from big join small using (k)", ["big", "small"]),
        ("select * from range(3) r lateral view explode(r.x) e as v", []),
        ("select 'from fake', \"from no\" /* from never */ from real -- from comment", ["real"]),
        ("create temporary view v as select * from a; create temp view w as table_of", None),
        ("create temporary view v as select * from a; select * from V join b", ["a", "b"]),
        ("create temporary view a as select * from a; select * from a", ["a"]),
        ("from trips |> where fare > 1 |> select fare", ["trips"]),
        (
            "select * from t where a = :x and b in (:y, :g.z) and c::int > d and e > :x limit :n",
            ["t", "params:x", "params:y", "params:g.z", "params:n"],
        ),
        (
            "select struct(1 as a), cast(s as struct<b: int>) from t where day = ${slice:day}",
            ["t", "slice:day"],
        ),
        ("select '  :no ', `:no` from t -- :no\n", ["t"]),
        ("select 1 as one;;\n-- the end", []),
    ],
)
def test_inputs_are_found(text: str, inputs: list[str] | None) -> None:
    if inputs is None:
        with pytest.raises(PipelineError):
            _inputs(text)
    else:
        assert _inputs(text) == inputs


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("select fare\nfrom trips\nwher x = 1", "3:6: this is no SQL near 'x'"),
        ("selec a from t", "1:9: this is no SQL near 'from'"),
        (
            "select a\nfrom t where where a > 1",
            "2:14: this is no SQL near 'where': something is missing in WHERE.",
        ),
        ("select a,\n, b from t", "2:1: something is missing before ','"),
        ("select from t", "1:8: something is missing before 'from'"),
        ("select 'abc", "1:8: a quote or a comment that begins here has no end"),
        ("", "1:1: there is no query"),
        ("-- nothing\n;", "1:1: there is no query"),
        ("create temporary view v as select 1", "1:1: there is no query after the views"),
        ("select 1;\nselect 2", "1:1: there is a second result: only the last statement"),
        ("insert into t select 1", "1:1: INSERT is no query, and a SQL node only reads"),
        ("with a as (select 1) insert into t select * from a", "1:1: INSERT is no query"),
        ("merge into a using b on a.x = b.x when matched then delete", "MERGE is no query"),
        ("update t set a = 1", "UPDATE is no query"),
        ("delete from t", "DELETE is no query"),
        ("drop table t", "DROP TABLE is no query"),
        ("select * into y from t", "a SQL node only reads"),
        ("create view v as select 1; select * from v", "1:1: CREATE VIEW is no query"),
        ("create global temporary view v as select 1; select 1", "CREATE GLOBAL is no query"),
        ("create table v as select 1; select 1", "CREATE TABLE is no query"),
        ("create temporary view v using csv options (path 'x'); select 1", "is no query"),
        ("set x = 1; select 1", "SET is no query"),
        ("cache table t; select 1", "CACHE is no query"),
        ("explain select 1", "EXPLAIN is no query"),
        ("select * from t version as of 3", "1:15: the version of 't' cannot be chosen here"),
        ("select * from identifier(:t)", "the name of a table must stand in the text"),
        ("select '${slice:day}'", "1:9: '${slice:day}' is a text, and in it nothing is put"),
        (
            "select *\nfrom {{ trips }}",
            "2:6: names need no braces, and {{ trips }} is no SQL. Write trips for the data set; "
            ":trips for a parameter.",
        ),
        ("select {{ var('x') }} from trips", "1:8: {{ var('x') }} is of a template, and a SQL"),
        ("select 1 from trips {% if x %}", "1:21: {% if x %} is of a template, and a SQL"),
        (
            "select * from t where a in :x",
            "1:28: the values of IN stand in brackets. Write IN (:x)",
        ),
        ("select ${env}", "1:8: ${env} is no slice. Write ${slice:day} for a slice, :name"),
        (
            "create temp view v as select 1; create temp view V as select 2; select * from v",
            "1:33: there is a view 'V' already",
        ),
    ],
)
def test_what_is_no_single_query_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        sql_node(query=text, outputs="x")
    assert str(caught.value).startswith("the query 'x':")
    assert told in str(caught.value)


def test_all_problems_of_a_text_are_told() -> None:
    with collecting_errors() as errors:
        sql_node(query="select ${a};\nselect '${slice:day}'\n; drop table x", outputs="x")
    places = [str(error).split(": ")[0] for error in errors]
    assert places == [
        "the query 'x':1:8",
        "the query 'x':2:9",
        "the query 'x':1:1",
        "the query 'x':2:1",
        "the query 'x':3:3",
    ]


def test_a_file_is_found_named_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sql").mkdir()
    file = tmp_path / "sql" / "route delays.sql"
    file.write_bytes("\ufeffselect *\r\nfrom trips\r\n".encode())
    for path in ("sql/route delays.sql", file, Path("sql") / "route delays.sql"):
        made = sql_node(path, outputs="delays")
        assert str(made) == "route_delays: route_delays([trips]) -> [delays]"
    assert sql_node("sql/route delays.sql", outputs="x").func.place_of("trips") == (
        "sql/route delays.sql:2:6"
    )
    with pytest.raises(
        PipelineError, match=r"no file route_delays.sql of SQL .*'route delays.sql'"
    ):
        sql_node("sql/route_delays.sql", outputs="x")
    file.write_bytes(b"select '\xff'")
    with pytest.raises(PipelineError, match="no text in UTF-8"):
        sql_node(file, outputs="x")
    for wrong in ({}, {"path": file, "query": "select 1"}):
        with pytest.raises(PipelineError, match="one of them only"):
            sql_node(**wrong, outputs="x")  # type: ignore[arg-type]


def test_a_file_of_a_package_in_an_archive_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "shipped.zip", "w") as archive:
        archive.writestr("shipped_shop/__init__.py", "")
        archive.writestr("shipped_shop/sql/dear.sql", "select * from trips")
    monkeypatch.syspath_prepend(tmp_path / "shipped.zip")
    with looking_in(tmp_path, "shipped_shop"):
        made = sql_node("sql/dear.sql", outputs="dear")
    assert made.func.place_of("trips") == "shipped_shop/sql/dear.sql:1:15"


def test_options_that_are_none_are_told() -> None:
    with pytest.raises(PipelineError, match=r"no engine 'duck'.*'duckdb'"):
        sql_node(query="select 1", outputs="x", engine="duck")
    with pytest.raises(PipelineError, match=r"no dialect 'sparc'.*'spark'"):
        sql_node(query="select 1", outputs="x", dialect="sparc")
    with pytest.raises(PipelineError, match="one output"):
        sql_node(query="select 1", outputs=["x", "y"])  # type: ignore[arg-type]


def test_without_sqlglot_the_extra_is_named() -> None:
    code = "import sys; sys.modules['sqlglot'] = None; from sparkpipe import sql_node; "
    code += "sql_node(query='select 1', outputs='x')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'sparkpipe[sql-nodes]'" in ended.stderr


def test_a_node_crosses_to_other_processes_and_equals_itself() -> None:
    made = sql_node(query="select * from t where a > :x", outputs="x")
    again = pickle.loads(pickle.dumps(made))
    assert again == made == sql_node(query="select * from t where a > :x", outputs="x")
    assert again != sql_node(query="select * from t where a < :x", outputs="x")


def test_in_a_namespace_names_follow() -> None:
    made = pipeline(
        [sql_node(query="select * from `t@spark` join u where a > :g.x", outputs="x")],
        inputs={"u": "shared"},
        parameters={"g": "other"},
        namespace="eu",
    )
    (inner,) = made.nodes
    assert inner.inputs == ["eu.t@spark", "shared", "params:other.x"]
    assert inner.func.inputs == ("t@spark", "u", "params:g.x")


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        ("SELECT a,\n  b -- of the trip\nFROM t /* all */;", True),
        ("select a, b from T", False),
        ("select a, b from t where a > 1", False),
        ("select A, b from t", False),
        ("select 'a', b from t", False),
    ],
)
def test_what_counts_as_a_change_of_the_code(text: str, is_same: bool) -> None:
    def digest(query: str, engine: str = "spark") -> str:
        made = sql_node(query=query, outputs="x", engine=engine)
        return CodeReader().parts(made.func)["query"].digest

    written = "select a, b from t"
    assert (digest(text) == digest(written)) == is_same
    assert digest(written, "duckdb") != digest(written)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (-3, "(-3)"),
        (2.5, "2.5D"),
        (1e-7, "1e-07D"),
        (float("nan"), "DOUBLE('nan')"),
        (decimal.Decimal("1.50"), "1.50BD"),
        ("plain, ü {x} :y", "'plain, ü {x} :y'"),
        ("it's", "CAST(X'69742773' AS STRING)"),
        ("a\\", "CAST(X'615c' AS STRING)"),
        ("", "''"),
        (datetime.date(2024, 1, 31), "DATE '2024-01-31'"),
        (
            datetime.datetime(2024, 1, 31, 5, tzinfo=datetime.timezone.utc),
            "TIMESTAMP '2024-01-31 05:00:00+00:00'",
        ),
        (["a", 1], "array('a', 1)"),
        ({"a": [1]}, "map('a', array(1))"),
    ],
)
def test_parameters_are_literals_of_their_type(value: object, written: str) -> None:
    assert literal(value) == written


def test_what_is_no_value_is_no_parameter() -> None:
    with pytest.raises(PipelineError, match="A object cannot be a parameter"):
        literal(object())


def test_a_query_on_spark_stays_in_its_process_and_one_on_duckdb_does_not() -> None:
    def problems(engine: str) -> str:
        made = sql_node(query="select * from t", outputs="x", engine=engine)
        catalog = DataCatalog(feed_dict={"t": 1})
        return str(ParallelRunner().problems(pipeline([made]), catalog))

    assert "its query runs on Spark" in problems("spark")
    assert problems("duckdb") == "[]"
