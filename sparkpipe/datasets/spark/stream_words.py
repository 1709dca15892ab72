"""The words of an entry for a stream of Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.datasets.spark.options import in_known_case
from sparkpipe.errors import DataSetError, did_you_mean

OUTPUT_MODES = ("append", "complete", "update")
TRIGGERS = ("availableNow", "once", "processingTime", "continuous", "realTime")
#: After these a query ends by itself.
ENDS = ("availableNow", "once")

READER = (
    *("maxFilesPerTrigger", "maxBytesPerTrigger", "latestFirst", "maxFileAge", "fileNameOnly"),
    *("cleanSource", "sourceArchiveDir", "maxCachedFiles", "skipChangeCommits", "excludeRegex"),
    *("failOnDataLoss", "schemaTrackingLocation", "withEventTimeOrder"),
)
WRITER = ("checkpoint", "output_mode", "trigger", "partitionBy", "queryName", "retention")
#: Options of a query, not of what writes a batch of it.
OF_QUERY = ("checkpointLocation", "queryName", "retention")
OF_STREAM = ("checkpoint", "output_mode", "trigger", *OF_QUERY)
FORMATS = ("kafka", "rate", "socket", "console", "memory", "noop", "kinesis", "pubsub")


def in_our_words(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with ours in one spelling; Spark's own words for them mean the same.

    >>> in_our_words({"outputMode": "complete", "checkpointLocation": "c"})
    {'output_mode': 'complete', 'checkpoint': 'c'}
    """
    words = {"outputmode": "output_mode", "checkpointlocation": "checkpoint"}
    renamed = {words.get(str(name).lower(), name): value for name, value in options.items()}
    if len(renamed) < len(options):
        raise DataSetError("save_args: an option is given twice, in two spellings.")
    return in_known_case(renamed, (*WRITER, "userMetadata"))


def trigger_of(given: Any) -> dict[str, Any]:
    """Return a trigger as the argument of ``DataStreamWriter.trigger``.

    >>> trigger_of("once"), trigger_of({"processingTime": "10 seconds"})
    ({'once': True}, {'processingTime': '10 seconds'})
    """
    named = {given: True} if isinstance(given, str) else given
    if not isinstance(named, Mapping) or len(named) != 1:
        raise DataSetError(
            f"save_args: {given!r} is no trigger.",
            hint="Give availableNow, once, or {processingTime: 10 seconds}.",
        )
    ((name, value),) = named.items()
    if name not in TRIGGERS:
        hint = did_you_mean(str(name), TRIGGERS) or f"It is one of {', '.join(TRIGGERS)}."
        raise DataSetError(f"save_args: trigger '{name}' is not known. {hint}")
    if name not in ENDS and not isinstance(value, str):
        raise DataSetError(
            f"save_args: trigger '{name}' needs a time.",
            hint=f"For example {{{name}: 10 seconds}}.",
        )
    return {name: value}
