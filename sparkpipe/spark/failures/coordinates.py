"""Which package brings a class or a format that Spark does not find."""

from __future__ import annotations

import re
import sys

# The versions were those of Maven Central in November 2026. '<version>' stands where the right one
# goes by the versions of other things; {spark}, {minor} and {scala} are those of Spark here.
_DRIVERS = {
    "org.postgresql.": "org.postgresql:postgresql:42.7.14",
    "com.mysql.": "com.mysql:mysql-connector-j:9.7.0",
    "org.mariadb.": "org.mariadb.jdbc:mariadb-java-client:3.5.11",
    "oracle.jdbc.": "com.oracle.database.jdbc:ojdbc11:23.26.4.0.0",
    "com.microsoft.sqlserver.": "com.microsoft.sqlserver:mssql-jdbc:13.6.2.jre11",
    "org.sqlite.": "org.xerial:sqlite-jdbc:3.54.1.0",
    "org.h2.": "com.h2database:h2:2.4.240",
    "com.ibm.db2.": "com.ibm.db2:jcc:12.1.5.0",
    "net.snowflake.client.": "net.snowflake:snowflake-jdbc:4.4.1",
    "com.amazon.redshift.": "com.amazon.redshift:redshift-jdbc42:2.3.0",
}
# By what follows 'jdbc:' in an address.
_CLASSES = {
    "postgresql": "org.postgresql.Driver",
    "mysql": "com.mysql.cj.jdbc.Driver",
    "mariadb": "org.mariadb.jdbc.Driver",
    "oracle": "oracle.jdbc.OracleDriver",
    "sqlserver": "com.microsoft.sqlserver.jdbc.SQLServerDriver",
    "sqlite": "org.sqlite.JDBC",
    "h2": "org.h2.Driver",
    "db2": "com.ibm.db2.jcc.DB2Driver",
    "snowflake": "net.snowflake.client.jdbc.SnowflakeDriver",
    "redshift": "com.amazon.redshift.jdbc42.Driver",
}
_SCHEMES = {
    "abfs": "org.apache.hadoop.fs.azure",
    "abfss": "org.apache.hadoop.fs.azure",
    "wasb": "org.apache.hadoop.fs.azure",
    "wasbs": "org.apache.hadoop.fs.azure",
    "gs": "org.apache.hadoop.fs.gs.",
    "s3a": "org.apache.hadoop.fs.s3a.",
}
_AVRO = "org.apache.spark:spark-avro_{scala}:{spark}"
_KAFKA = "org.apache.spark:spark-sql-kafka-0-10_{scala}:{spark}"
_PROTOBUF = "org.apache.spark:spark-protobuf_{scala}:{spark}"
_XML = "com.databricks:spark-xml_{scala}:0.18.0"
_EXCEL = "com.crealytics:spark-excel_{scala}:<version>"
_DELTA = "io.delta:delta-spark_{scala}:<version>"
_ICEBERG = "org.apache.iceberg:iceberg-spark-runtime-{minor}_{scala}:<version>"
_HUDI = "org.apache.hudi:hudi-spark{minor}-bundle_{scala}:<version>"
_BIGQUERY = "com.google.cloud.spark:spark-bigquery-with-dependencies_{scala}:<version>"
_SNOWFLAKE = "net.snowflake:spark-snowflake_{scala}:<version>"
_REDSHIFT = "io.github.spark-redshift-community:spark-redshift_{scala}:<version>"
_MONGODB = "org.mongodb.spark:mongo-spark-connector_{scala}:10.5.0"
_CASSANDRA = "com.datastax.spark:spark-cassandra-connector_{scala}:3.5.1"
_ELASTIC = "org.elasticsearch:elasticsearch-spark-30_{scala}:9.3.2"
_HADOOP = "org.apache.hadoop:{name}:<version of hadoop-client-api among Spark's jars>"

_OTHERS = {
    "org.apache.spark.sql.avro": _AVRO,
    "org.apache.spark.sql.kafka010": _KAFKA,
    "org.apache.spark.sql.protobuf": _PROTOBUF,
    "com.databricks.spark.xml": _XML,
    "com.crealytics.spark.excel": _EXCEL,
    "io.delta.": _DELTA,
    "org.apache.spark.sql.delta.": _DELTA,
    "org.apache.iceberg.": _ICEBERG,
    "org.apache.hudi": _HUDI,
    "org.apache.spark.sql.hudi": _HUDI,
    "com.google.cloud.spark.bigquery": _BIGQUERY,
    "net.snowflake.spark.": _SNOWFLAKE,
    "io.github.spark_redshift_community.": _REDSHIFT,
    "com.mongodb.spark.": _MONGODB,
    "com.datastax.spark.": _CASSANDRA,
    "org.apache.spark.sql.cassandra": _CASSANDRA,
    "org.elasticsearch.spark": _ELASTIC,
    "org.apache.hadoop.fs.s3a.": _HADOOP.replace("{name}", "hadoop-aws"),
    "org.apache.hadoop.fs.azure": _HADOOP.replace("{name}", "hadoop-azure"),
    "com.google.cloud.hadoop.": "com.google.cloud.bigdataoss:gcs-connector:<version>",
    "org.apache.hadoop.fs.gs.": "com.google.cloud.bigdataoss:gcs-connector:<version>",
}
_FORMATS = {
    "avro": _AVRO,
    "kafka": _KAFKA,
    "xml": _XML,
    "excel": _EXCEL,
    "delta": _DELTA,
    "iceberg": _ICEBERG,
    "hudi": _HUDI,
    "bigquery": _BIGQUERY,
    "snowflake": _SNOWFLAKE,
    "redshift": _REDSHIFT,
    "mongodb": _MONGODB,
    "mongo": _MONGODB,
    "cassandra": _CASSANDRA,
    "es": _ELASTIC,
    "elasticsearch": _ELASTIC,
}


def coordinates_of(name: str) -> str:
    """Return the Maven coordinates of what brings a class or a format; '' if it is not known.

    Args:
        name: A format as ``format(...)`` takes it, or the whole name of a Java class.

    >>> coordinates_of("org.sqlite.JDBC").rpartition(":")[0]
    'org.xerial:sqlite-jdbc'
    """
    found = _FORMATS.get(name.lower(), "")
    for start, coordinates in (*_DRIVERS.items(), *_OTHERS.items()):
        if name.startswith(start):
            found = coordinates
            break
    for key, value in _versions().items():
        found = found.replace(f"{{{key}}}", value)
    return found


def driver_for(url: str) -> tuple[str, str]:
    """Return the class of the driver of an address, and what brings it; '' if not known.

    >>> driver_for("jdbc:sqlite:a.db")[0], driver_for("jdbc:acme:x")
    ('org.sqlite.JDBC', ('', ''))
    """
    name = _CLASSES.get(url.removeprefix("jdbc:").partition(":")[0].lower(), "")
    return name, coordinates_of(name) if name else ""


def file_system_for(scheme: str) -> str:
    """Return the coordinates of what brings a file system; '' if that is not known."""
    return coordinates_of(_SCHEMES[scheme]) if scheme in _SCHEMES else ""


def _versions() -> dict[str, str]:
    # A failure of Spark has brought its package along.
    pyspark = sys.modules.get("pyspark")
    spark = str(getattr(pyspark, "__version__", ""))
    known = re.match(r"(\d+)\.\d+", spark)
    return {
        "spark": spark if known else "<version of Spark>",
        "minor": known[0] if known else "<version of Spark>",
        "scala": "2.12" if known and int(known[1]) < 4 else "2.13",
    }
