"""Which differences from a schema are let in, and how those that are not are told."""

from __future__ import annotations

from collections.abc import Sequence

from sparkpipe.errors import DataSetError
from sparkpipe.schemas.comparing import Difference, is_wider

#: What ``schema_change`` may be: each allows what those before it do.
CHANGES = ("fail", "add", "widen", "any")

_MOST_TOLD = 10


class SchemaError(DataSetError):
    """Data has not the schema of its data set.

    Args:
        message: All differences.
        hint: What to do.
    """


def refused(
    differences: Sequence[Difference], change: str, *, judges_nulls: bool
) -> tuple[Difference, ...]:
    """Return the differences that keep data from being saved.

    Args:
        differences: All that there are.
        change: What may differ: one of :data:`CHANGES`.
        judges_nulls: Whether columns that may hold nulls are known to hold some. Spark finds that
            out while it writes.
    """
    if change == "any":
        return ()
    return tuple(one for one in differences if not _is_let_in(one, change, judges_nulls))


def _is_let_in(one: Difference, change: str, judges_nulls: bool) -> bool:
    if one.kind == "nullable":
        return one.is_nested or not judges_nulls
    if one.kind == "order":
        return not one.is_nested  # it is put right
    if one.kind == "extra":
        return change in ("add", "widen")
    if one.kind == "type" and change == "widen" and one.wanted and one.found:
        narrower = is_wider(one.found, one.wanted) and not one.is_nested  # it is cast
        return narrower or is_wider(one.wanted, one.found)
    return False


def refuse(differences: Sequence[Difference]) -> None:
    """Raise an error that tells differences; nothing if there are none.

    Args:
        differences: Those that are not let in.

    Raises:
        SchemaError: There are some.
    """
    if not differences:
        return
    told = [f"{one}" for one in differences[:_MOST_TOLD]]
    if len(differences) > _MOST_TOLD:
        told.append(f"and {len(differences) - _MOST_TOLD} more")
    only = f" {told[0]}" if len(told) == 1 else "".join(f"\n  {line}" for line in told)
    raise SchemaError(f"the data has not the schema of its entry:{only}", hint=_hint(differences))


def _hint(differences: Sequence[Difference]) -> str:
    kinds = {one.kind for one in differences}
    if kinds == {"extra"}:
        return "Leave it out in the node, add it to the schema, or give schema_change: add."
    if kinds == {"type"} and all(
        one.wanted and one.found and is_wider(one.wanted, one.found) for one in differences
    ):
        return "Cast it in the node, change the schema, or give schema_change: widen."
    return "Change what the node returns, or the schema."
