"""Whether a failure in a rehearsal would be one of a run, or comes of there being no rows."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from sparkpipe.checks.checked import checked_in
from sparkpipe.checks.problems import find_frame_problems
from sparkpipe.datasets.spark.creation import Creation
from sparkpipe.datasets.spark.merging.words import Merge
from sparkpipe.errors import PipelineError
from sparkpipe.io import foreign
from sparkpipe.io.declared import unwrapped
from sparkpipe.io.kinds import is_pandas_frame, is_spark_frame
from sparkpipe.schemas import Schema
from sparkpipe.schemas.formats import format_problems
from sparkpipe.schemas.policy import SchemaError
from sparkpipe.spark.failures.judging import causes_of

# Raised whatever the data is.
_OF_CODE = (ImportError, NameError, NotImplementedError, PipelineError, SchemaError, SyntaxError)
# Where pandas looks up columns.
_LOOKUPS = ("pandas/core/frame.py", "pandas/core/generic.py", "pandas/core/groupby/grouper.py")


def is_wrong(exc: BaseException) -> bool:
    """Whether a node that has raised this would fail on any data of the same schemas.

    Args:
        exc: What it has raised on data without rows.
    """
    return any(map(_tells_of_code, causes_of(exc)))


def _tells_of_code(exc: BaseException) -> bool:
    if isinstance(exc, UnboundLocalError):  # a name that a loop over rows would have set
        return False
    if isinstance(exc, (*_OF_CODE, *_of_analysis())):
        return True
    if isinstance(exc, AttributeError):
        owner = getattr(exc, "obj", None)
        return type(exc).__name__ == "PySparkAttributeError" or _is_frame(owner)
    if isinstance(exc, KeyError):
        files = [frame.filename for frame in traceback.extract_tb(exc.__traceback__)]
        return any(name.replace("\\", "/").endswith(_LOOKUPS) for name in files)
    return False


def _of_analysis() -> tuple[type[BaseException], ...]:
    names = {
        "pyspark.errors": ("AnalysisException",),
        "duckdb": ("BinderException", "CatalogException", "ParserException"),
    }
    found = [getattr(sys.modules.get(m), name, None) for m, one in names.items() for name in one]
    return tuple(one for one in found if isinstance(one, type))


def _is_frame(value: Any) -> bool:
    return is_spark_frame(value) or is_pandas_frame(value)


def has_no_rows(value: Any, *, looks: bool) -> bool:
    """Whether data is a frame without rows, or has one among its parts.

    Args:
        value: The data.
        looks: Have Spark look; else all of its frames are taken for such.
    """
    if is_spark_frame(value):
        return bool(value.isEmpty()) if looks else True
    if is_pandas_frame(value):
        return len(value) == 0
    return isinstance(value, dict) and any(
        callable(part) or (_is_frame(part) and has_no_rows(part, looks=looks))
        for part in value.values()
    )


def find_unsavable(found: Schema, data_set: Any, data: Any) -> str:
    """Say why a data set could not save a frame; empty if it may.

    Args:
        found: The schema of the frame.
        data_set: The data set.
        data: The frame.
    """
    inner = unwrapped(data_set)
    # Of a column of objects without rows pandas cannot tell what it holds.
    told = tuple(one for one in found.columns if one.type.name != "void")
    problems = format_problems(Schema(told), inner)
    checked = checked_in(data_set)
    if checked is not None and _is_frame(data):
        problems += find_frame_problems(checked.checks, data)
    known = {name.casefold() for name in found.names}
    for what, names in _needed_by(inner):
        lacking = [name for name in names if str(name).casefold() not in known]
        problems += [
            f"it is {what} '{name}', and the data has no such column: {', '.join(found.names)}."
            for name in lacking
        ]
    return " ".join(problems).removeprefix("schema: ")


def _needed_by(data_set: Any) -> Iterator[tuple[str, Sequence[str]]]:
    """Give the columns that a save to Spark needs, with what it does by them."""
    options = foreign.attribute(data_set, "_save_args")
    given = options.get("partitionBy") if isinstance(options, dict) else None
    yield "partitioned by", _listed(given or foreign.attribute(data_set, "_partition_columns"))
    merge = foreign.attribute(data_set, "_merge")
    if isinstance(merge, Merge):
        sequence = [merge.sequence_by] if merge.sequence_by else []
        yield "merged by", (*merge.keys, *sequence, *merge.columns)
    creation = foreign.attribute(data_set, "_creation")
    if isinstance(creation, Creation):
        filled = creation.filled
        by = (*creation.partition_by, *creation.cluster_by)
        yield "laid out by", [name for name in by if name.lower() not in filled]


def _listed(given: Any) -> Sequence[str]:
    return [given] if isinstance(given, str) else given if isinstance(given, list) else []
