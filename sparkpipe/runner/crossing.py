"""What can go to another process, and why something cannot."""

from __future__ import annotations

import pickle
import sys
from typing import Any

from sparkpipe.errors import SparkpipeError
from sparkpipe.io import MemoryDataSet
from sparkpipe.io.declared import is_memory_only, is_single_process
from sparkpipe.io.messages import as_shown
from sparkpipe.io.reasons import text_of
from sparkpipe.pipeline.node import Node
from sparkpipe.spark.traces import find_spark, kind_of_spark
from sparkpipe.sql import SqlQuery


class HoldsSparkError(SparkpipeError):
    """A Spark object was met while pickling; Spark's own error would mislead."""


class Pickler(pickle.Pickler):
    """Pickles for another process.

    Raises:
        HoldsSparkError: From ``dump``, at a Spark object.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)

    def reducer_override(self, thing: Any) -> Any:
        """Refuse Spark objects; pickle everything else as usual."""
        kind = kind_of_spark(thing)
        if kind:
            raise HoldsSparkError(f"it holds a {kind}")
        return NotImplemented


class _Nowhere:
    """A file for pickling that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def why_thing_stays(thing: Any) -> str:
    """Say why an object cannot be passed to another process; nothing if it can."""
    # A search that tells the name comes first; it does not look everywhere.
    found = find_spark(thing)
    if found:
        return found
    try:
        Pickler(_Nowhere()).dump(thing)
    except HoldsSparkError as exc:
        return exc.message
    except Exception as exc:  # pickling raises whatever an object's own methods raise
        return f"it cannot be pickled ({exc})"
    return ""


def why_node_stays(node: Node) -> str:
    """Say why the function of a node cannot be called in another process."""
    if isinstance(node.func, SqlQuery) and node.func.engine == "spark":
        return "its query runs on Spark"
    found = find_spark(node.func)
    if found:
        return found
    # Another process finds a function by importing its module.
    name = str(getattr(node.func, "__qualname__", ""))
    if "<lambda>" in name or "<locals>" in name:
        return f"its function {name} is a lambda or defined inside another one"
    at_prompt = not hasattr(sys.modules["__main__"], "__file__")
    if getattr(node.func, "__module__", None) == "__main__" and at_prompt:
        return "its function was defined at a prompt or in a notebook"
    return why_thing_stays(node)


def why_data_set_stays(data_set: Any) -> str:
    """Say why a data set cannot be used in another process; what one in memory holds may be."""
    if is_single_process(data_set):
        return "it belongs to Spark"
    if isinstance(as_shown(data_set), MemoryDataSet):
        return find_spark(data_set._data)
    if is_memory_only(data_set):
        return "what it holds ends with its process"
    stays = why_thing_stays(data_set)
    if stays or type(data_set).__module__.startswith("sparkpipe."):
        return stays
    try:
        # The worker would fail with all its nodes, and not tell at which data set.
        pickle.loads(pickle.dumps(data_set))
    except Exception as exc:
        return f"what is pickled of it cannot be read again ({text_of(exc)})"
    return ""
