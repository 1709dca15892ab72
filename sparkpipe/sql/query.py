"""A query as the function of a node: plain data, which needs no parser any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparkpipe.errors import PipelineError

ENGINES = ("spark", "duckdb")

#: What a parameter is called where it stands in the list of an ``IN``, before its own name.
EACH = "pe_value_of_"


@dataclass(frozen=True)
class Statement:
    """One statement that gives rows, with a field for each table and parameter.

    Attributes:
        text: A format string.
        tables: Its fields of tables: ``t0`` for the first table, ``v0`` for the first view.
        markers: The markers of its parameters; the field of ``x`` is ``p_x``, in the list of an
            ``IN`` it is ``pe_value_of_x``.
        columns: New names of its columns; none for those that they have.
    """

    text: str
    tables: tuple[str, ...]
    markers: tuple[str, ...]
    columns: tuple[str, ...] = ()

    @property
    def listed(self) -> tuple[str, ...]:
        """The markers that stand in the list of an ``IN``."""
        return tuple(one for one in self.markers if f"{{{EACH}{one}}}" in self.text)


@dataclass(frozen=True)
class SqlQuery:
    """A query that a node calls with the tables and parameters that it reads.

    Attributes:
        name: What the node is called, if it is given no other name.
        text: The text as it was written.
        file: Where it was read from, as it is shown; empty if it was given.
        engine: ``spark`` or ``duckdb``.
        dialect: The dialect in which it is written.
        tables: The tables that it reads, as they are called in the text.
        parameters: Each marker, and the parameter or slice that it stands for.
        statements: The views that it makes for itself, then the query itself, for Spark.
        whole: All of it as one query, for DuckDB; else empty.
        places: Line and column in which each input stands first.
        words: What of the text counts: comments, and how it is laid out, do not.
    """

    name: str
    text: str
    file: str
    engine: str
    dialect: str
    tables: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    statements: tuple[Statement, ...] = ()
    whole: str = ""
    places: tuple[tuple[str, int, int], ...] = ()
    words: tuple[str, ...] = ()

    @property
    def __name__(self) -> str:
        """What functions have, too."""
        return self.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the query is called with: its tables, then its parameters and slices."""
        return (*self.tables, *dict.fromkeys(source for _, source in self.parameters))

    @property
    def shown(self) -> str:
        """The file, or what else to call it in messages."""
        return self.file or f"the query '{self.name}'"

    def place_of(self, name: str) -> str:
        """Return file, line and column of an input; empty if it is none.

        Args:
            name: As it is called in the text.
        """
        for known, line, column in self.places:
            if known == name:
                return f"{self.shown}:{line}:{column}"
        return ""

    def __call__(self, *inputs: Any) -> Any:
        """Run the query.

        Args:
            inputs: The data of :attr:`inputs`, in their order.

        Returns:
            A Spark DataFrame, which is computed later; of DuckDB a frame of pandas, or a table of
            Arrow where all that it reads are such.

        Raises:
            PipelineError: The engine cannot read what it is given.
        """
        data = dict(zip(self.inputs, inputs, strict=True))
        tables = {f"t{number}": data[name] for number, name in enumerate(self.tables)}
        values = {marker: data[source] for marker, source in self.parameters}
        if self.engine == "duckdb":
            from sparkpipe.sql.on_duckdb import run_on_duckdb

            return run_on_duckdb(self.whole, tables, values, self._called, self.shown)
        from sparkpipe.sql.on_spark import run_on_spark

        return run_on_spark(self.statements, tables, values, self._called)

    def _called(self, key: str) -> str:
        """Return what a table is called in the text, with its place."""
        name = self.tables[int(key[1:])]
        return f"'{name}' ({self.place_of(name)})"

    def column_lineage(
        self, schemas: dict[str, tuple[str, ...]] | None = None
    ) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return for each column of the result the columns of tables that it is made of.

        Args:
            schemas: The columns of the tables, as far as they are known, by names as they are in
                the text. Without those of a table its ``*`` stays one.

        >>> from sparkpipe.sql import read_query
        >>> query, _ = read_query("select sum(fare) as sum, code from trips join airlines", "x")
        >>> query.column_lineage({"trips": ("fare", "km"), "airlines": ("code",)})
        {'sum': (('trips', 'fare'),), 'code': (('airlines', 'code'),)}
        """
        from sparkpipe.sql.lineage import trace_columns

        return trace_columns(self, schemas or {})


def read_query(
    text: str, name: str, file: str = "", engine: str = "spark", dialect: str = "spark"
) -> tuple[SqlQuery, list[PipelineError]]:
    """Return the query of a text, and what is wrong with it.

    Args:
        text: One query; before it there may be temporary views for it.
        name: What its node is called.
        file: Where it was read from.
        engine: ``spark`` or ``duckdb``.
        dialect: The dialect in which it is written, one that sqlglot knows.

    Raises:
        PipelineError: There is no such engine or dialect, or sqlglot is not installed.
    """
    from sparkpipe.sql.reading import read

    return read(text, name, file, engine, dialect)


def escaped(text: str) -> str:
    """Return a text as it stands in a format string.

    >>> escaped("'{x}'")
    "'{{x}}'"
    """
    return text.replace("{", "{{").replace("}", "}}")
