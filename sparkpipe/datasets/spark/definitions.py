"""What a table is beside its rows, which an overwrite leaves as it is.

``saveAsTable`` makes a table anew: what it was partitioned by, its comments and its properties are
gone, unless they are given again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from sparkpipe.datasets.spark.names import TableName, quoted
from sparkpipe.errors import DataSetError
from sparkpipe.io.foreign import TRANSACTIONAL

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)

_DETAILS = ("# Detailed Table Information", "# Metadata Columns")
# What the metastore counts and notes by itself.
_OWN_PROPERTIES = (
    "spark.sql.",
    "delta.",
    "transient_",
    "num",
    "COLUMN_STATS_",
    "bucketing_",
    "option.",
)
_OTHER_OWN = ("totalSize", "rawDataSize", "EXTERNAL", "comment", "owner", "provider", "location")
# Features of Delta tables that have values for columns which the rows to save do not have.
_FILLING = ("generatedColumns", "identityColumns", "allowColumnDefaults")


@dataclass
class Definition:
    """A table without its rows.

    Attributes:
        columns: Names and types, in their order.
        partitions: The columns by which it is partitioned.
        comments: Comments by the lower-case names of columns.
        details: What ``DESCRIBE TABLE EXTENDED`` tells of the table, by name.
        properties: Those that users have set.
    """

    columns: list[tuple[str, str]] = field(default_factory=list)
    partitions: list[str] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def is_transactional(self) -> bool:
        """Whether its writes are transactions, and it knows MERGE."""
        return self.details.get("Provider", "").lower() in TRANSACTIONAL

    @property
    def is_view(self) -> bool:
        """Whether it is a view, which has no rows of its own."""
        return self._told("Type") == "view"

    @property
    def is_table(self) -> bool:
        """Whether it is a table as Spark's own catalog has them."""
        return self._told("Type") in ("managed", "external")

    @property
    def is_plain(self) -> bool:
        """Whether it is as Spark makes one: its files are its own, not in buckets, not Hive's."""
        return self._told("Type") == "managed" and not (self.is_of_hive or self.is_in_buckets)

    @property
    def is_of_hive(self) -> bool:
        """Whether it is stored in a way of Hive's, which has more formats than Spark."""
        return self._told("Provider") == "hive"

    @property
    def is_in_buckets(self) -> bool:
        """Whether its rows are in a fixed number of buckets."""
        return self._told("Num Buckets") not in ("", "-1", "0")

    def fills_all_but(self, columns: list[tuple[str, str]]) -> bool:
        """Whether it is a Delta table that fills the columns which rows of these do not have."""
        features = self.details.get("Table Properties", "")
        is_part = set(_lower(columns)) < set(_lower(self.columns))
        return is_part and any(f"delta.feature.{one}" in features for one in _FILLING)

    def takes(self, columns: list[tuple[str, str]], partitions: list[str]) -> bool:
        """Whether rows of these columns can be put into it as it is."""
        if self.is_of_hive and self.is_in_buckets:  # Spark does not write these
            return False
        return _lower(columns) == _lower(self.columns) and (
            [*map(str.lower, partitions)] == [*map(str.lower, self.partitions)]
        )

    def refuse_part(self, table: TableName, file_format: str) -> NoReturn:
        """Refuse to replace a part of it in another format: it would be made anew, as a whole.

        Raises:
            DataSetError: Always.
        """
        was = self._told("Provider")
        other = f", or give file_format: {was}" if self.is_transactional else ""
        raise DataSetError(
            f"a part of {table} cannot be replaced, as it is of {was}, not of {file_format}.",
            hint=f"Overwrite it as a whole once{other}.",
        )

    def tell_lost(self, table: TableName, file_format: str) -> None:
        """Log what a table that is made anew, of this format, does not keep."""
        if self._told("Provider") not in ("", file_format.lower()):
            was = self.details["Provider"]
            _logger.warning("The table %s was of %s, and is of %s now.", table, was, file_format)
        if self.is_in_buckets:
            _logger.warning("The table %s was in buckets, and is no longer.", table)
        if self._told("Type") == "external":
            place = self.details.get("Location", "")
            _logger.warning("The table %s no longer lies in %s, whose files stay.", table, place)
        stored = self.details.get("InputFormat", "").rpartition(".")[2]
        if self.is_of_hive and stored:
            _logger.warning(
                "The table %s was stored by Hive's %s, and is no longer.", table, stored
            )

    def _told(self, name: str) -> str:
        return self.details.get(name, "").lower()


def _lower(columns: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((name.lower(), kind) for name, kind in columns)


def read_definition(session: SparkSession, table: TableName) -> Definition:
    """Return what a table is that is to be written.

    Raises:
        DataSetError: It is a view, in whose place Spark would put a table.
        Exception: Spark's; there is no such table.
    """
    found = Definition()
    part = "columns"
    for name, kind, comment in session.sql(f"DESCRIBE TABLE EXTENDED {table.sql}").collect():
        if name.startswith("# ") or not name:
            if name != "# col_name":
                part = _part_of(name)
        elif part == "columns":
            found.columns.append((name, kind))
            if comment:
                found.comments[name.lower()] = comment
        elif part == "partitions":
            # Others than Spark's own catalog number them.
            found.partitions.append(kind if name.startswith("Part ") else name)
        elif part == "details":
            found.details[name] = kind
    if found.is_view:
        raise DataSetError(
            f"{table} is a view, which has no rows of its own.", hint="Give the name of a table."
        )
    if found.details.get("Table Properties"):
        for key, value in session.sql(f"SHOW TBLPROPERTIES {table.sql}").collect():
            if not key.startswith(_OWN_PROPERTIES) and key not in _OTHER_OWN:
                found.properties[key] = value
    return found


def definition_at(session: SparkSession, path: str) -> Definition | None:
    """Return partitions and comments of the Delta table in a folder; None if there is none."""
    try:
        described = session.sql(f"DESCRIBE DETAIL delta.{quoted(path)}").select("partitionColumns")
        (row,) = described.collect()
        fields = session.read.format("delta").load(path).schema.fields
    except Exception as exc:
        _logger.debug("There is no table in %s: %s", path, exc)
        return None
    comments = {one.name.lower(): str(one.metadata.get("comment") or "") for one in fields}
    return Definition(partitions=list(row[0]), comments=comments)


@contextmanager
def keeping_clustering(session: SparkSession, table: str) -> Iterator[None]:
    """Within it a Delta table is overwritten, and stays clustered as it is.

    An overwrite by a frame leaves no clustering, whatever the writer was given.

    Args:
        session: The session.
        table: The name of the table in SQL.
    """
    clustered = _clustering_of(session, table)
    yield
    if not clustered or _clustering_of(session, table) == clustered:
        return
    try:
        session.sql(f"ALTER TABLE {table} CLUSTER BY ({', '.join(map(quoted, clustered))})")
    except Exception as exc:
        by, why = ", ".join(clustered), str(exc).partition("\n")[0]
        _logger.warning("The table %s is no longer clustered by %s: %s", table, by, why)


def _clustering_of(session: SparkSession, table: str) -> list[str]:
    try:
        described = session.sql(f"DESCRIBE DETAIL {table}").select("clusteringColumns")
        (row,) = described.collect()
    except Exception as exc:  # there is none, or an older Delta, which clusters none
        _logger.debug("No clustering of %s is known: %s", table, exc)
        return []
    return [*(row[0] or ())]


def _part_of(heading: str) -> str:
    if heading.startswith("# Partition"):
        return "partitions"
    return "details" if heading in _DETAILS else ""


def kept_partitions(found: Definition, given: list[str], columns: Iterable[str]) -> list[str]:
    """Return by what a table is partitioned after an overwrite.

    Args:
        found: What it was.
        given: What the entry says.
        columns: The columns of the data.
    """
    if given:
        return given
    known = {name.lower(): name for name in columns}
    lost = [name for name in found.partitions if name.lower() not in known]
    if lost:
        _logger.warning(
            "The table is no longer partitioned: the data lacks %s. Partitions were: %s.",
            ", ".join(lost),
            ", ".join(found.partitions),
        )
        return []
    return [known[name.lower()] for name in found.partitions]


def with_comments(frame: DataFrame, found: Definition) -> DataFrame:
    """Return a frame whose columns carry the comments that those of a table have."""
    for one in frame.schema.fields if found.comments else ():
        comment = found.comments.get(one.name.lower())
        if comment and "comment" not in one.metadata:
            told: dict[str, Any] = {**one.metadata, "comment": comment}
            frame = frame.withMetadata(one.name, told)
    return frame


def restore(session: SparkSession, table: TableName, found: Definition) -> None:
    """Give a table that was made anew the comment and the properties of the one before."""
    comment = found.details.get("Comment")
    if comment:
        session.sql(f"COMMENT ON TABLE {table.sql} IS {literal(comment)}")
    if found.properties:
        session.sql(f"ALTER TABLE {table.sql} SET TBLPROPERTIES ({_listed(found.properties)})")


def _listed(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{literal(key)} = {literal(value)}" for key, value in properties.items())


def literal(text: str) -> str:
    """Return a text as SQL takes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
