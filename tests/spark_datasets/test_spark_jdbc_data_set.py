"""Tables over JDBC, with Derby, whose driver is among Spark's own jars."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sparkpipe.datasets.spark import SparkJDBCDataSet
from sparkpipe.errors import DataSetError, SparkpipeError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import is_transactional, target_of
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DRIVER = "org.apache.derby.jdbc.EmbeddedDriver"
SECRET = "hunter2secret"


@pytest.fixture
def url(session: SparkSession) -> str:
    """A database in memory of the test's own."""
    return f"jdbc:derby:memory:{uuid4().hex};create=true"


def table(url: str, name: str = "people", **save_args: Any) -> SparkJDBCDataSet:
    driver = {"properties": {"driver": DRIVER}}
    return SparkJDBCDataSet(url, name, load_args=driver, save_args={**driver, **save_args})


def people(session: SparkSession, *given: tuple[int, str]) -> Any:
    return session.createDataFrame(list(given), "id INT, name STRING")


def rows(frame: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in frame.collect())


def test_what_is_saved_is_loaded(session: SparkSession, url: str) -> None:
    data_set = table(url)
    assert data_set.exists() is False
    data_set.save(people(session, (1, "a"), (2, "b")))
    assert data_set.exists() is True
    assert rows(data_set.load()) == [(1, "a"), (2, "b")]


def test_modes(session: SparkSession, url: str) -> None:
    table(url).save(people(session, (1, "a")))
    for kept in (table(url), table(url, mode="errorifexists")):
        with pytest.raises(DataSetError, match="already exists"):
            kept.save(people(session, (2, "b")))
    table(url, mode="append").save(people(session, (2, "b")))
    assert rows(table(url).load()) == [(1, "a"), (2, "b")]
    table(url, mode="overwrite", truncate=True).save(people(session, (3, "c")))
    assert rows(table(url).load()) == [(3, "c")]


def test_a_query_is_loaded(session: SparkSession, url: str) -> None:
    table(url).save(people(session, (1, "a"), (2, "b")))
    query = table(url, '(SELECT "name" FROM people WHERE "id" > 1) AS q')
    assert rows(query.load()) == [("b",)]


def test_a_parallel_read(session: SparkSession, url: str) -> None:
    table(url).save(people(session, *((n, "a") for n in range(20))))
    by_range = SparkJDBCDataSet(
        url,
        "people",
        load_args={
            "column": "id",
            "lowerBound": 0,
            "upperBound": 20,
            "numPartitions": 4,
            "driver": DRIVER,
            "fetchsize": 5,
        },
    )
    by_predicates = SparkJDBCDataSet(
        url,
        "people",
        load_args={"predicates": ['"id" < 5', '"id" >= 5'], "properties": {"driver": DRIVER}},
    )
    for data_set, partitions in ((by_range, 4), (by_predicates, 2)):
        frame = data_set.load()
        assert frame.count() == 20
        assert frame.selectExpr("spark_partition_id()").distinct().count() == partitions


def test_credentials_are_used_and_never_shown(
    session: SparkSession, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="sparkpipe")  # py4j tells all that it sends
    entry = {
        "type": "spark.SparkJDBCDataSet",
        "url": url,
        "table": "people",
        "credentials": "db",
        "load_args": {"driver": DRIVER},
        "save_args": {"driver": DRIVER},
    }
    credentials = {"db": {"user": "somebody", "password": SECRET}}
    catalog = DataCatalog.from_config({"people": entry}, credentials)
    catalog.save("people", people(session, (1, "a")))
    # Derby gives a table to the schema of its user.
    assert table(url, "SOMEBODY.people").exists() is True
    assert rows(catalog.load("people")) == [(1, "a")]
    shown = f"{catalog['people']!r} {catalog['people']._describe()} {caplog.text}"
    assert SECRET not in shown
    assert "somebody" not in shown


def test_a_secret_in_the_error_of_a_driver_is_not_shown(session: SparkSession, url: str) -> None:
    # Derby tells the value of an attribute that it does not understand.
    secret = {"create": SECRET}
    data_set = SparkJDBCDataSet(url.partition(";")[0], "people", secret, {"driver": DRIVER})
    pipe = pipeline([node(lambda t: t, "people", "out")])
    for fail in (
        data_set.load,
        data_set.exists,
        lambda: data_set.save(people(session, (1, "a"))),
        lambda: SequentialRunner().run(pipe, DataCatalog({"people": data_set})),
    ):
        with pytest.raises(SparkpipeError, match=r"'create' has an invalid value '\*+'") as caught:
            fail()
        assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("jdbc:postgresql://me:pass@host/db", "jdbc:postgresql://***@host/db"),
        ("jdbc:mysql://host/db?user=me&password=p&ssl=1", "host/db?user=***&password=***&ssl=1"),
        ("jdbc:sqlserver://h;user=me;password=p;encrypt=true", "user=***;password=***;encrypt"),
        ("jdbc:oracle:thin:me/pass@//host:1521/db", "jdbc:oracle:thin:***@//host:1521/db"),
        ("jdbc:snowflake://acc/?private_key=abc&db=x", "private_key=***&db=x"),
    ],
)
def test_what_an_address_says_of_users_is_not_shown(url: str, shown: str) -> None:
    assert shown in str(SparkJDBCDataSet(url, "t"))


def test_properties_that_are_secret_are_not_shown() -> None:
    args = {"properties": {"user": "me", "password": SECRET, "ssl": "1"}, "password": SECRET}
    shown = str(SparkJDBCDataSet("jdbc:derby:d", "t", None, args, args))
    assert SECRET not in shown
    assert "'ssl': '1'" in shown


def test_a_missing_table_is_told(session: SparkSession, url: str) -> None:
    with pytest.raises(DataSetError, match=r"(?i)people.* does not exist"):
        table(url).load()


def test_a_missing_driver_is_told(session: SparkSession) -> None:
    data_set = SparkJDBCDataSet("jdbc:postgresql://host/db", "t")
    for fail in (data_set.load, data_set.exists):
        with pytest.raises(DataSetError, match=r"driver"):
            fail()


def test_tables_of_one_database_are_seen_as_one() -> None:
    one = SparkJDBCDataSet("jdbc:derby:d", "t", {"user": "a"})
    assert target_of(one) == target_of(SparkJDBCDataSet("jdbc:derby:d", "T"))
    assert target_of(one) != target_of(SparkJDBCDataSet("jdbc:derby:other", "t"))
    assert not is_transactional(one)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(DataSetError, match="a Spark DataFrame is needed, not builtins's list"):
        SparkJDBCDataSet("jdbc:derby:d", "t").save([1])
