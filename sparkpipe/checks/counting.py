"""How the rows of a Spark frame are counted as they go by, by no job of their own."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from sparkpipe.checks.on_spark import Flagged, counts_of, functions_for
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.jobs.plans import is_computed_by_optimizer

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_logger = logging.getLogger(__name__)

# Spark tells of the end of a query a moment after the thread that waits for it.
_LATE_SECONDS = 2.0
_STEP_SECONDS = 0.01


class Observed:
    """Counts rows by observed metrics, which each kind of session has.

    Args:
        session: The session of the frame.
    """

    def __init__(self, session: Any) -> None:
        self._is_connect = is_connect(session)
        self._observation = _observation(session)

    def on(self, frame: DataFrame, bad: Mapping[str, Column]) -> DataFrame:
        """Return a frame whose rows are counted as they go by.

        Args:
            frame: The frame.
            bad: Columns that are true where a row does not pass, by the names of their counts.
        """
        return frame.observe(self._observation, *counts_of(frame, bad))

    def told(self) -> dict[str, Any] | None:
        """Return the counts once the frame was written; that of all rows is ``rows``.

        None where Spark does not tell them, for which one could wait long.

        Spark tells nothing of an overwrite of a Delta table by its name, nor of what its optimizer
        knows to have no rows.
        """
        seen = self._observation
        if self._is_connect:
            is_told = getattr(seen, "_result", None) is not None
            return (dict(seen.get) or None) if is_told else None
        try:
            told = seen._jo.future()
        except Exception:  # Spark 3.5 waits itself, and a JVM may be guarded
            return dict(seen.get)
        ends = time.monotonic() + _LATE_SECONDS
        while not told.isCompleted():
            if time.monotonic() > ends:
                return None
            time.sleep(_STEP_SECONDS)
        is_empty = told.value().get().get().length() == 0
        return None if is_empty else dict(seen.get)


class Summed:
    """Counts rows by an expression of Delta's, with which its own commands count theirs.

    To observe is a step of its own, for which each row is put together: a session that does much
    else spends half the time of a write there. This is part of the step that reads the row.

    Args:
        session: The session of the frame, a classic one.

    Raises:
        Exception: There is no Delta, or another one, or the JVM is guarded.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._sums: dict[str, Any] = {}
        self._each_row = self._adding("rows")

    def on(self, frame: DataFrame, bad: Mapping[str, Column]) -> DataFrame:
        """Return a frame whose rows are counted as they go by, as that of :class:`Observed`."""
        functions = functions_for(frame)
        counted = self._each_row
        for name, column in bad.items():
            adds = functions.when(column, self._adding(name)).otherwise(functions.lit(True))
            counted = counted & adds
        return frame.where(counted)

    def told(self) -> dict[str, Any]:
        """Return the counts once the frame was written; that of all rows is ``rows``."""
        return {name: int(one.value()) for name, one in self._sums.items()}

    def _adding(self, name: str) -> Column:
        """Return a column that is true, and adds one wherever it is asked for."""
        from pyspark.sql.classic.column import Column

        jvm: Any = self._session._jvm
        sql = jvm.org.apache.spark.sql
        context = self._session.sparkContext._jsc.sc()
        self._sums[name] = sql.execution.metric.SQLMetrics.createMetric(context, name)
        true = sql.catalyst.expressions.Literal.TrueLiteral()
        adding = sql.delta.metric.IncrementMetric(true, self._sums[name])
        return Column(sql.classic.ExpressionUtils.column(adding))


Counter: TypeAlias = Observed | Summed


def counter_for(flagged: Flagged) -> Counter:
    """Return what counts the rows of a frame."""
    session = flagged.frame.sparkSession
    # What functions cost is more, and they are to be called once for each row.
    may_sum = not flagged.calls_functions and not is_connect(session)
    if may_sum and not is_computed_by_optimizer(flagged.frame):
        try:
            return Summed(session)
        except Exception as exc:
            _logger.debug("Rows are counted by observed metrics: %s", exc)
    return Observed(session)


def _observation(session: Any) -> Any:
    name = f"sparkpipe-checks-{os.urandom(8).hex()}"
    if is_connect(session):
        from pyspark.sql.connect.observation import Observation

        return Observation(name)
    from pyspark.sql import Observation as Classic

    return Classic(name)
