"""Frames without rows: saved in partitions they leave no file, of JSON an empty one: no schema."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.spark.failures.chain import error_condition
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Spark takes what begins so for none of the data.
_SCHEMA = "_sparkpipe_schema.json"


def keep_schema(folder: Path, frame: DataFrame) -> None:
    """Note the schema of a frame of which Spark has written no file, or empty ones only.

    Args:
        folder: Where it was written.
        frame: The frame.
    """
    for inside, folders, names in os.walk(folder):
        data = [name for name in names if not name.startswith(("_", "."))]
        if any(Path(inside, name).stat().st_size for name in data):
            return
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _SCHEMA).write_text(frame.schema.json(), encoding="utf-8")


def empty_frame(folder: Path | None) -> DataFrame | None:
    """Return the frame without rows that was saved in a folder; None if there is none."""
    path = folder and folder / _SCHEMA
    if not path or not path.is_file():
        return None
    from pyspark.sql.types import StructType

    schema: Any = StructType.fromJson(_json(path))
    return get_spark().createDataFrame([], schema)


def _json(path: Path) -> Any:
    import json

    return json.loads(path.read_text(encoding="utf-8"))


def has_no_files(exc: Exception) -> bool:
    """Return whether Spark failed as it has found no file that would tell it the schema."""
    return error_condition(exc).startswith("UNABLE_TO_INFER_SCHEMA") or (
        "UNABLE_TO_INFER_SCHEMA" in str(exc) or "Unable to infer schema" in str(exc)
    )


def no_files(address: str) -> DataSetError:
    """Return what is told where a folder has no file that would tell its schema."""
    return DataSetError(
        f"there are no data files in {address}: a frame without rows that is saved by partitionBy "
        "leaves none.",
        hint="Give load_args: {schema: ...}, or use Delta, which keeps it.",
    )
