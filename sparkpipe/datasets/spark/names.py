"""Names of tables."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.spark.databricks import catalog_hint
from sparkpipe.spark.failures.chain import error_condition

_logger = logging.getLogger(__name__)

# Where a catalog, or a database, is not there, nor is its table.
_NOT_FOUND = ("SCHEMA_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND")
# Spark takes a catalog that it does not know for a part of the database's name.
# The last is that of a save.
NO_CATALOG = (
    "CATALOG_NOT_FOUND",
    "REQUIRES_SINGLE_PART_NAMESPACE",
    "_LEGACY_ERROR_TEMP_1310",
)

# What Unity Catalog refuses, too. Names become folders of a warehouse.
_NAME = re.compile(r"[^\s./\\`\x00-\x1f\x7f]{1,255}")


def quoted(name: str) -> str:
    """Return one name as SQL takes it, whatever is in it.

    >>> quoted("orders"), quoted("a`b; DROP TABLE c")
    ('`orders`', '`a``b; DROP TABLE c`')
    """
    return f"`{name.replace('`', '``')}`"


@dataclass(frozen=True)
class TableName:
    """The name of a table, in one to three parts: catalog, schema (database), table.

    >>> name = TableName.of("orders", database="sales", catalog="main")
    >>> str(name), name.sql, str(TableName.of("`main`.sales.orders"))
    ('main.sales.orders', '`main`.`sales`.`orders`', 'main.sales.orders')
    """

    parts: tuple[str, ...]

    @classmethod
    def of(
        cls,
        table: str,
        database: str | None = None,
        catalog: str | None = None,
        default_database: str | None = None,
    ) -> TableName:
        """Make one of what an entry of the catalog says.

        Args:
            table: The table, or the whole name in up to three parts.
            database: Its schema.
            catalog: Its catalog.
            default_database: The schema where none is named.

        Raises:
            DataSetError: A part is no name, there are too many, or a catalog has no schema.
        """
        parts = [_unquoted(part) for part in str(table).split(".")]
        if len(parts) == 1:
            database = database or default_database
        if catalog and not database and len(parts) < 2:
            raise DataSetError(
                f"a table of the catalog '{catalog}' needs a database, too.",
                hint="Give database, or the whole name as table: catalog.database.table.",
            )
        parts = [str(part) for part in (catalog, database) if part] + parts
        if len(parts) > 3:
            raise DataSetError(
                f"'{'.'.join(parts)}' has more than three parts.",
                hint="A table is catalog.database.table; give each part once.",
            )
        for part in parts:
            if not _NAME.fullmatch(part):
                raise DataSetError(
                    f"{part!r} cannot be a name in a table's name ({table!r}).",
                    hint="Names have no spaces, slashes, dots, backticks or control characters.",
                )
        return cls(tuple(parts))

    @property
    def sql(self) -> str:
        """The name, quoted for SQL."""
        return ".".join(map(quoted, self.parts))

    @property
    def catalog(self) -> str | None:
        """Its catalog; None for the present one."""
        return self.parts[0] if len(self.parts) == 3 else None

    @property
    def in_session_catalog(self) -> str:
        """The name for Spark's own catalog, which takes none with a catalog before it."""
        return ".".join(map(quoted, self.parts[-2:]))

    def __str__(self) -> str:
        return ".".join(self.parts)


def is_named(session: Any, name: TableName) -> bool:
    """Return whether Spark knows a table of this name.

    Args:
        session: Who is asked.
        name: The name.

    Raises:
        Exception: Spark's, where it may not look there.
    """
    try:
        return bool(session.catalog.tableExists(name.sql))
    except Exception as exc:
        if error_condition(exc).startswith((*_NOT_FOUND, *NO_CATALOG)):
            return False
        raise


def tell_no_catalog(exc: Exception, name: TableName) -> None:
    """Report that there is no catalog of that name, if that is why a load or save failed.

    Raises:
        DataSetError: There is none.
    """
    if len(name.parts) == 3 and error_condition(exc).startswith(NO_CATALOG):
        catalog = name.parts[0]
        raise DataSetError(
            f"Spark has no catalog '{catalog}'.", hint=catalog_hint(catalog)
        ) from exc


def tell_hidden(session: Any, name: TableName) -> None:
    """Warn of a table whose name is also that of a temporary view, which is what is loaded.

    Where there is no such view, the metastore is asked.
    """
    if len(name.parts) > 1:
        return
    try:
        is_hidden = session.catalog.getTable(name.sql).isTemporary
    except Exception:  # there is neither
        return
    if is_hidden:
        _logger.warning(
            "'%s' is also the name of a temporary view, which hides the table that is saved: "
            "loads read the view. Give the table with its database.",
            name,
        )


def _unquoted(part: str) -> str:
    return part[1:-1] if len(part) > 2 and part[0] == part[-1] == "`" else part
