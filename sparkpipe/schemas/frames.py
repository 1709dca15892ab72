"""The schema that a frame has: of Spark, pandas or Arrow; nothing is computed to tell."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from sparkpipe.io.kinds import is_pandas_frame, is_pandas_on_spark, is_spark_frame
from sparkpipe.schemas.comparing import fits
from sparkpipe.schemas.model import Column, DataType, Schema
from sparkpipe.schemas.reading import read_schema

_SAME = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
}
# By the names of NumPy and of pandas' own types.
_PANDAS = {
    **_SAME,
    "float16": "float",
    "float32": "float",
    "float64": "double",
    "str": "string",
}
_ARROW = {
    **_SAME,
    "halffloat": "float",
    "float": "float",
    "double": "double",
    "date32[day]": "date",
    "date64[ms]": "date",
    "null": "void",
}
# What pandas' inference says of columns of objects.
_OBJECTS = {
    "string": "string",
    "bytes": "binary",
    "boolean": "boolean",
    "integer": "bigint",
    "floating": "double",
    "date": "date",
    "datetime": "timestamp_ntz",
    "empty": "void",
    "datetime64": "timestamp_ntz",
    "time": "time",
}
_MOST_VALUES = 1000


def schema_of(data: Any) -> Schema | None:
    """Return the schema of a frame; None for what is no frame of Spark, pandas or Arrow.

    Args:
        data: A frame. One of Spark, classic or Connect, is only analysed, and no job starts.
    """
    if is_spark_frame(data):
        return read_schema(data.schema) if data.columns else Schema(())
    if is_pandas_on_spark(data) and hasattr(data, "to_spark"):
        return schema_of(data.to_spark())
    if is_pandas_frame(data):
        return Schema(tuple(_of_series(str(name), part) for name, part in data.items()))
    if _is_arrow(data):
        return _of_arrow(data)
    return None


def _is_arrow(data: Any) -> bool:
    arrow = sys.modules.get("pyarrow")
    return arrow is not None and isinstance(data, arrow.Table)


def fits_outside_of_spark(wanted: DataType, found: DataType) -> bool:
    """Whether values of pandas or Arrow are those of a type: pandas has fewer types than Spark.

    >>> from sparkpipe.schemas.ddl import parse_type
    >>> fits_outside_of_spark(parse_type("timestamp"), parse_type("timestamp_ntz"))
    True
    """
    if wanted.name == found.name == "decimal":
        whole = wanted.args[0] - wanted.args[1]
        return found.args[1] <= wanted.args[1] and found.args[0] - found.args[1] <= whole
    times = ("timestamp", "timestamp_ntz")
    return fits(wanted, found) or (wanted.name in times and found.name in times)


def _of_series(name: str, series: Any) -> Column:
    dtype = series.dtype
    kind = getattr(dtype, "kind", "")
    told = str(getattr(dtype, "name", dtype))
    if told == "category":
        return _of_series(name, dtype.categories.to_series())
    if hasattr(dtype, "pyarrow_dtype"):
        found = _type_of_arrow(dtype.pyarrow_dtype)
    elif told.startswith(("string", "str")):
        found = DataType("string")
    elif kind == "M":
        found = DataType("timestamp" if getattr(dtype, "tz", None) else "timestamp_ntz")
    elif kind == "m":
        found = DataType("interval day to second")
    elif told == "object":
        found = _of_objects(series)
    else:
        found = DataType(_PANDAS.get(told.lower(), told.lower()))
    return Column(name, found, nullable=bool(series.isna().any()))


def _of_objects(series: Any) -> DataType:
    import pandas as pd

    inferred = pd.api.types.infer_dtype(series, skipna=True)
    if inferred in _OBJECTS:
        return DataType(_OBJECTS[inferred])
    try:
        import pyarrow

        sample = series.dropna()
        if inferred != "decimal":  # of which each may have other digits
            sample = sample.head(_MOST_VALUES)
        return _type_of_arrow(pyarrow.array(sample))
    except (ImportError, ValueError, TypeError):  # values that have no type in common
        return DataType(inferred)


def _of_arrow(table: Any) -> Schema:
    return Schema(
        tuple(
            Column(
                one.name, _type_of_arrow(one.type), values.null_count > 0, **_noted(one.metadata)
            )
            for one, values in zip(table.schema, table.columns, strict=True)
        )
    )


def _noted(metadata: Any) -> Mapping[str, Any]:
    told = (metadata or {}).get(b"comment")
    return {"comment": told.decode()} if told else {}


def _type_of_arrow(given: Any) -> DataType:
    import pyarrow.types as kinds

    found = getattr(given, "type", given)  # of an array
    if kinds.is_decimal(found):
        return DataType("decimal", (found.precision, found.scale))
    if kinds.is_timestamp(found):
        return DataType("timestamp" if found.tz else "timestamp_ntz")
    if kinds.is_dictionary(found):
        return _type_of_arrow(found.value_type)
    if kinds.is_struct(found):
        fields = [found.field(place) for place in range(found.num_fields)]
        return DataType(
            "struct", fields=tuple(Column(one.name, _type_of_arrow(one.type)) for one in fields)
        )
    if kinds.is_map(found):
        return DataType(
            "map", items=(_type_of_arrow(found.key_type), _type_of_arrow(found.item_type))
        )
    if hasattr(found, "value_type"):
        return DataType("array", items=(_type_of_arrow(found.value_type),))
    texts = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    name = str(found)
    if name in texts or name.startswith("fixed_size_binary"):
        return DataType("string" if "string" in name else "binary")
    if name.startswith("duration"):
        return DataType("interval day to second")
    return DataType("time" if name.startswith("time") else _ARROW.get(name, name))
