"""A class or format that Spark does not have is named, with what brings it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import SparkDataSet, SparkJDBCDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.spark.failures.chain import Link
from sparkpipe.spark.failures.coordinates import coordinates_of
from sparkpipe.spark.failures.reasons import tell
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

S3 = "ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found"


def jdbc(driver: str | None) -> SparkJDBCDataSet:
    args = {"driver": driver} if driver else {}
    return SparkJDBCDataSet("jdbc:postgresql://127.0.0.1/db", "t", None, args, args)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: jdbc("org.postgresql.Driver"), "no class org.postgresql.Driver"),
        (lambda: jdbc("org.postgresql.Driver"), "Add org.postgresql:postgresql:42"),
        (lambda: jdbc("com.mysql.cj.jdbc.Driver"), "Add com.mysql:mysql-connector-j:"),
        (lambda: jdbc("com.acme.Driver"), "no class com.acme.Driver on its class path.\nBring the"),
        (lambda: jdbc(None), "no JDBC driver that Spark has knows this url"),
        (lambda: SparkDataSet("/tmp", "avro"), "Add org.apache.spark:spark-avro_2.1"),
        (lambda: SparkDataSet("/tmp", "kafka"), "Add org.apache.spark:spark-sql-kafka-0-10_2.1"),
        (lambda: SparkDataSet("/tmp", "iceberg"), "Add org.apache.iceberg:iceberg-spark-runtime-"),
        (lambda: SparkDataSet("/tmp", "parqet"), "Spark has no format 'parqet'. Check its name"),
    ],
)
def test_loading_and_saving_tell_what_is_missing(
    spark: SparkSession, connect: SparkSession, make: Callable[[], Any], said: str
) -> None:
    for session in (spark, connect):
        data_set = make()
        frame = session.range(1)
        with activated(SparkProvider(session=session)):
            for fail in (data_set.load, lambda d=data_set, f=frame: d.save(f)):
                with pytest.raises(DataSetError) as caught:
                    fail()
                assert said in caught.value.message
                assert len(caught.value.message) <= 400


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (Link("ClassNotFoundException", "org.sqlite.JDBC"), "org.xerial:sqlite-jdbc:"),
        (Link("ClassNotFoundException", "oracle.jdbc.OracleDriver"), "ojdbc11"),
        (
            Link(
                "ClassNotFoundException", "Class org.apache.hadoop.fs.s3a.S3AFileSystem not found"
            ),
            "no class org.apache.hadoop.fs.s3a.S3AFileSystem on its class path.\n"
            "Add org.apache.hadoop:hadoop-aws:",
        ),
        (
            Link("NoClassDefFoundError", "org/apache/iceberg/Table"),
            "no class org.apache.iceberg.Table on its class path.\nAdd org.apache.iceberg:",
        ),
        (Link("ClassNotFoundException", "com.acme.Some$Inner"), "com.acme.Some$Inner on its"),
        (
            Link("NoClassDefFoundError", "Could not initialize class com.acme.Some"),
            "NoClassDefFoundError: Could not initialize class com.acme.Some",
        ),
        (
            Link(
                "SparkClassNotFoundException",
                "Failed to find the data source: com.crealytics.spark.excel. Make sure",
                "DATA_SOURCE_NOT_FOUND",
                {"provider": "com.crealytics.spark.excel"},
            ),
            "com.crealytics:spark-excel_2.1",
        ),
        (
            Link("AnalysisException", "Failed to find data source: avro. Avro is built-in but"),
            "the package of the format 'avro'",
        ),
    ],
)
def test_texts_of_missing_classes(link: Link, said: str) -> None:
    assert said in tell([Link("Py4JJavaError", "An error"), link])


@pytest.mark.parametrize(
    "name",
    [
        *("com.microsoft.sqlserver.jdbc.SQLServerDriver", "net.snowflake.client.jdbc.X"),
        *("com.amazon.redshift.jdbc42.Driver", "org.mariadb.jdbc.Driver", "org.h2.Driver"),
        *("bigquery", "hudi", "delta", "mongodb", "org.apache.spark.sql.cassandra", "XML"),
    ],
)
def test_coordinates_are_whole(name: str) -> None:
    coordinates = coordinates_of(name)
    assert coordinates.count(":") == 2
    assert "{" not in coordinates


def test_what_is_not_known_has_no_coordinates() -> None:
    assert coordinates_of("com.acme.Some") == coordinates_of("parqet") == ""
