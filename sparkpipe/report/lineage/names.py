"""What data sets are called by the naming rules of OpenLineage, alike for all who use them."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_TABLE = "table:"
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
# By the scheme of an address: what the standard calls it, the port that it has without a word, and
# the schema of a table that names none.
_DATABASES: dict[str, tuple[str, int | None, str]] = {
    "postgres": ("postgres", 5432, "public"),
    "postgresql": ("postgres", 5432, "public"),
    "redshift": ("redshift", 5439, "public"),
    "mysql": ("mysql", 3306, ""),
    "mariadb": ("mysql", 3306, ""),
    "sqlserver": ("mssql", 1433, "dbo"),
    "mssql": ("mssql", 1433, "dbo"),
    "oracle": ("oracle", 1521, ""),
    "trino": ("trino", 8080, ""),
    "db2": ("db2", 50000, ""),
    "snowflake": ("snowflake", None, ""),
}
_DATABASE = re.compile(r"[?;&](?:database|databaseName|db)=([^;&]+)", re.IGNORECASE)


class DataSetName(NamedTuple):
    """What a data set is called.

    Attributes:
        namespace: Where it lies: a store, a database.
        name: What it is called there.
    """

    namespace: str
    name: str


def name_of(target: str, tables: str, otherwise: DataSetName) -> DataSetName:
    """Return what a data set is called.

    Args:
        target: What it reads and writes, as of :mod:`sparkpipe.io.target`; without secrets.
        tables: The namespace of tables that Spark knows by name.
        otherwise: What it is called where it has no target, as in memory.

    >>> here = DataSetName("shop", "x")
    >>> tuple(name_of("/data/orders.csv", "spark", here))
    ('file', '/data/orders.csv')
    >>> tuple(name_of("s3://bucket/sales/orders", "spark", here))
    ('s3://bucket', 'sales/orders')
    >>> tuple(name_of("table:main.sales.orders", "hive://host:9083", here))
    ('hive://host:9083', 'main.sales.orders')
    >>> tuple(name_of("table:jdbc:postgresql://db/shop#sales.orders", "spark", here))
    ('postgres://db:5432', 'shop.sales.orders')
    """
    if not target:
        return otherwise
    if target.startswith(_TABLE):
        address, is_in_database, table = target.removeprefix(_TABLE).rpartition("#")
        return _table(address, table) if is_in_database else DataSetName(tables, table)
    if _ADDRESS.match(target):
        parts = urlsplit(target)
        path = parts.path if parts.scheme == "hdfs" else parts.path.lstrip("/")
        return DataSetName(f"{parts.scheme}://{parts.netloc}", path or "/")
    return DataSetName("file", target)


def _table(address: str, table: str) -> DataSetName:
    scheme, _, rest = address.removeprefix("jdbc:").partition(":")
    dialect = scheme.partition("+")[0].lower()
    if dialect == "oracle":  # jdbc:oracle:thin:@//host:1521/service
        rest = "//" + rest.rpartition("@")[2].lstrip("/")
    if not rest.startswith("//") or rest.startswith("///"):  # a file: sqlite, derby, h2
        return DataSetName(f"{dialect}:{rest.partition(';')[0]}", table)
    parts = urlsplit(rest.replace(";", "?", 1))
    called, port, schema = _DATABASES.get(dialect, (dialect, None, ""))
    host = parts.netloc.rpartition("@")[2]
    if port is not None and not re.search(r":\d+$", host):
        host = f"{host}:{port}"
    found = _DATABASE.search(f"?{parts.query}")
    database = found[1] if found else parts.path.strip("/").replace("/", ".")
    if schema and "." not in table:
        table = f"{schema}.{table}"
    is_whole = table.count(".") > 1 or not database
    return DataSetName(f"{called}://{host}", table if is_whole else f"{database}.{table}")
