"""The Java traces that pyspark logs: not within runs, which tell a failure themselves."""

from __future__ import annotations

import logging

from sparkpipe.spark.jobs.run import current_run

#: pyspark sends the Java trace of a failed query to these, as one line of JSON.
TRACE_LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")


def leave_out_of_runs() -> None:
    """Let nothing of these loggers through within a run; all else is as pyspark has it."""
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:  # before Spark 4.0 there were none
        return
    for name in TRACE_LOGGERS:
        logger: logging.Logger = PySparkLogger.getLogger(name)
        if not isinstance(logger, PySparkLogger):
            # A command has silenced it before there was pyspark, whose loggers take more than
            # others. Were it let speak again, as dictConfig does, its TypeError would hide errors.
            logger.__class__ = PySparkLogger
        logger.addFilter(_is_outside_of_runs)


def _is_outside_of_runs(record: logging.LogRecord) -> bool:
    return current_run() is None
