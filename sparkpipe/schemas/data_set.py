"""A data set that lets in only data of its schema."""

from __future__ import annotations

import logging
from functools import cached_property, partial
from typing import Any

from sparkpipe.io import foreign
from sparkpipe.io.declared import save_effect, unwrapped
from sparkpipe.io.delegating import DelegatingDataSet
from sparkpipe.io.kinds import is_pandas_frame, is_pandas_on_spark, is_spark_frame
from sparkpipe.schemas.comparing import Difference, compare, fits, is_wider
from sparkpipe.schemas.formats import format_problems
from sparkpipe.schemas.frames import fits_outside_of_spark, schema_of
from sparkpipe.schemas.model import Schema, quoted, twice
from sparkpipe.schemas.policy import SchemaError, refuse, refused
from sparkpipe.schemas.reading import path_of, read_schema, schema_problems
from sparkpipe.schemas.shaping import cast_columns, shape_pandas, shape_spark

_logger = logging.getLogger(__name__)


class SchemaDataSet(DelegatingDataSet):
    """Judges what is saved by its own schema, before any job, the same at every save.

    Columns are put into the order of the schema, and get its comments. What a column must not hold
    (nulls, texts that are too long) Spark judges while it writes: such a write fails.

    Args:
        dataset: The data set inside.
        schema: See :func:`sparkpipe.schemas.read_schema`.
        change: What may differ: ``fail`` (nothing), ``add`` (further columns), ``widen`` (and
            wider types) or ``any``.
        selects: The class inside has this schema, too, saves its columns only, and converts frames
            of pandas.
        leaves_out: What is inside saves columns that it names, and uses others to tell how.
    """

    def __init__(
        self,
        dataset: Any,
        schema: Any,
        change: str = "fail",
        *,
        selects: bool = False,
        leaves_out: bool = False,
    ) -> None:
        super().__init__(dataset)
        self._given = schema
        self._change = change
        self._selects = selects
        self._leaves_out = selects or leaves_out

    @cached_property
    def declared_schema(self) -> Schema:
        """The schema of the entry."""
        try:
            return read_schema(self._given)
        except AttributeError as exc:  # would be taken as 'has no such attribute'
            raise SchemaError(f"the schema cannot be read: {exc}") from exc

    @property
    def known_schema(self) -> Schema | None:
        """The schema of the entry; None if it is wrong, or lies elsewhere."""
        is_elsewhere = "://" in path_of(self._given)
        return None if is_elsewhere or schema_problems(self._given) else self.declared_schema

    def refuse(self, data: Any) -> None:
        """Refuse data of another schema; of nulls others may take care before it is saved.

        Args:
            data: What is to be saved.

        Raises:
            SchemaError: It has another schema.
        """
        found = None if self._selects and is_pandas_frame(data) else schema_of(data)
        if found is not None:
            self.differences(found, is_of_spark=is_spark_frame(data), judges_nulls=False)
        super().refuse(data)

    def _save(self, data: Any) -> None:
        fitted = self.fitted(data)
        if self._change in ("widen", "any") and is_spark_frame(fitted):
            fitted = self._widening(fitted)
        super()._save(fitted)

    def fitted(self, data: Any) -> Any:
        """Return data as it is to be saved.

        Args:
            data: A frame, or a dictionary of frames, as partitions are.

        Raises:
            SchemaError: It has not the schema.
        """
        if isinstance(data, dict):
            return {name: self._fitted_part(part) for name, part in data.items()}
        if self._selects and is_pandas_frame(data):
            return data
        found = schema_of(data)
        if found is None:
            raise SchemaError(
                f"a frame is needed, as the entry has a schema, not {type(data).__name__}.",
                hint="Return a frame of Spark, pandas or Arrow, or remove the schema.",
            )
        is_of_spark = is_spark_frame(data)
        for one in self.differences(found, is_of_spark=is_of_spark, judges_nulls=not is_of_spark):
            if one.kind != "nullable":
                _logger.warning("%s: %s", self.location() or self, one)
        if is_of_spark:
            return shape_spark(data, self.declared_schema, found, self._change)
        if is_pandas_on_spark(data) or not is_pandas_frame(data):
            return data
        return shape_pandas(data, self.declared_schema, found, self._change)

    def differences(
        self, found: Schema, *, is_of_spark: bool, judges_nulls: bool
    ) -> tuple[Difference, ...]:
        """Return in what a schema differs, if it may.

        Args:
            found: The schema of data.
            is_of_spark: Whether the data is Spark's, whose types are all that there are.
            judges_nulls: Whether a column that may hold nulls is known to hold some.

        Raises:
            SchemaError: It must not.
        """
        name = twice(found.names)
        if name:
            raise SchemaError(f"the data has the column '{name}' twice; case does not matter.")
        is_fitting = fits if is_of_spark else fits_outside_of_spark
        differences = compare(self.declared_schema, found, is_fitting)
        if self._leaves_out:
            differences = tuple(one for one in differences if one.kind != "extra" or one.is_nested)
        refuse(refused(differences, self._change, judges_nulls=judges_nulls))
        return differences

    def _fitted_part(self, part: Any) -> Any:
        return partial(_call_and_fit, self, part) if callable(part) else self.fitted(part)

    def _widening(self, data: Any) -> Any:
        """Let a Delta table that is there get wider types of a frame, and the frame those of it.

        What an earlier save has widened stays so, and an append does not cast by itself.
        """
        effect = save_effect(self._dataset)
        name_in_sql = foreign.attribute(unwrapped(self._dataset), "name_in_sql")
        if effect == "replace" or not callable(name_in_sql) or not self._dataset.exists():
            return data
        session, table = data.sparkSession, name_in_sql()
        there, found = schema_of(session.read.table(table)), schema_of(data)
        differences = compare(there, found) if there and found else ()
        wider = [one for one in differences if _widens(one)]
        if wider:
            options = ["'delta.enableTypeWidening' = 'true'"]
            if any(one.found is not None and one.found.name == "timestamp_ntz" for one in wider):
                options.append("'delta.feature.timestampNtz' = 'supported'")
            session.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ({', '.join(options)})")
        if effect == "merge":  # which casts to what is there; an append takes the types itself
            for one in wider:
                column = ".".join(map(quoted, one.column.split(".")))
                session.sql(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {one.found}")
            return data
        kept = {one.column: one.wanted for one in differences if one.wanted and _narrows(one)}
        return cast_columns(data, kept) if kept else data

    def _problems(self) -> list[str]:
        inner = super()._problems()
        if self.known_schema is not None:
            return [*format_problems(self.known_schema, unwrapped(self._dataset)), *inner]
        if self._selects and any("schema" in one for one in inner):
            return inner  # the class inside has told it of the same schema
        return [*schema_problems(self._given), *inner]


def _call_and_fit(data_set: SchemaDataSet, part: Any) -> Any:
    return data_set.fitted(part())


def _widens(one: Difference) -> bool:
    return bool(one.kind == "type" and one.wanted and one.found and is_wider(one.wanted, one.found))


def _narrows(one: Difference) -> bool:
    is_of_column = one.kind == "type" and not one.is_nested
    return bool(is_of_column and one.wanted and one.found and is_wider(one.found, one.wanted))
