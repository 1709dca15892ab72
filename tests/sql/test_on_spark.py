"""SQL nodes on Spark: what they give, and that nobody else sees anything of them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe import sql_node
from sparkpipe.errors import RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytest.importorskip("sqlglot")
pytestmark = [pytest.mark.spark, pytest.mark.session]

DAY = datetime.date(2024, 1, 31)


@pytest.fixture(params=["classic", "connect"])
def session(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    found = request.getfixturevalue("spark" if request.param == "classic" else "connect")
    with activated(SparkProvider(session=found)):
        yield found


def _trips(session: SparkSession) -> DataFrame:
    rows = [("a", 20, DAY), ("b", 30, DAY), ("a", 40, DAY), ("b", 5, datetime.date(2024, 2, 1))]
    return session.createDataFrame(rows, "code string, fare int, day date")


def _rows(frame: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in frame.collect())


def test_tables_parameters_slices_views_and_names_that_are_no_identifiers(
    session: SparkSession,
) -> None:
    import pandas as pd

    text = """
        -- '{braces}' and a ; in a comment
        create temporary view dear (who, paid) as
          select code, fare from `trips.clean` where fare > :limits.fare and day = ${slice:day};
        with Names as (select * from `airlines@pandas`)
        select n.name, sum(paid) as paid, :word as word, '{x}' as braces, eu.rates.rate
        from DEAR join names n on who = n.code cross join eu.rates tablesample (100 percent)
        where who in (select code from `trips.clean`) group by all having sum(paid) > :`least`
    """.replace(":`least`", ":least")
    feed = {
        "trips.clean": _trips(session),
        "airlines@pandas": pd.DataFrame({"code": ["a", "b"], "name": ["A; 'x'", "B"]}),
        "eu.rates": session.createDataFrame([(0.5,)], "rate double"),
        "params:limits.fare": 10,
        "params:least": 30,
        "params:word": "'; drop table trips; --",
        "slice:day": DAY,
    }
    made = sql_node(query=text, outputs="paid", name="paid")
    assert made.inputs == [
        *("trips.clean", "airlines@pandas", "eu.rates"),
        *("params:limits.fare", "slice:day", "params:word", "params:least"),
    ]
    before = {table.name for table in session.catalog.listTables()}
    found = SequentialRunner().run(pipeline([made]), DataCatalog(feed_dict=feed))["paid"]
    assert found.columns == ["name", "paid", "word", "braces", "rate"]
    word = "'; drop table trips; --"
    assert _rows(found) == [("A; 'x'", 60, word, "{x}", 0.5)]
    assert {table.name for table in session.catalog.listTables()} == before


def test_nodes_side_by_side_with_one_name_of_a_view(session: SparkSession) -> None:
    """Views of a query, and of functions beside it, and the same table under two names."""

    def by_hand(trips: DataFrame) -> DataFrame:
        trips.where("fare > 25").createOrReplaceTempView("kept")
        return trips.sparkSession.sql("select count(*) as n from kept")

    def query(least: int) -> str:
        return (
            f"create temporary view kept as select * from trips where fare > {least}; "
            "select count(*) as n from kept"
        )

    nodes = [sql_node(query=query(n * 10), outputs=f"n{n}") for n in range(5)]
    nodes += [node(by_hand, "trips", "by_hand")]
    read = [node(_rows, one.outputs[0], f"rows_{one.outputs[0]}") for one in nodes]
    catalog = DataCatalog(feed_dict={"trips": _trips(session)})
    found = ThreadRunner(max_workers=4).run(pipeline([*nodes, *read]), catalog)
    told = {name.removeprefix("rows_"): rows[0][0] for name, rows in found.items()}
    assert told == {"n0": 4, "n1": 3, "n2": 2, "n3": 1, "n4": 0, "by_hand": 2}


def test_a_persisted_input_stays_persisted(spark: SparkSession) -> None:
    trips = _trips(spark).cache()
    try:
        trips.count()
        made = sql_node(query="select count(*) as n from trips", outputs="n")
        assert _rows(made.run({"trips": trips})["n"]) == [(4,)]
        assert trips.storageLevel.useMemory
    finally:
        trips.unpersist()


def test_in_a_namespace_a_table_is_that_of_the_namespace(spark: SparkSession) -> None:
    made = sql_node(query="select fare from trips where trips.fare > :least", outputs="dear")
    twice = pipeline([made], namespace="eu") + pipeline([made], parameters="least", namespace="us")
    feed = {
        "eu.trips": _trips(spark).where("fare > 10"),
        "us.trips": _trips(spark).where("fare < 10"),
        "params:eu.least": 30,
        "params:least": 1,
    }
    found = SequentialRunner(is_async=True).run(twice, DataCatalog(feed_dict=feed))
    assert {name: _rows(frame) for name, frame in found.items()} == {
        "eu.dear": [(40,)],
        "us.dear": [(5,)],
    }


def test_what_spark_refuses_is_told_with_the_line_of_the_file(spark: SparkSession) -> None:
    made = sql_node(query="\n\nselect\n  fares from trips", outputs="x", name="dear")
    with pytest.raises(RunFailedError, match="'dear' failed") as caught:
        SequentialRunner().run(pipeline([made]), DataCatalog(feed_dict={"trips": _trips(spark)}))
    assert "fares" in str(caught.value)
    assert "line 4" in caught.value.failures[0].traceback_text
    with pytest.raises(RunFailedError, match=r"'trips' .*:4:14.* is a dict, which Spark cannot"):
        SequentialRunner().run(pipeline([made]), DataCatalog(feed_dict={"trips": {"a": 1}}))
