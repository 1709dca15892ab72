"""What is wrong with the checks of a data set, as far as it is known before a load or save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkpipe.checks import own, quarantine
from sparkpipe.checks.in_chunks import partition_problems
from sparkpipe.checks.sql_on_pandas import sql_problems
from sparkpipe.checks.words import Check, Expression, Refers, column_problems
from sparkpipe.errors import did_you_mean
from sparkpipe.io.chunking import way_of_chunks
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
