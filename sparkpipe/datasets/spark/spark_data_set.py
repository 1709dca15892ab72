"""Files that Spark reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from sparkpipe.datasets.spark.options import format_problems, mode_problems, option_problems
from sparkpipe.datasets.spark.paths import (
    is_glob,
    is_set_aside,
    local_path,
    recover,
    replacing_folder,
    spark_path,
)
from sparkpipe.datasets.spark.schema import read_schema, schema_problems
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import AbstractDataSet, is_spark_frame, reason_of
from sparkpipe.io.importing import install_hint
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PARTITION_OVERWRITE = "spark.sql.sources.partitionOverwriteMode"


class SparkDataSet(AbstractDataSet):
    """Files as a Spark DataFrame, loaded lazily.

    On local disk an overwrite puts the new files in place when all are written, so a save that
    fails leaves the old ones, and a frame may be written to where it was read from.

    Args:
        filepath: A path, or an address that Spark knows (``s3a://``, ``abfss://``, ``dbfs:/``).
        file_format: ``parquet``, ``csv``, ``json``, ``orc``, ``delta``, or any that Spark has.
        load_args: Options of the format's reader. ``schema`` is DDL (``"a INT, b STRING"``), a
            mapping of column to type, the JSON form of a StructType, or
            ``{filepath: schema.json}``.
        save_args: ``mode`` (``overwrite``, ``append``, ``ignore``, ``error``), ``partitionBy``,
            and options of the format's writer.
        credentials: For reading a schema file; Spark reads data with its own.
        metadata: Kept for other tools.
    """

    _SINGLE_PROCESS = True
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"mode": "overwrite"}

    def __init__(
        self,
        filepath: str,
        file_format: str = "parquet",
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if not str(filepath).strip():
            raise DataSetError("filepath is empty.")
        self._filepath = str(filepath)
        self._file_format = str(file_format)
        self._load_args = dict(load_args or {})
        self._save_args = {**self.DEFAULT_SAVE_ARGS, **(save_args or {})}
        self._schema = self._load_args.pop("schema", None)
        self._credentials = dict(credentials or {})
        self.metadata = metadata

    def _load(self) -> DataFrame:
        self._recover()
        missing = self._missing()
        if missing:
            raise DataSetError(missing)
        reader = get_spark().read.format(self._file_format).options(**self._load_args)
        if self._schema is not None:
            reader = reader.schema(read_schema(self._schema, self._credentials))
        return reader.load(spark_path(self._filepath))

    def _save(self, data: DataFrame) -> None:
        if not is_spark_frame(data):
            raise DataSetError(
                f"a Spark DataFrame is needed, not {type(data).__module__.partition('.')[0]}'s "
                f"{type(data).__name__}.",
                hint="Make one by spark.createDataFrame(data), or use a data set of pandas.",
            )
        target = local_path(self._filepath)
        if target is not None and self._replaces_all(data):
            with replacing_folder(target) as staging:
                self._write(data, staging.as_posix())
            # Spark knows nothing of the swap: a cached frame of this path would show the old data.
            data.sparkSession.catalog.refreshByPath(target.as_posix())
        else:
            self._write(data, spark_path(self._filepath))

    def _replaces_all(self, data: DataFrame) -> bool:
        """Whether a save replaces all files; Delta does this itself, better."""
        options = {key.lower(): str(value).lower() for key, value in self._save_args.items()}
        if self._file_format.lower() == "delta" or options.get("mode") != "overwrite":
            return False
        how = options.get("partitionoverwritemode")
        if how is None and self._save_args.get("partitionBy"):
            how = data.sparkSession.conf.get(_PARTITION_OVERWRITE)
        return str(how).lower() != "dynamic"

    def _write(self, data: DataFrame, path: str) -> None:
        data.write.save(path, self._file_format, **self._save_args)

    def _exists(self) -> bool:
        local = local_path(self._filepath)
        if local is not None and not is_glob(self._filepath):
            self._recover()
            return not self._missing()
        try:
            get_spark().read.format(self._file_format).load(self._filepath)
        except Exception as exc:
            condition = getattr(exc, "getCondition", lambda: "")() or ""
            if condition.startswith(("PATH_NOT_FOUND", "DELTA_")) or "not exist" in reason_of(exc):
                return False
            raise
        return True

    def _recover(self) -> None:
        local = local_path(self._filepath)
        if local is not None and not is_glob(self._filepath):
            recover(local)

    def _missing(self) -> str:
        local = local_path(self._filepath)
        if local is None or is_glob(self._filepath):
            return ""
        if not local.exists() and not is_set_aside(local):
            return f"the file does not exist: {local}"
        if self._file_format.lower() == "delta" and not (local / "_delta_log").is_dir():
            return f"there is no Delta table in {local} (no _delta_log)"
        return ""

    def _problems(self) -> list[str]:
        for module in ("pyspark", *(("delta",) if self._file_format.lower() == "delta" else ())):
            if find_spec(module) is None:
                return [f"the package {module} is not installed. {install_hint(module)}"]
        problems = format_problems(self._file_format)
        problems += mode_problems(self._save_args["mode"])
        problems += option_problems("load_args", self._file_format, self._load_args)
        problems += option_problems("save_args", self._file_format, self._save_args)
        if self._schema is not None:
            problems += schema_problems(self._schema)
        return problems

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "file_format": self._file_format,
            "load_args": self._load_args or None,
            "save_args": self._save_args,
        }


SparkDataset = SparkDataSet
