"""The text of MERGE. What stands in it is quoted, or SQL that the catalog gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkpipe.datasets.spark.definitions import literal
from sparkpipe.datasets.spark.merging.tombstones import TOMBSTONE
from sparkpipe.datasets.spark.merging.words import HISTORY, Merge
from sparkpipe.datasets.spark.names import quoted

#: With these words begins the error of rows that cannot be merged.
REFUSED = "sparkpipe cannot merge: "
#: These words are in that of a value that the table cannot hold.
DOES_NOT_FIT = "does not fit into the table"
#: And these in that of a row that is not of the part which is replaced.
NOT_WITHIN = "is not within"
# All that two rows may differ in: without it JSON has no more than milliseconds.
_IN_FULL = (
    "map('timestampFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSSXXX', "
    "'timestampNTZFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSS')"
)
_NUMBER, _NEXT, _CONTENT = "`__number`", "`__next`", "`__content`"


@dataclass(frozen=True)
class Columns:
    """Columns of a merge, as the table spells them.

    Attributes:
        keys: Those of the key.
        sequence: That by which the latest row wins; empty for none.
        written: All that are written, keys and sequence among them.
        read: All that the rows to merge have.
        required: Those of the table that are never null.
        narrower: Keys and sequence as far as their values may not fit, with the types of the
            table's columns that hold them.
    """

    keys: tuple[str, ...]
    sequence: str
    written: tuple[str, ...]
    read: tuple[str, ...]
    required: frozenset[str] = frozenset()
    narrower: tuple[tuple[str, str], ...] = ()

    def kept_of_deleted(self) -> frozenset[str]:
        """Return the columns that keep their values when a row is deleted."""
        return frozenset({*self.keys, self.sequence, *self.required})


def merge_text(table: str, view: str, there: str, merge: Merge, columns: Columns) -> str:
    """Return the MERGE of rows into a table.

    Args:
        table: Its name in SQL.
        view: The name of the view that has the rows.
        there: The name of the view that has those of the table.
        merge: How they are merged.
        columns: The columns.
    """
    if merge.keeps_history:
        return _history_text(table, view, there, merge, columns)
    return _present_text(table, view, merge, columns)


def _present_text(table: str, view: str, merge: Merge, columns: Columns) -> str:
    sequence = quoted(columns.sequence)
    rows = _one_a_key(view, columns, within=merge.within)
    newer = f"(t.{sequence} IS NULL OR s.{sequence} > t.{sequence})" if columns.sequence else ""
    return "\n".join(
        [
            f"MERGE INTO {table} AS t USING ({rows}) AS s",
            f"ON {_equal(columns.keys)}",
            *_deleting(merge, columns, newer),
            *_updating(merge, columns, newer),
            *_inserting(merge, columns),
            *_leaving_out(merge),
        ]
    )


def _deleting(merge: Merge, columns: Columns, newer: str) -> Iterable[str]:
    if not merge.delete_when:
        return
    found = f"WHEN MATCHED AND {_all(newer, merge.delete_when)}"
    if not merge.keeps_deleted:
        yield f"{found} THEN DELETE"
        return
    sequence = quoted(columns.sequence)
    kept = columns.kept_of_deleted()
    emptied = [f"{quoted(one)} = NULL" for one in columns.written if one not in kept]
    marked = [f"{sequence} = s.{sequence}", f"{quoted(TOMBSTONE)} = true", *emptied]
    yield f"{found} THEN UPDATE SET {', '.join(marked)}"


def _updating(merge: Merge, columns: Columns, newer: str) -> Iterable[str]:
    changed = [
        f"{quoted(one)} = s.{quoted(one)}" for one in columns.written if one not in columns.keys
    ]
    wanted = merge.update_when
    if merge.keeps_deleted:
        changed.append(f"{quoted(TOMBSTONE)} = false")
        was_deleted = f"coalesce(t.{quoted(TOMBSTONE)}, false)"
        back = "true" if merge.insert else "false"
        wanted = f"CASE WHEN {was_deleted} THEN {back} ELSE {merge.update_when or 'true'} END"
    if changed:
        condition = _all(newer, wanted)
        asked = f" AND {condition}" if condition else ""
        yield f"WHEN MATCHED{asked} THEN UPDATE SET {', '.join(changed)}"


def _inserting(merge: Merge, columns: Columns) -> Iterable[str]:
    if not merge.insert:
        return
    is_deleted = "" if merge.deletes_by_table else merge.delete_when
    names = [quoted(one) for one in columns.written]
    values = [f"s.{name}" for name in names]
    if not merge.keeps_deleted:
        asked = f" AND NOT coalesce(({is_deleted}), false)" if is_deleted else ""
        yield f"WHEN NOT MATCHED{asked} THEN {_insert(names, values)}"
        return
    names.append(quoted(TOMBSTONE))
    if is_deleted:
        kept = columns.kept_of_deleted()
        left = [f"s.{quoted(one)}" if one in kept else "NULL" for one in columns.written]
        yield f"WHEN NOT MATCHED AND {_all(is_deleted)} THEN {_insert(names, [*left, 'true'])}"
    yield f"WHEN NOT MATCHED THEN {_insert(names, [*values, 'false'])}"


def _leaving_out(merge: Merge) -> Iterable[str]:
    """Let rows of the part go that are not among those to merge."""
    if merge.within:
        yield f"WHEN NOT MATCHED BY SOURCE AND {_all(merge.within)} THEN DELETE"


def _history_text(table: str, view: str, there: str, merge: Merge, columns: Columns) -> str:
    """Return the MERGE that keeps what rows were.

    Each change is a row, valid until the next one of its key. So what comes late, or again, finds
    its place by its sequence alone: only the rows before and after it matter.
    """
    keys = [quoted(key) for key in columns.keys]
    by_key = ", ".join(keys)
    since, until, current = map(quoted, HISTORY)
    mark = quoted(TOMBSTONE)
    sequence = quoted(columns.sequence)
    is_deleted = f"coalesce(({merge.delete_when}), false)" if merge.delete_when else "false"
    kept = columns.kept_of_deleted()
    row = ", ".join(
        f"s.{name} AS {name}" if one in kept else f"IF({is_deleted}, NULL, s.{name}) AS {name}"
        for one, name in ((one, quoted(one)) for one in columns.written)
    )
    same_key = " AND ".join(f"o.{key} = n.{key}" for key in keys)
    news = _one_a_key(view, columns, by_sequence=True)
    names = [*(quoted(one) for one in columns.written), since, until, current]
    now = f"(s.{_NEXT} IS NULL AND NOT s.`__row`.{mark})"
    values = [f"s.`__row`.{quoted(one)}" for one in columns.written]
    values += [f"s.{since}", f"s.{_NEXT}", now]
    was_deleted = "false"
    if merge.keeps_deleted:
        names.append(mark)
        values.append(f"s.`__row`.{mark}")
        was_deleted = f"coalesce(t.{mark}, false)"
    return f"""MERGE INTO {table} AS t USING (
WITH news AS (
  SELECT {", ".join(f"s.{key}" for key in keys)}, s.{sequence} AS {since},
    struct({row}, {is_deleted} AS {mark}) AS `__row`
  FROM ({news}) AS s
), olds AS (
  SELECT {by_key}, {since}, {until} FROM {there} AS o LEFT SEMI JOIN news AS n ON {same_key}
), changes AS (
  SELECT {by_key}, {since}, `__row`, NULL AS {until}
  FROM news AS n LEFT ANTI JOIN olds AS o ON {same_key} AND o.{since} = n.{since}
  UNION ALL SELECT {by_key}, {since}, NULL AS `__row`, {until} FROM olds
), chain AS (
  SELECT *, lead({since}) OVER (PARTITION BY {by_key} ORDER BY {since}) AS {_NEXT} FROM changes
)
SELECT * FROM chain WHERE `__row` IS NOT NULL OR NOT {until} <=> {_NEXT}
) AS s ON {_equal(columns.keys)} AND t.{since} = s.{since}
WHEN MATCHED THEN UPDATE SET {until} = s.{_NEXT},
  {current} = (s.{_NEXT} IS NULL AND NOT {was_deleted})
WHEN NOT MATCHED THEN {_insert(names, values)}"""  # noqa: S608


def _one_a_key(view: str, columns: Columns, *, by_sequence: bool = False, within: str = "") -> str:
    """Return the query of the rows to merge: one for each key, or for each key and sequence.

    It fails where a key or a sequence is null, where it cannot be told which row is the latest, and
    where a row is not of the part that is replaced.
    """
    needed = [*columns.keys, *([columns.sequence] if columns.sequence else [])]
    lacking = " ".join(
        f"WHEN s.{quoted(one)} IS NULL THEN raise_error({literal(f'{REFUSED}{one} is null.')})"
        for one in needed
    )
    for one, kind in columns.narrower:
        value = f"s.{quoted(one)}"
        words = literal(f"{REFUSED}{one} = "), literal(f" {DOES_NOT_FIT} ({kind.upper()})")
        told = f"concat({words[0]}, CAST({value} AS STRING), {words[1]})"
        lacking += f" WHEN NOT try_cast({value} AS {kind}) <=> {value} THEN raise_error({told})"
    if within:
        told = literal(f"{REFUSED}a row {NOT_WITHIN} {' '.join(within.split())}")
        lacking += f" WHEN NOT coalesce({_all(within)}, false) THEN raise_error({told})"
    by = needed if by_sequence else columns.keys
    window = f"PARTITION BY {', '.join(f's.{quoted(one)}' for one in by)}"
    if columns.sequence:
        # Rows that are wholly the same may come again; others of one sequence contradict.
        sequence = f"s.{quoted(columns.sequence)}"
        content = f"to_json(struct(s.*), {_IN_FULL})"
        following = f"struct({sequence} AS at, {_CONTENT} AS row)"
        order = f"{sequence} DESC, {_CONTENT}"
        doubled = f"{_NEXT}.at = {sequence} AND {_NEXT}.row <> {_CONTENT}"
    else:
        content, following, order, doubled = "1", "1", "1", f"{_NEXT} IS NOT NULL"
    shown = ", ', ', ".join(
        f"{literal(f'{one} = ')}, CAST(s.{quoted(one)} AS STRING)" for one in needed
    )
    twice = f"raise_error(concat({literal(f'{REFUSED}there is more than one row of ')}, {shown}))"
    read = ", ".join(f"s.{quoted(one)}" for one in columns.read)
    source = f"SELECT s.*, {content} AS {_CONTENT} FROM {view} AS s"  # noqa: S608
    rows = f"{source} WHERE CASE {lacking} ELSE true END"
    ordered = f"({window} ORDER BY {order})"
    more = f"row_number() OVER {ordered} AS {_NUMBER}, lead({following}) OVER {ordered} AS {_NEXT}"
    numbered = f"SELECT *, {more} FROM ({rows}) AS s"  # noqa: S608
    checked = f"CASE WHEN {doubled} THEN {twice} ELSE true END"
    return f"SELECT {read} FROM ({numbered}) AS s WHERE {_NUMBER} = 1 AND {checked}"  # noqa: S608


def _equal(keys: Sequence[str]) -> str:
    return " AND ".join(f"t.{quoted(key)} = s.{quoted(key)}" for key in keys)


def _all(*conditions: str) -> str:
    # One that ends with a comment would take the rest of the line along.
    return " AND ".join(f"({one}\n)" for one in conditions if one)


def _insert(names: Sequence[str], values: Sequence[str]) -> str:
    return f"INSERT ({', '.join(names)}) VALUES ({', '.join(values)})"  # noqa: S608
