"""Rows that are merged into a table."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.accounting import accounting
from sparkpipe.datasets.spark.commits import is_delta_table, marked, sql_with_metadata, was_made
from sparkpipe.datasets.spark.creation import Creation, ddl_of, make_or_compare
from sparkpipe.datasets.spark.frames import need_columns
from sparkpipe.datasets.spark.merging.statements import (
    DOES_NOT_FIT,
    NOT_WITHIN,
    REFUSED,
    Columns,
    merge_text,
)
from sparkpipe.datasets.spark.merging.tombstones import TOMBSTONE
from sparkpipe.datasets.spark.merging.types import grows, may_lose
from sparkpipe.datasets.spark.merging.words import (
    HISTORY,
    IS_CURRENT,
    VALID_FROM,
    VALID_TO,
    Merge,
)
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.errors import DataSetError
from sparkpipe.spark.failures.chain import failure_links, first_line
from sparkpipe.spark.failures.judging import spark_reason
from sparkpipe.spark.jobs.saves import SaveMark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)

# Not in the text of the MERGE, which some errors show: there it is in quotes.
_NO_TYPE = "void"
_INCOMPARABLE = re.compile(r"\b(map<|variant\b|interval$)", re.IGNORECASE)
_QUOTED = re.compile(r"`(?:[^`]|``)*`")
_TOLD = re.compile(f"(?<!'){re.escape(REFUSED)}")


def merge_into(
    frame: DataFrame,
    table: str,
    merge: Merge,
    creation: Creation,
    *,
    is_there: bool,
    target: str,
    find_delta: Callable[[], Path | None],
) -> None:
    """Merge rows into a table, which is made if it is not there, and note what was changed.

    Args:
        frame: The rows.
        table: The name of the table in SQL.
        merge: How they are merged.
        creation: What a table is made with that is not there.
        is_there: Whether there is a table.
        target: The table, in one spelling for all that share it.
        find_delta: Finds its folder, if that is local.

    Raises:
        DataSetError: The rows do not fit to the table, or cannot be merged.
    """
    merging = Merging(frame, table, merge, creation)
    merging.prepare(is_there=is_there)
    with marked(target) as mark, accounting(frame, "delta", find_delta=find_delta) as account:
        account.result = merging.run(mark)


def merge_batch(
    table: str,
    merge: Merge,
    creation: Creation,
    metadata: str,
    batch: DataFrame,
    number: int,
    query: str = "",
) -> None:
    """Merge a batch of a stream into a table; one that comes again changes nothing.

    Args:
        table: The name of the table in SQL.
        merge: How its rows are merged.
        creation: What a table is made with that is not there.
        metadata: What the commit keeps.
        batch: The rows.
        number: The number of the batch.
        query: The id of the query, by which the table tells whether it has the batch; empty where
            nobody tells it: then the same rows are merged once more.
    """
    session = batch.sparkSession
    merging = Merging(batch, table, merge, creation)
    merging.prepare(is_there=is_delta_table(session, table))
    merging.run(None, metadata, (query, number) if query else None)


class Merging:
    """One merge of rows into a table.

    Args:
        frame: The rows.
        table: The name of the table in SQL.
        merge: How they are merged.
        creation: What a table is made with that is not there.
    """

    def __init__(self, frame: DataFrame, table: str, merge: Merge, creation: Creation) -> None:
        self._frame = frame
        self._session: SparkSession = frame.sparkSession
        self._table = table
        self._merge = merge
        self._creation = creation

    def prepare(self, *, is_there: bool) -> None:
        """Make the table if it is not there, and fit it to the merge; no row is read.

        Args:
            is_there: Whether there is a table.

        Raises:
            DataSetError: The rows do not fit to the table.
        """
        merge, frame = self._merge, self._frame
        needed = [*merge.keys, *([merge.sequence_by] if merge.sequence_by else []), *merge.columns]
        need_columns(needed, frame.columns, "of the merge")
        _refuse_incomparable(merge, frame)
        self._refuse_own(frame.columns)
        rows = frame.select(*map(quoted, _of_frame(merge, frame.columns)))
        if not is_there:  # before there is an empty one
            self._refuse_conditions(rows)
        make_or_compare(
            self._session,
            self._table,
            self._creation,
            rows,
            is_there=is_there,
            more=() if is_there else self._own_columns(rows),
        )
        fields = self._session.read.table(self._table).schema.fields
        self._columns = self._fitted([one.name for one in fields], fields)
        if is_there:
            self._refuse_conditions(self._session.read.table(self._table))

    def run(
        self, mark: SaveMark | None, metadata: str = "", once: tuple[str, int] | None = None
    ) -> DataFrame | None:
        """Merge the rows in one transaction.

        Args:
            mark: The save; None where no node of a run saves.
            metadata: What the commit keeps, where that is not the mark.
            once: Whose merge it is, and its number: one that the table has changes nothing.

        Returns:
            What MERGE tells; None if an earlier attempt at the save has made it.

        Raises:
            DataSetError: A key is null, or a row is there twice.
        """
        if was_made(self._session, self._table, mark):
            _logger.info("The merge into %s was made before; it is not repeated.", self._table)
            return None
        # By name a MERGE takes no second look at a table in a folder.
        rows_there = self._session.read.table(self._table)
        with _view(self._frame) as view, _view(rows_there) as there:
            text = merge_text(self._table, view, there, self._merge, self._columns)
            kept = mark.metadata() if mark else metadata
            try:
                return sql_with_metadata(self._session, text, kept, once)
            except Exception as exc:
                _tell_refused(exc, self._merge)
                raise

    def _refuse_conditions(self, there: DataFrame) -> None:
        """Refuse conditions that cannot be judged, which MERGE tells in words of its own."""
        for word in ("update_when", "delete_when"):
            condition = getattr(self._merge, word)
            if not condition:
                continue
            both = self._frame.alias("s").crossJoin(there.alias("t"))
            _refuse_condition(word, condition, both)
        if self._merge.within:
            for rows in (self._frame, there):
                _refuse_condition("within", self._merge.within, rows)

    def _refuse_own(self, columns: Sequence[str]) -> None:
        own = (*(HISTORY if self._merge.keeps_history else ()), TOMBSTONE)
        taken = [name for name in columns if name.lower() in own]
        if taken:
            raise DataSetError(
                f"the data has columns that a merge fills itself: {', '.join(taken)}.",
                hint="Rename them, or leave them out.",
            )

    def _own_columns(self, rows: DataFrame) -> list[str]:
        merge = self._merge
        own = []
        if merge.keeps_history:
            (sequence,) = rows.selectExpr(quoted(merge.sequence_by)).schema.fields
            kind = ddl_of(sequence.dataType)
            own = [f"{quoted(name)} {kind}" for name in HISTORY if name != IS_CURRENT]
            own.append(f"{quoted(IS_CURRENT)} BOOLEAN")
        if merge.keeps_deleted:
            own.append(f"{quoted(TOMBSTONE)} BOOLEAN")
        return own

    def _fitted(self, there: Sequence[str], fields: Sequence[Any]) -> Columns:
        """Return the columns of the merge as the table spells them; it gets those that it lacks."""
        merge = self._merge
        spelt = {name.lower(): name for name in there}
        if merge.keeps_history:
            lacking = [name for name in HISTORY if name not in spelt]
            if lacking:
                raise DataSetError(
                    f"the table lacks columns that scd: 2 needs: {', '.join(lacking)}.",
                    hint="Save to a new table; or add them and fill them for the rows that are "
                    "there.",
                )
        written = _of_frame(merge, self._frame.columns)
        added = [name for name in written if name.lower() not in spelt]
        if added and not merge.adds_columns:
            raise DataSetError(
                f"the table lacks columns that the data has: {', '.join(added)}.",
                hint="Give save_args: schema_change: add; or columns: [...] for those to write.",
            )
        self._refuse_missing(there, written)
        kinds, kinds_there = _kinds(self._frame.schema.fields), _kinds(fields)
        for name in written:  # so far it has held nothing, and nobody knew its type
            kind = kinds[name.lower()]
            if kinds_there.get(name.lower()) == _NO_TYPE != kind:
                column = quoted(spelt[name.lower()])
                self._session.sql(f"ALTER TABLE {self._table} ALTER COLUMN {column} TYPE {kind}")
                kinds_there[name.lower()] = kind
        more = [f"{quoted(name)} {kinds[name.lower()]}" for name in added]
        if merge.keeps_deleted and TOMBSTONE not in spelt:
            more.append(f"{quoted(TOMBSTONE)} BOOLEAN")
        if more:
            self._session.sql(f"ALTER TABLE {self._table} ADD COLUMNS ({', '.join(more)})")

        def spell(name: str) -> str:
            return spelt.get(name.lower(), name)

        return Columns(
            tuple(map(spell, merge.keys)),
            spell(merge.sequence_by),
            tuple(map(spell, written)),
            tuple(self._frame.columns),
            frozenset(one.name for one in fields if not one.nullable),
            self._narrower(kinds, kinds_there),
        )

    def _narrower(
        self, found: Mapping[str, str], there: Mapping[str, str]
    ) -> tuple[tuple[str, str], ...]:
        """Return what tells rows apart and may not fit, with the type of the table's column."""
        merge = self._merge
        held = [(name, there.get(name.lower())) for name in (*merge.keys, merge.sequence_by)]
        if merge.keeps_history:
            held.append((merge.sequence_by, self._kind_of_history(found, there)))
        return tuple(
            (name, kind)
            for name, kind in held
            if kind is not None and may_lose(found[name.lower()], kind)
        )

    def _kind_of_history(self, found: Mapping[str, str], there: Mapping[str, str]) -> str:
        """Return the type of the times of validity, which grows with that of the sequence."""
        wanted = there.get(self._merge.sequence_by.lower(), found[self._merge.sequence_by.lower()])
        if not grows(there[VALID_FROM], wanted):
            return there[VALID_FROM]
        for name in (VALID_FROM, VALID_TO):
            self._session.sql(f"ALTER TABLE {self._table} ALTER COLUMN {name} TYPE {wanted}")
        return wanted

    def _refuse_missing(self, there: Sequence[str], written: Sequence[str]) -> None:
        """Refuse rows that lack columns of the table, unless it is said which are written."""
        if self._merge.columns:
            return
        own = {TOMBSTONE, *(HISTORY if self._merge.keeps_history else ())}
        known = {name.lower() for name in written} | own | self._creation.filled
        missing = [name for name in there if name.lower() not in known]
        if missing:
            raise DataSetError(
                f"the data lacks columns of the table: {', '.join(missing)}.",
                hint="Give them; or save_args: columns: [...] for those to write, and the others "
                "stay as they are.",
            )


def _refuse_condition(word: str, condition: str, rows: DataFrame) -> None:
    try:
        (found,) = rows.selectExpr(f"({condition}\n)").schema.fields
    except Exception as exc:
        told = f"save_args: {word} is not possible: {spark_reason(exc) or exc}"
        raise DataSetError(told) from exc
    kind = found.dataType.simpleString()
    if kind not in ("boolean", "void"):
        raise DataSetError(f"save_args: {word} is a {kind}, not true or false: {condition}")


def _refuse_incomparable(merge: Merge, frame: DataFrame) -> None:
    """Refuse keys and a sequence of types whose values Spark does not compare."""
    kinds = _kinds(frame.schema.fields)
    for name in filter(None, (*merge.keys, merge.sequence_by)):
        kind = kinds[name.lower()]
        if _INCOMPARABLE.search(_QUOTED.sub("", kind)):  # fields may have any name
            raise DataSetError(
                f"rows cannot be told apart, or put in order, by {name}: it is {kind.upper()}.",
                hint="Make a column of it that can be compared, such as to_json(...).",
            )


def _kinds(fields: Iterable[Any]) -> dict[str, str]:
    """Return the types of columns by their names, of which the case does not matter."""
    return {one.name.lower(): ddl_of(one.dataType) for one in fields}


def _of_frame(merge: Merge, present: Sequence[str]) -> list[str]:
    """Return the columns of the rows that are written."""
    if not merge.columns:
        return list(present)
    wanted = {name.lower() for name in (*merge.keys, merge.sequence_by, *merge.columns)}
    return [name for name in present if name.lower() in wanted]


@contextmanager
def _view(frame: DataFrame) -> Iterator[str]:
    # No other save on the session, in this run or another one, has this name.
    name = f"sparkpipe_merge_{os.urandom(8).hex()}"
    frame.createOrReplaceTempView(name)
    try:
        yield name
    finally:
        with suppress(Exception):  # the error of the MERGE says more
            frame.sparkSession.catalog.dropTempView(name)


def _tell_refused(exc: Exception, merge: Merge) -> None:
    """Report what is wrong with the rows, if that is why a MERGE failed.

    Raises:
        DataSetError: It is.
    """
    # An analysis that fails shows the plan, and in it the words that no row has raised.
    links = (link for link in failure_links(exc) if not link.kind.endswith("AnalysisException"))
    told = _refusal(link.text for link in links)
    if not told:
        return
    if told.endswith("is null."):
        raise DataSetError(
            f"the data has rows that cannot be merged: {told}",
            hint="Leave out such rows, or give them a value.",
        ) from exc
    if DOES_NOT_FIT in told:
        raise DataSetError(
            f"the data cannot be merged: {told}.",
            hint="Rows are told apart, and put in order, by such a column. Cast it in the node, "
            "or give that of the table a wider type (schema, with schema_change: widen).",
        ) from exc
    if NOT_WITHIN in told:
        raise DataSetError(
            f"the data cannot be merged: {told}.",
            hint="Only rows of the part take its place: filter them in the node, or change "
            "save_args: within.",
        ) from exc
    more = f" of one {merge.sequence_by}" if merge.sequence_by else ""
    raise DataSetError(
        f"the data cannot be merged: {told}.",
        hint=f"A merge takes one row{more} for each {', '.join(merge.keys)}. "
        + ("Leave out the others." if more else "Give save_args: sequence_by for the latest."),
    ) from exc


def _refusal(texts: Iterable[str]) -> str:
    for text in texts:
        found = _TOLD.search(text)
        if found:
            return first_line(text[found.end() :]).strip()
    return ""
