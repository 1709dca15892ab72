"""``checks``, ``validator`` and ``quarantine`` of an entry of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.checks import quarantine
from sparkpipe.checks.checked import CheckedDataSet
from sparkpipe.checks.parsing import parse_checks, parse_validator
from sparkpipe.errors import DataSetError


def with_checks(
    name: str,
    config: Mapping[str, Any],
    data_set: Any,
    credentials: Mapping[str, Any] | None = None,
) -> Any:
    """Return the data set of an entry, judged by the entry's checks.

    Args:
        name: The name of the data set.
        config: The entry, with ``checks``, ``validator`` and ``quarantine``.
        data_set: What its type and options make.
        credentials: All credentials of the project by name.

    Raises:
        DataSetError: The checks are not possible.
    """
    given = config.get("checks")
    checks = () if given is None else parse_checks(given)
    asked = config.get("validator")
    validators = () if asked is None else parse_validator(asked)
    where = config.get("quarantine")
    if where is not None and (not isinstance(where, str) or not where.strip()):
        raise DataSetError(f"'quarantine' is the name of a data set, not {where!r}.")
    rejects = quarantine.is_used(checks)
    if where is not None and not rejects:
        raise DataSetError(
            "there is a quarantine, but no check puts rows there.",
            hint="Give a check on_fail: quarantine.",
        )
    if not checks and not validators:
        return data_set
    built = quarantine.beside(name, config, credentials, where or "") if rejects else None
    return CheckedDataSet(data_set, name, checks, validators, where or "", built)
