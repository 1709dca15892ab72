"""Small samples of data, kept with the tests: written by ``sparkpipe sample``, read by tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sparkpipe.errors import ConfigError
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import is_spark_frame

#: The file that says what each sample is.
CATALOG = "catalog.yml"

_BINARY = "could not be kept in a text file without loss"


class Sample(NamedTuple):
    """A sample as it will be kept.

    Attributes:
        entry: Its entry in the catalog of the samples, but for its path.
        file: The name of its file.
        write: Writes it to a path.
        rows: How many rows it has; None for what has none.
    """

    entry: dict[str, Any]
    file: str
    write: Callable[[Path], object]
    rows: int | None


def load_samples(folder: str | Path) -> DataCatalog:
    """Return the samples in a folder as a catalog, to be given to ``run_pipeline``.

    Args:
        folder: What was given to ``sparkpipe sample --to``.

    Raises:
        ConfigError: There are no samples there.
    """
    from sparkpipe.config import read_file

    file = Path(folder).resolve() / CATALOG
    if not file.is_file():
        raise ConfigError(
            f"There are no samples in {folder}: it has no {CATALOG}.",
            hint="Make some: sparkpipe sample --to tests/data",
        )
    entries, _ = read_file(file, str(file))
    placed = {
        name: {**entry, "filepath": (file.parent / entry["filepath"]).as_posix()}
        for name, entry in entries.items()
    }
    return DataCatalog.from_config(placed)


def take_sample(name: str, data: Any, *, rows: int, fraction: float | None, seed: int) -> Sample:
    """Return a sample of data, in a form that can be read and compared where that loses nothing.

    Args:
        name: The name of the data set.
        data: What was loaded.
        rows: How many rows at most.
        fraction: Take this share of the rows by chance instead of the first ones.
        seed: For the same choice each time.

    Raises:
        ConfigError: No sample can be taken of such data.
    """
    if is_spark_frame(data):
        return _of_spark(name, data, rows, fraction, seed)
    if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "to_csv"):
        return _of_pandas(name, data, rows, fraction, seed)
    if isinstance(data, str):
        entry = {"type": "text.TextDataSet"}
        return Sample(entry, f"{name}.txt", lambda path: path.write_text(data, "utf-8"), None)
    return _of_values(name, data, rows)


def _of_spark(name: str, data: Any, rows: int, fraction: float | None, seed: int) -> Sample:
    from pyspark.sql import functions as F

    if data.isStreaming:
        raise ConfigError(f"'{name}' is a stream.", hint="Sample what it reads.")
    if not hasattr(data, "toArrow"):
        raise ConfigError(
            f"'{name}' is a frame of Spark 3.5, of which no sample can be taken.",
            hint="Spark 4.0 or newer can.",
        )
    chosen = data.sample(fraction=fraction, seed=seed) if fraction is not None else data
    # Taken once: what is read again might differ.
    found = chosen.limit(rows).toArrow()
    taken = data.sparkSession.createDataFrame(found, data.schema)
    options = {"ignoreNullFields": "false", "timestampFormat": _MICROSECONDS}
    texts = [row[0] for row in taken.select(F.to_json(F.struct("*"), options)).collect()]
    schema = ", ".join(
        f"`{field.name.replace('`', '``')}` {field.dataType.simpleString()}"
        for field in data.schema.fields
    )
    del taken
    load_args = {"schema": schema, "timestampFormat": _MICROSECONDS}
    entry = {"type": "spark.SparkDataSet", "file_format": "json", "load_args": load_args}
    text = "".join(f"{line}\n" for line in texts)
    if _is_same_in_json(data, found, text, load_args):
        return Sample(
            entry, f"{name}.json", lambda path: path.write_text(text, "utf-8"), found.num_rows
        )
    import pyarrow.parquet as pq

    entry = {"type": "spark.SparkDataSet", "file_format": "parquet"}
    return Sample(
        entry, f"{name}.parquet", lambda path: pq.write_table(found, path), found.num_rows
    )


#: Spark itself would write milliseconds.
_MICROSECONDS = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"


def _is_same_in_json(data: Any, found: Any, text: str, load_args: Mapping[str, str]) -> bool:
    """Whether what was written as JSON is read as what it was."""
    import tempfile

    from pyspark.errors import PySparkException

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sample.json")
        path.write_text(text, encoding="utf-8")
        try:
            read = data.sparkSession.read.options(timestampFormat=_MICROSECONDS)
            again = read.schema(load_args["schema"]).json(path.as_uri()).toArrow()
        except PySparkException:  # a type that JSON does not have; or the files are elsewhere
            return False
    return bool(again.cast(found.schema).equals(found)) if again.num_rows else not found.num_rows


def _of_pandas(name: str, data: Any, rows: int, fraction: float | None, seed: int) -> Sample:
    import io

    import pandas as pd

    chosen = data.sample(frac=fraction, random_state=seed) if fraction is not None else data
    taken = chosen.head(rows)
    frame = pd.DataFrame(taken).reset_index(drop=data.index.name is None)
    text = frame.to_csv(index=False)
    try:
        again = pd.read_csv(io.StringIO(text))
        is_same = again.equals(frame) and [*again.dtypes] == [*frame.dtypes]
    except (ValueError, pd.errors.ParserError):
        is_same = False
    if is_same:
        entry: dict[str, Any] = {"type": "pandas.CSVDataSet"}
        return Sample(entry, f"{name}.csv", lambda path: path.write_text(text, "utf-8"), len(frame))
    entry = {"type": "pandas.ParquetDataSet"}
    return Sample(entry, f"{name}.parquet", lambda path: frame.to_parquet(path), len(frame))


def _of_values(name: str, data: Any, rows: int) -> Sample:
    taken = data[:rows] if isinstance(data, list) else data
    try:
        text = json.dumps(taken, indent=2, ensure_ascii=False)
        is_same = json.loads(text) == taken
    except (TypeError, ValueError):
        is_same = False
    if not is_same:
        raise ConfigError(
            f"No sample can be taken of '{name}': it is {_a(type(data).__name__)}.",
            hint="Give it to the test by code: run_pipeline(..., inputs={...}).",
        )
    count = len(taken) if isinstance(taken, list) else None
    return Sample(
        {"type": "json.JSONDataSet"},
        f"{name}.json",
        lambda path: path.write_text(f"{text}\n", "utf-8"),
        count,
    )


def _a(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
