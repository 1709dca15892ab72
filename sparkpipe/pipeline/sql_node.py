"""A node whose function is a query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from sparkpipe.errors import PipelineError, report
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


def sql_node(
    path: str | Path | None = None,
    *,
    outputs: str,
    query: str | None = None,
    engine: str = "spark",
    dialect: str = "spark",
    name: str | None = None,
    tags: str | Iterable[str] | None = None,
    namespace: str | None = None,
    pool: str | None = None,
    timeout: float | None = None,
    retries: int = 0,
    retry_delay: float = 1.0,
    always: bool = False,
) -> Node:
    """Make a node of a query; what it reads is found in its text.

    A table is the data set of its name; ``:name`` is the parameter ``name``, ``:group.name`` one in
    a group, and ``${slice:day}`` the slice of the run, each as a value. Before the query there may
    be ``CREATE TEMPORARY VIEW`` statements, whose views no other node sees.

    Args:
        path: A file of SQL. A relative path starts at the folder of the project, or at that of its
            package; outside of projects, at the working folder.
        outputs: The data set to save the result in.
        query: The text, instead of a file.
        engine: ``spark``, or ``duckdb`` for frames of pandas and tables of Arrow.
        dialect: The dialect in which the text is written, as sqlglot calls it. For DuckDB a text
            of another dialect is translated.
        name: As of :func:`sparkpipe.pipeline.node`; by default the name of the file without its
            ending, or that of the output.
        tags: As of :func:`sparkpipe.pipeline.node`, and so are the others.
        namespace: Put before the name, with a dot.
        pool: The pool of Spark's scheduler in which its jobs run.
        timeout: Seconds that it may take.
        retries: How often it is tried again after a failure that may pass.
        retry_delay: Seconds before the first further attempt.
        always: Runs also where only what has changed is run.

    Raises:
        PipelineError: The file is not there, the text is no single query, or sqlglot is not
            installed.

    >>> delays = sql_node(
    ...     query="select name, sum(delay) as delay from flights join airlines using (code) "
    ...     "where delay > :late_minutes group by name",
    ...     outputs="delays",
    ... )
    >>> print(delays)
    delays: delays([flights,airlines,params:late_minutes]) -> [delays]
    """
    if not isinstance(outputs, str):
        raise PipelineError(
            f"A SQL node has one output, not {outputs!r}.",
            hint="Write outputs='...', and a node for each result.",
        )
    from sparkpipe.sql import read_query  # who has no such node need not wait for it

    text, file = _text_of(path, query)
    stem = Path(file).stem if file else strip_transcoding(outputs)
    function, problems = read_query(
        text, _NOT_IN_NAMES.sub("_", stem), file, engine=engine, dialect=dialect
    )
    for problem in problems:
        report(problem)
    return Node(
        function,
        [*function.inputs] or None,
        outputs,
        name=name,
        tags=tags,
        namespace=namespace,
        pool=pool,
        timeout=timeout,
        retries=retries,
        retry_delay=retry_delay,
        always=always,
    )


def _text_of(path: str | Path | None, query: str | None) -> tuple[str, str]:
    """Return the text of a node, and the file that it is from."""
    if (path is None) == (query is None):
        raise PipelineError(
            "A SQL node needs a file or a query, and one of them only.",
            hint="Write sql_node('sql/delays.sql', ...), or sql_node(query='select ...', ...).",
        )
    if query is not None:
        return query, ""
    assert path is not None
    from sparkpipe.sql.files import read_file

    return read_file(path)


def places_of_inputs(nodes: Iterable[Node]) -> dict[str, str]:
    """Return for data sets that queries read where they are named first: file, line and column.

    Args:
        nodes: The nodes, SQL nodes among them.
    """
    from sparkpipe.sql import SqlQuery

    places: dict[str, str] = {}
    for node in nodes:
        if isinstance(node.func, SqlQuery):
            for called, name in zip(node.func.inputs, node.arguments, strict=True):
                places.setdefault(name, node.func.place_of(called))
    return places
