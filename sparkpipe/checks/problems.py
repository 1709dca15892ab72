"""What is wrong with the checks of a data set, as far as it is known before a load or save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkpipe.checks import own, quarantine
from sparkpipe.checks.in_chunks import partition_problems
from sparkpipe.checks.sql_on_pandas import columns_used, sql_problems
from sparkpipe.checks.words import Check, Expression, Refers, column_problems
from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.io.chunking import way_of_chunks
from sparkpipe.io.importing import missing_packages
from sparkpipe.io.kinds import is_spark_frame
from sparkpipe.io.working import current_work


def find_problems(name: str, checks: Sequence[Check], data_set: Any) -> list[str]:
    """Tell which checks are not possible.

    Args:
        name: What the data set is called.
        checks: Its checks.
        data_set: What they judge.
    """
    told = [
        f"check '{check.name}': {problem}"
        for check in checks
        if isinstance(check, Expression)
        for problem in sql_problems(check.sql)
    ]
    told += own.find_missing(checks)
    if way_of_chunks(data_set) == "collect":
        told += partition_problems(checks)
    told += _unknown_companions(name, checks)
    schema = getattr(data_set, "known_schema", None)
    return told if schema is None else [*told, *find_column_problems(checks, schema.names)]


def find_column_problems(checks: Sequence[Check], columns: Sequence[str]) -> list[str]:
    """Tell which checks are not possible for data of some columns.

    Args:
        checks: The checks.
        columns: The names of the columns.
    """
    taken = quarantine.column_problems(columns) if quarantine.is_used(checks) else []
    return [*column_problems(checks, columns), *taken]


def find_frame_problems(checks: Sequence[Check], data: Any) -> list[str]:
    """Tell which checks cannot judge a frame, whatever its rows are; no job starts.

    Args:
        checks: The checks.
        data: A frame of Spark or pandas.
    """
    told = find_column_problems(checks, [*map(str, data.columns)])
    for check in checks:
        if isinstance(check, Expression):
            try:
                _try(check, data)
            except DataSetError as exc:
                named = f"check '{check.name}'"
                is_named = exc.message.startswith(named)
                told.append(exc.message if is_named else f"{named}: {exc.message}")
    return told


def _try(check: Expression, data: Any) -> None:
    if is_spark_frame(data):
        from sparkpipe.checks.on_spark import flag

        flag(data, [check])
    elif not missing_packages(("sqlglot",)):
        # Of a column of objects without rows nobody can tell the type.
        columns_used(check.sql, data)


def _unknown_companions(name: str, checks: Sequence[Check]) -> list[str]:
    catalog = current_work().catalog
    if catalog is None:
        return []
    return [
        f"check '{check.name}': the catalog has no data set '{check.data_set}'. "
        f"{did_you_mean(check.data_set, catalog)}".rstrip()
        for check in checks
        if isinstance(check, Refers) and check.data_set != name and check.data_set not in catalog
    ]
