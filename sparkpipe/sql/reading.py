"""From a text to a query: the only way to the parser, which is loaded for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.errors import PipelineError, did_you_mean
from sparkpipe.sql.query import ENGINES, SqlQuery
from sparkpipe.sql.text import Problem, place_of

if TYPE_CHECKING:
    from sparkpipe.sql.parsing import Parsed


def read(
    text: str, name: str, file: str, engine: str, dialect: str
) -> tuple[SqlQuery, list[PipelineError]]:
    """Return the query of a text, and what is wrong with it; see :func:`sparkpipe.sql.read_query`.

    Raises:
        PipelineError: There is no such engine or dialect, or sqlglot is not installed.
    """
    if engine not in ENGINES:
        raise PipelineError(
            f"There is no engine {engine!r} for SQL.",
            hint=did_you_mean(str(engine), ENGINES) or f"Engines: {', '.join(ENGINES)}.",
        )
    parsed = parse_text(text, dialect)
    shown = file or f"the query '{name}'"
    problems = [_told(text, shown, problem) for problem in parsed.problems]
    offsets = {**parsed.offsets, **parsed.marked.offsets}
    query = SqlQuery(
        name,
        text,
        file,
        engine,
        dialect,
        tuple(parsed.tables),
        tuple((marker, parsed.marked.inputs[marker]) for marker in parsed.markers),
        tuple(parsed.statements),
        "" if problems or engine != "duckdb" else _for_duckdb(parsed, dialect),
        tuple((one, *place_of(text, offset)) for one, offset in offsets.items()),
        parsed.words,
    )
    return query, problems


def parse_text(text: str, dialect: str) -> Parsed:
    """Return what a text says.

    Raises:
        PipelineError: There is no such dialect, or sqlglot is not installed.
    """
    try:
        from sqlglot.dialects.dialect import Dialect
    except ModuleNotFoundError as exc:
        raise PipelineError(
            "A SQL node needs the package sqlglot, which is not installed.",
            hint="Install it with: pip install 'sparkpipe[sql-nodes]'",
        ) from exc
    from sparkpipe.sql.parsing import parse

    if Dialect.get(dialect) is None:
        known = sorted(filter(None, map(str, Dialect.classes)))
        raise PipelineError(
            f"There is no dialect {dialect!r} of SQL.",
            hint=did_you_mean(dialect, known) or f"Dialects: {', '.join(known)}.",
        )
    return parse(text, dialect)


def _told(text: str, shown: str, problem: Problem) -> PipelineError:
    line, column = place_of(text, problem.offset)
    return PipelineError(f"{shown}:{line}:{column}: {problem.message}", hint=problem.hint)


def _for_duckdb(parsed: Parsed, dialect: str) -> str:
    from sparkpipe.sql.combining import combine, with_lists, with_percentiles
    from sparkpipe.sql.like_spark import DIALECTS, like_spark

    tree = with_lists(combine(parsed))
    tree = tree if dialect == "duckdb" else with_percentiles(tree)
    tree = like_spark(tree) if dialect in DIALECTS else tree
    return tree.sql("duckdb", comments=False)
