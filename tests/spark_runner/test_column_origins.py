"""What the columns of a Spark frame are made of, as the plan of the frame tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet
from sparkpipe.events import NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.classic("a client of Connect has no plan")

Told = dict[str, set[str]]


class Origins(RunObserver):
    """Keeps what the columns of each saved frame are made of, as ``input.column``."""

    wants_origins = True

    def __init__(self) -> None:
        self.of: dict[str, Told] = {}

    def on_node_ended(self, event: NodeEnded) -> None:
        for report in event.data_sets:
            if report.direction == "save":
                self.of[report.name] = {
                    column: {f"{name}.{of}" for name, of in made_of}
                    for column, made_of in report.origins
                }


def trips_of(spark: SparkSession) -> DataFrame:
    rows = [(1, "AA", 10.0, [1, 2]), (2, "BB", 20.0, [3])]
    return spark.createDataFrame(rows, "id long, code string, fare double, stops array<int>")


def airlines_of(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([("AA", "Able"), ("BB", "Best")], "code string, name string")


def selected(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return trips.where("fare > 0").select(
        "id", (F.col("fare") * 2 + F.col("id")).alias("cost"), F.lit(1).alias("one")
    )


def joined(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return trips.join(airlines, "code").select("code", "name", "fare").sort("id")


def aggregated(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return trips.groupBy("code").agg(F.sum("fare").alias("sum"), F.count("*").alias("rows"))


def ranked(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_fare = Window.partitionBy("code").orderBy("fare")
    return trips.withColumn("rank", F.row_number().over(by_fare)).drop("stops", "id")


def exploded(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return trips.select("id", F.explode("stops").alias("stop"))


def united(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return trips.select("code").unionByName(airlines.select("code"))


def joined_with_itself(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return trips.alias("a").join(trips.alias("b"), "code").selectExpr("a.id", "b.fare AS other")


def kept_by_others(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return trips.join(airlines, "code", "left_semi").select("id", "code")


def cubed(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    return trips.cube("code", "id").agg(F.max("fare").alias("max"))


def unpivoted(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return trips.selectExpr("code", "id", "CAST(fare AS LONG) AS fare").unpivot(
        "code", ["id", "fare"], "what", "value"
    )


def pivoted(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return trips.groupBy("id").pivot("code", ["AA", "BB"]).sum("fare")


def mapped(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return airlines.mapInPandas(lambda frames: frames, "short string")


def asked_in_sql(trips: DataFrame, airlines: DataFrame) -> DataFrame:
    return trips.sparkSession.sql(
        "WITH best AS (SELECT code, max(fare) AS most FROM {t} GROUP BY code) "
        "SELECT name, most, (SELECT min(id) FROM {t}) AS first "
        "FROM best JOIN {a} a ON a.code = best.code",
        t=trips,
        a=airlines,
    )


ALL_OF_TRIPS = {"id": {"trips.id"}, "code": {"trips.code"}, "fare": {"trips.fare"}}
CASES: list[tuple[Callable[[DataFrame, DataFrame], DataFrame], Told]] = [
    (selected, {"id": {"trips.id"}, "cost": {"trips.fare", "trips.id"}}),
    (joined, {"code": {"trips.code"}, "name": {"airlines.name"}, "fare": {"trips.fare"}}),
    (aggregated, {"code": {"trips.code"}, "sum": {"trips.fare"}}),
    (
        ranked,
        {
            "code": {"trips.code"},
            "fare": {"trips.fare"},
            "rank": {"trips.code", "trips.fare"},
        },
    ),
    (exploded, {"id": {"trips.id"}, "stop": {"trips.stops"}}),
    (united, {"code": {"trips.code", "airlines.code"}}),
    (joined_with_itself, {"id": {"trips.id"}, "other": {"trips.fare"}}),
    (kept_by_others, {"id": {"trips.id"}, "code": {"trips.code"}}),
    (cubed, {"code": {"trips.code"}, "id": {"trips.id"}, "max": {"trips.fare"}}),
    (unpivoted, {"code": {"trips.code"}}),  # which columns became rows is not known
    (
        pivoted,
        {
            "id": {"trips.id"},
            "AA": {"trips.fare", "trips.code"},
            "BB": {"trips.fare", "trips.code"},
        },
    ),
    (mapped, {"short": {"airlines.code", "airlines.name"}}),
    (
        asked_in_sql,
        {"name": {"airlines.name"}, "most": {"trips.fare"}, "first": {"trips.id"}},
    ),
]


def run(catalog: dict[str, Any], nodes: list[Any], runner: AbstractRunner | None = None) -> Origins:
    told = Origins()
    with observing(told):
        (runner or SequentialRunner()).run(pipeline(nodes), DataCatalog(catalog))
    return told


@pytest.mark.parametrize(("made", "expected"), CASES, ids=lambda one: getattr(one, "__name__", ""))
def test_columns_are_followed_through_the_plan(
    spark: SparkSession, made: Callable[..., DataFrame], expected: Told
) -> None:
    given = {
        "trips": MemoryDataSet(trips_of(spark)),
        "airlines": MemoryDataSet(airlines_of(spark)),
    }
    told = run(given, [node(made, ["trips", "airlines"], "result")])
    assert told.of["result"] == expected


def test_each_node_tells_of_its_own_inputs_under_each_runner(
    spark: SparkSession, tmp_path: Path, runner: AbstractRunner
) -> None:
    tables = {
        "trips": DeltaTableDataSet(filepath=str(tmp_path / "trips")),
        "copy": DeltaTableDataSet(filepath=str(tmp_path / "copy")),
        "costs": SparkDataSet(filepath=str(tmp_path / "costs")),
    }
    tables["trips"].save(trips_of(spark))
    nodes = [
        node(lambda trips: trips.drop("stops"), "trips", "copy", name="copy"),
        node(lambda copy: copy.where("id > 1"), "copy", "late", name="late"),
        node(
            lambda late, copy: late.join(copy.selectExpr("id", "fare AS paid"), "id"),
            ["late", "copy"],
            "costs",
            name="costs",
        ),
    ]
    told = run(tables, nodes, runner)

    assert told.of["copy"] == ALL_OF_TRIPS
    assert told.of["late"] == {name: {f"copy.{name}"} for name in ALL_OF_TRIPS}
    assert told.of["costs"] == {name: {f"late.{name}"} for name in ALL_OF_TRIPS} | {
        "paid": {"copy.fare"}
    }


def test_each_of_several_outputs_is_told(spark: SparkSession) -> None:
    given = {"trips": MemoryDataSet(trips_of(spark))}

    def split(trips: DataFrame) -> tuple[DataFrame, int, DataFrame]:
        return trips.select("code"), 5, trips.selectExpr("id + 1 AS next")

    told = run(given, [node(split, "trips", ["first", "number", "rest"])])
    assert told.of == {
        "first": {"code": {"trips.code"}},
        "number": {},
        "rest": {"next": {"trips.id"}},
    }


def test_a_table_that_is_read_and_replaced_tells_what_it_was_made_of(
    spark: SparkSession, tmp_path: Path
) -> None:
    """It is cut off from its plan before it is saved."""
    told = run(
        {
            "before": SparkDataSet(filepath=str(tmp_path / "trips")),
            "after": SparkDataSet(filepath=str(tmp_path / "trips"), save_args={"mode": "append"}),
            "given": MemoryDataSet(trips_of(spark)),
        },
        [
            node(lambda given: given, "given", "before", name="first"),
            node(lambda before: before.limit(1), "before", "after", name="again"),
        ],
    )
    assert told.of["after"]["fare"] == {"before.fare"}


def test_nothing_is_told_where_it_is_not_known(spark: SparkSession) -> None:
    def wide(trips: DataFrame) -> DataFrame:
        trips = trips.selectExpr(*(f"id AS c{number}" for number in range(1000)))
        for _ in range(20):
            trips = trips.select("*")
        return trips

    twins = {"a": MemoryDataSet(airlines_of(spark)), "b": MemoryDataSet(airlines_of(spark))}
    told = run(
        {"trips": MemoryDataSet(trips_of(spark)), **twins},
        [
            node(lambda trips: trips.toPandas(), "trips", "pandas"),
            node(lambda trips: trips_of(spark), "trips", "from_elsewhere"),
            node(lambda a: airlines_of(spark).union(airlines_of(spark)), "a", "twice"),
            node(lambda trips: spark.createDataFrame(trips.collect()), "trips", "from_rows"),
            node(wide, "trips", "wide"),
            node(lambda a, b: a.join(a.selectExpr("code", "name AS n"), "code"), ["a", "b"], "aa"),
            # Which of two equal tables the second 'a' is, Spark does not tell.
            node(
                lambda a, b: a.join(b.selectExpr("code", "name AS m"), "code").join(
                    a.selectExpr("code", "name AS n"), "code"
                ),
                ["a", "b"],
                "aba",
            ),
        ],
    )
    unknown = ("pandas", "from_elsewhere", "twice", "from_rows", "wide")
    assert [told.of[name] for name in unknown] == [{}] * len(unknown)
    assert told.of["aa"] == {"code": {"a.code"}, "name": {"a.name"}, "n": {"a.name"}}
    assert told.of["aba"] == {"code": {"a.code"}, "name": {"a.name"}, "m": {"b.name"}}


def test_nobody_looks_at_a_plan_unless_somebody_asks(spark: SparkSession) -> None:
    told = Origins()
    told.wants_origins = False
    with observing(told):
        SequentialRunner().run(
            pipeline([node(lambda trips: trips, "trips", "result")]),
            DataCatalog({"trips": MemoryDataSet(trips_of(spark))}),
        )
    assert told.of["result"] == {}
