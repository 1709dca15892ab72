"""What ``save_args`` say of a merge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkpipe.datasets.spark.options import (
    CREATION_WORDS,
    in_known_case,
    is_known,
    word_problems,
)
from sparkpipe.errors import DataSetError, did_you_mean

#: The mode.
MERGE = "merge"
#: Options that only a merge has.
MERGE_WORDS = (
    *("keys", "update_when", "delete_when", "insert", "sequence_by", "scd", "columns"),
    *("schema_change", "within"),
)
_CHANGES = ("fail", "add")
_OF_TABLE = re.compile(r"(?<![\w`.])`?t`?\s*\.", re.IGNORECASE)

#: The columns of a table that keeps what was (SCD 2).
VALID_FROM, VALID_TO, IS_CURRENT = HISTORY = ("valid_from", "valid_to", "is_current")


@dataclass(frozen=True)
class Merge:
    """How rows are merged into a table.

    Attributes:
        keys: The columns that tell rows apart.
        update_when: SQL of ``s`` (the row to merge) and ``t`` (that of the table): whether a row
            that is there is updated; empty for always.
        delete_when: The same: whether it is deleted; empty for never.
        insert: Whether rows that are not there are inserted.
        sequence_by: The column by which the latest row wins; empty for none.
        scd: 1 to keep the present rows, 2 to keep what they were, too.
        columns: Those that are written, beside the keys and ``sequence_by``; empty for all.
        adds_columns: Whether columns that the table lacks are added to it.
        within: SQL of the table's columns: of the rows for which it holds, those that are not
            merged are deleted; empty to keep all.
    """

    keys: tuple[str, ...]
    update_when: str = ""
    delete_when: str = ""
    insert: bool = True
    sequence_by: str = ""
    scd: int = 1
    columns: tuple[str, ...] = ()
    adds_columns: bool = False
    within: str = ""

    @property
    def keeps_history(self) -> bool:
        """Whether the table keeps what its rows were."""
        return self.scd == 2

    @property
    def keeps_deleted(self) -> bool:
        """Whether a mark stays of each row that is deleted, so that no older one brings it back."""
        return bool(self.sequence_by and self.delete_when)

    @property
    def deletes_by_table(self) -> bool:
        """Whether it takes the row of the table to tell that it is deleted."""
        return bool(_OF_TABLE.search(self.delete_when))


def take_merge(
    save_args: Mapping[str, Any], keys: Sequence[str] = (), also: Iterable[str] = ()
) -> tuple[Merge | None, dict[str, Any]]:
    """Part the options of a merge from those of Spark's writer.

    Args:
        save_args: As they stand in an entry.
        keys: The columns of the key, where the entry has them elsewhere.
        also: What else the entry may say there.

    Returns:
        How rows are merged, None if they are not; and all other options.

    Raises:
        DataSetError: An option is not possible.

    >>> merge, others = take_merge({"mode": "merge", "keys": "id", "scd": 2, "sequence_by": "ts"})
    >>> merge.keys, merge.keeps_history, others
    (('id',), True, {})
    """
    options = in_known_case(save_args, ("mode", *MERGE_WORDS))
    given = {name: options.pop(name) for name in MERGE_WORDS if name in options}
    if str(options.get("mode")).lower() != MERGE:
        if given:
            raise DataSetError(
                f"save_args: '{next(iter(given))}' is an option of a merge.",
                hint="Give mode: merge, or leave it out.",
            )
        return None, options
    del options["mode"]
    merge = Merge(
        keys=_names(given, "keys") or tuple(keys),
        update_when=_text(given, "update_when"),
        delete_when=_text(given, "delete_when"),
        insert=_switch(given, "insert"),
        sequence_by=_text(given, "sequence_by"),
        scd=_scd(given.get("scd", 1)),
        columns=_names(given, "columns"),
        adds_columns=_adds(given.get("schema_change", _CHANGES[0])),
        within=_text(given, "within"),
    )
    problems = merge_problems(merge) + _unknown(options, (*CREATION_WORDS, *also))
    if problems:
        raise DataSetError(" ".join(problems))
    return merge, options


def merge_problems(merge: Merge) -> list[str]:
    """Return what does not go together in a merge.

    >>> merge_problems(Merge(()))
    ['a merge needs the columns by which rows are told apart (save_args: keys).']
    """
    problems = []
    if not merge.keys:
        problems.append("a merge needs the columns by which rows are told apart (save_args: keys).")
    if merge.within and (merge.sequence_by or merge.keeps_history):
        problems.append(
            "within takes the place of all rows of a part, whatever their sequence: leave out "
            "sequence_by and scd: 2, or within."
        )
    if not merge.keeps_history:
        return problems
    if not merge.sequence_by:
        problems.append(
            "scd: 2 needs the column that tells since when a row is so (save_args: sequence_by)."
        )
    if merge.update_when:
        problems.append("scd: 2 keeps every change: leave out update_when, and filter the rows.")
    if not merge.insert:
        problems.append("scd: 2 inserts a row for each change: leave out 'insert: false'.")
    if merge.deletes_by_table:
        problems.append("scd: 2 takes a delete_when of the row to merge (s) only, not of t.")
    taken = {name.lower() for name in (*merge.keys, *merge.columns, merge.sequence_by)}
    problems += [
        f"'{name}' is a column that scd: 2 fills itself." for name in HISTORY if name in taken
    ]
    return problems


def _unknown(options: Iterable[str], also: Iterable[str]) -> list[str]:
    """Tell options that neither a merge nor the table or its writer knows: no driver takes them."""
    return [
        f"save_args: '{option}' is no option of a merge. "
        + (did_you_mean(option, MERGE_WORDS) or f"It has {', '.join(MERGE_WORDS)}.")
        for option in options
        if not is_known(option, also)
    ]


def _names(given: Mapping[str, Any], option: str) -> tuple[str, ...]:
    value = given.get(option) or ()
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(one, str) and one for one in names):
        raise DataSetError(f"save_args: '{option}' is a list of columns, not {value!r}.")
    return tuple(names)


def _text(given: Mapping[str, Any], option: str) -> str:
    value = given.get(option)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataSetError(f"save_args: '{option}' is a text of SQL, not {value!r}.")
    return value.strip()


def _switch(given: Mapping[str, Any], option: str) -> bool:
    value = given.get(option, True)
    if not isinstance(value, bool):
        raise DataSetError(f"save_args: '{option}' is true or false, not {value!r}.")
    return value


def _scd(value: Any) -> int:
    if str(value) not in ("1", "2"):
        raise DataSetError(
            f"save_args: scd is 1 or 2, not {value!r}.",
            hint="1 keeps the present rows, 2 what they were, too.",
        )
    return int(value)


def _adds(value: Any) -> bool:
    wrong = word_problems("save_args: schema_change", value, _CHANGES)
    if wrong:
        raise DataSetError(wrong[0])
    return bool(value == "add")
