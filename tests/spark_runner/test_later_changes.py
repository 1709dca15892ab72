"""A frame that reads a table through a view, or by itself, reads what was there all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from spark_jobs import persisted

from sparkpipe.datasets.spark import SparkTableDataSet
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Their fixture asks for Spark by itself.
pytestmark = [pytest.mark.spark, pytest.mark.session]


@pytest.fixture(params=["parquet", "delta"])
def table(session: SparkSession, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A table of two rows, and a view of its name with ``_view`` behind; with its format."""
    name = f"later_{uuid4().hex}"
    session.range(2).write.format(request.param).saveAsTable(name)
    session.sql(f"CREATE VIEW {name}_view AS SELECT id + 0 AS id FROM {name}")
    yield name, request.param
    session.sql(f"DROP VIEW {name}_view")
    session.sql(f"DROP TABLE {name}")


READING: dict[str, Callable[[SparkSession, str, Any], Any]] = {
    "view of an entry": lambda session, name, view: view.where("id >= 0"),
    "view in a subquery": lambda session, name, view: session.sql(
        f"SELECT id FROM range(9) WHERE id IN (SELECT id FROM {name}_view)"
    ),
    "view in a subquery of an expression": lambda session, name, view: session.range(9).where(
        f"id IN (SELECT id FROM {name}_view)"
    ),
    "the table itself": lambda session, name, view: [session.table(name)],
    "temporary view": lambda session, name, view: (
        session.table(name).createOrReplaceTempView("of_later"),
        session.table("of_later"),
    )[1:],
}


def make_catalog(table: tuple[str, str]) -> DataCatalog:
    """Return the table, to which rows are added, and its view."""
    name, file_format = table
    return DataCatalog(
        {
            "view": SparkTableDataSet(f"{name}_view"),
            "added": SparkTableDataSet(name, write_mode="append", file_format=file_format),
        }
    )


def only(held: Any) -> DataFrame:
    frame: DataFrame = held[0] if isinstance(held, (list, tuple)) else held
    return frame


@pytest.mark.parametrize("how", READING)
def test_it_does_not_see_a_later_append(
    session: SparkSession, runner: AbstractRunner, table: tuple[str, str], how: str
) -> None:
    name, catalog = table[0], make_catalog(table)
    pipe = pipeline(
        [
            node(lambda view: READING[how](session, name, view), "view", "lazy", name="read"),
            node(lambda lazy: session.range(5, 8), "lazy", "added", name="append"),
            node(
                lambda lazy, added: (only(lazy).count(), added.count()),
                ["lazy", "added"],
                "counts",
                name="count",
            ),
            node(lambda lazy: lazy, "lazy", "returned", name="return"),
        ]
    )
    out = runner.run(pipe, catalog)
    assert (out["counts"], only(out["returned"]).count()) == ((2, 5), 2)


def test_what_nobody_changes_afterwards_stays_lazy(
    session: SparkSession, table: tuple[str, str]
) -> None:
    name, catalog = table[0], make_catalog(table)
    pipe = pipeline(
        [
            node(lambda: session.range(5, 8), None, "added", name="append"),
            node(lambda added: added.count(), "added", "n", name="wait"),
            node(lambda n: session.table(f"{name}_view"), "n", "lazy", name="read"),
            node(lambda lazy: (lazy.count(), persisted(session)), "lazy", "found", name="count"),
        ]
    )
    before = persisted(session)  # what other tests have left goes by and by
    count, then = SequentialRunner().run(pipe, catalog)["found"]
    assert (count, then <= before) == (5, True)


def test_a_server_explains_no_frame_that_names_no_table(
    connect: SparkSession, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"later_{uuid4().hex}"
    catalog = DataCatalog({"added": SparkTableDataSet(name, write_mode="append")})
    explained: list[Any] = []
    explain = connect.client.explain_string
    monkeypatch.setattr(
        connect.client, "explain_string", lambda *a: (explained.append(a), explain(*a))[1]
    )
    pipe = pipeline(
        [
            node(lambda: connect.range(3).where("id > 0"), None, "lazy", name="make"),
            node(lambda lazy: lazy, "lazy", "added", name="save"),
        ]
    )
    with activated(SparkProvider(session=connect)):
        SequentialRunner().run(pipe, catalog)
    assert (connect.table(name).count(), explained) == (2, [])
    connect.sql(f"DROP TABLE {name}")


def test_a_function_that_reads_a_table_does_not_see_a_later_append(connect: SparkSession) -> None:
    from pyspark.sql.connect.functions import call_udf

    name = f"later_{uuid4().hex}"
    connect.range(2).write.format("parquet").saveAsTable(name)
    connect.sql(
        f"CREATE FUNCTION {name}_rows() RETURNS BIGINT RETURN (SELECT count(*) FROM {name})"
    )
    catalog = DataCatalog(
        {"added": SparkTableDataSet(name, write_mode="append", file_format="parquet")}
    )
    pipe = pipeline(
        [
            node(lambda: connect.range(1).select(call_udf(f"{name}_rows")), None, "lazy", name="a"),
            node(lambda lazy: connect.range(5, 8), "lazy", "added", name="append"),
            node(lambda lazy, added: lazy.first()[0], ["lazy", "added"], "rows", name="count"),
        ]
    )
    try:
        with activated(SparkProvider(session=connect)):
            assert SequentialRunner().run(pipe, catalog)["rows"] == 2
    finally:
        connect.sql(f"DROP FUNCTION {name}_rows")
        connect.sql(f"DROP TABLE {name}")
