"""What 5, 20 and 60 checks add to the write of ten million rows, against a second pass by hand."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

from tests.benchmarks.child import Answer, Child, serve
from tests.benchmarks.environment import DQX_PACKAGES
from tests.benchmarks.report import Report

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = 10_000_000
TURNS = 3
#: So many turns come before: Java's compilers take their time.
WARM_UP = 2
SETTINGS = {"spark.master": "local[2]", "spark.ui.enabled": "false"}

_COLUMNS = [
    "id",
    "CAST(id % 1000 AS DOUBLE) AS fare",
    "CONCAT('s', id % 97) AS status",
    "DATE_ADD(DATE'2020-01-01', CAST(id % 365 AS INT)) AS day",
    *(f"CAST(id * 7919 % {100 + n} AS INT) AS c{n}" for n in range(8)),
]
#: What holds for all rows, and what is counted of some.
CHECKS: list[dict[str, Any]] = [
    {"check": "fare >= 0 AND fare < 100000"},
    {"not_null": ["status"]},
    {"not_null": ["day"], "on_fail": "warn"},
    {"between": {"id": [0, ROWS]}},
    {"between": {"fare": [0, 998]}, "on_fail": "drop"},
    *({"between": {f"c{n}": [0, 1000]}} for n in range(8)),
    *({"check": f"c{n} + c{n + 1} < 2000", "on_fail": "warn"} for n in range(7)),
]
#: So many would be too much for one method, which Java would not compile.
MANY = [{"between": {f"c{n % 8}": [-1 - n, 1000]}, "name": f"range {n}"} for n in range(60)]


def ways(spark: SparkSession, folder: Path) -> dict[str, Callable[[], object]]:
    """Return the work by name of the way in which it is done."""
    from pyspark.sql import functions as F

    from sparkpipe.io import DataCatalog
    from sparkpipe.spark.session import SparkProvider, activated

    frame = spark.read.parquet(f"{folder}/source")
    entry = {"type": "spark.DeltaTableDataSet", "filepath": f"{folder}/table"}

    def save(checks: list[dict[str, Any]]) -> None:
        config = {**entry, "checks": checks} if checks else entry
        with activated(SparkProvider(session=spark)):
            DataCatalog.from_config({"table": config}).save("table", frame)

    def second_pass() -> None:
        save([])
        written = spark.read.format("delta").load(f"{folder}/table")
        bad = [f"NOT ({sql})" for sql in _as_sql()]
        written.agg(*[F.sum(F.when(F.expr(one), 1)) for one in bad]).collect()

    made: dict[str, Callable[[], object]] = {
        "0": lambda: save([]),
        "5": lambda: save(CHECKS[:5]),
        "20": lambda: save(CHECKS),
        "60": lambda: save(MANY),
        "second pass": second_pass,
    }
    if find_spec("pandera") is not None:
        made["pandera"] = lambda: (_pandera().validate(frame).pandera.errors, save([]))
    if DQX_PACKAGES:
        made["DQX"] = lambda: _write(_dqx(frame), f"{folder}/table")
    return made


def _write(frame: DataFrame, path: str) -> None:
    frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(path)


def _as_sql() -> list[str]:
    told = []
    for one in CHECKS:
        if "check" in one:
            told.append(one["check"])
        elif "not_null" in one:
            told.append(f"{one['not_null'][0]} IS NOT NULL")
        else:
            ((name, (low, high)),) = one["between"].items()
            told.append(f"{name} BETWEEN {low} AND {high}")
    return told


def _pandera() -> Any:
    """Return a schema of pandera with 17 of the checks: it has no expressions of two columns."""
    import pandera.pyspark as pa
    from pyspark.sql import types as T

    bounds = {name: pair for one in CHECKS for name, pair in one.get("between", {}).items()}
    kinds = {"id": T.LongType(), "fare": T.DoubleType(), "status": T.StringType()}
    kinds |= {"day": T.DateType(), **{f"c{n}": T.IntegerType() for n in range(8)}}
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                kind,
                [pa.Check.ge(bounds[name][0]), pa.Check.le(bounds[name][1])]
                if name in bounds
                else [],
                nullable=name not in ("status", "day"),
            )
            for name, kind in kinds.items()
        }
    )


def _dqx(frame: DataFrame) -> DataFrame:
    """Return the frame as DQX judges it by the 20 checks, with its columns of results."""
    from databricks.labs.dqx import check_funcs
    from databricks.labs.dqx.engine import DQEngine
    from databricks.labs.dqx.rule import DQRowRule

    def rule(one: dict[str, Any]) -> Any:
        level = "warn" if one.get("on_fail") == "warn" else "error"
        if "check" in one:
            told = {"expression": one["check"]}
            return DQRowRule(
                criticality=level, check_func=check_funcs.sql_expression, check_func_kwargs=told
            )
        if "not_null" in one:
            (name,) = one["not_null"]
            return DQRowRule(criticality=level, check_func=check_funcs.is_not_null, column=name)
        ((name, (low, high)),) = one["between"].items()
        return DQRowRule(
            criticality=level,
            check_func=check_funcs.is_in_range,
            column=name,
            check_func_kwargs={"min_limit": low, "max_limit": high},
        )

    # It wants a workspace, of which it asks only whether it is there.
    engine = DQEngine(MagicMock(), frame.sparkSession)
    judged = engine.apply_checks(frame, [rule(one) for one in CHECKS])
    assert not isinstance(judged, tuple)
    return judged


@contextmanager
def prepared(folder: str) -> Iterator[Answer]:
    from sparkpipe.spark.session import SparkProvider

    if DQX_PACKAGES:
        sys.path.append(DQX_PACKAGES)  # behind our own, which both share
    logging.disable(logging.WARNING)
    spark = SparkProvider(SETTINGS, log_file=Path(folder, "spark.log")).get()
    spark.range(ROWS).selectExpr(*_COLUMNS).write.parquet(f"{folder}/source")
    work = ways(spark, Path(folder))

    def answer(way: str) -> Any:
        if way == "ways":
            return [*work]
        started = time.perf_counter()
        work[way]()
        return time.perf_counter() - started

    yield answer
    spark.stop()


def run(report: Report) -> None:
    report.title(f"Checks on the write of {ROWS:,} rows to Delta; medians of {TURNS}, two cores")
    with (
        tempfile.TemporaryDirectory() as folder,
        Child("tests.benchmarks.checks", folder, log=Path(folder, "child.log")) as child,
    ):
        names = child.ask("ways")
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(WARM_UP + TURNS):
            first = turn % len(names)
            for name in (*names[first:], *names[:first]):
                taken = child.ask(name)
                if turn >= WARM_UP:
                    seconds[name].append(taken)
    of = {name: median(taken) for name, taken in seconds.items()}
    report.line("no checks", of["0"], "s")
    report.line("5 checks, in times of none", of["5"] / of["0"], "x", limit=1.1)
    report.line("20 checks, in times of none", of["20"] / of["0"], "x", limit=1.1)
    report.line("60 ranges, in times of none", of["60"] / of["0"], "x", limit=1.5)
    report.line("a second pass by hand", of["second pass"] / of["0"], "x")
    if "pandera" in of:
        report.line("pandera before the write", of["pandera"] / of["0"], "x")
    else:
        print("pandera is not installed: no comparison.")
    if "DQX" in of:
        report.line("DQX on the way to the write", of["DQX"] / of["0"], "x")
    else:
        print("DQX is not installed: no comparison.")


if __name__ == "__main__":
    serve(prepared(*sys.argv[1:]))
