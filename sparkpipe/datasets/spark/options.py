"""What Spark accepts, so that a misspelt word, which Spark ignores, is found before it runs.

Source: Spark's SQL data sources guide (pages on CSV, JSON, Parquet, ORC and generic options).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sparkpipe.errors import did_you_mean
from sparkpipe.io.importing import missing_packages
from sparkpipe.spark.session import SparkProvider, current_provider

#: Formats that Spark brings, and those that well-known packages bring.
FORMATS = (
    *("csv", "json", "parquet", "orc", "delta", "text", "xml", "avro", "binaryFile", "libsvm"),
    *("iceberg", "hudi", "bigquery", "mongodb", "snowflake", "redshift", "excel", "sqlserver"),
)

#: Formats whose data is the files in a folder, all of them.
FILE_FORMATS = ("csv", "json", "parquet", "orc", "text", "xml", "avro", "binaryfile", "libsvm")

SAVE_MODES = ("overwrite", "append", "ignore", "error", "errorifexists")

# What DataFrameReader.load and DataFrameWriter.save take beside the options of a format.
_READER = ("schema",)
_WRITER = ("mode", "partitionBy")

_GENERIC = (
    "ignoreCorruptFiles",
    "ignoreMissingFiles",
    "modifiedAfter",
    "modifiedBefore",
    "pathGlobFilter",
    "recursiveFileLookup",
)
_DATES = ("dateFormat", "timestampFormat", "timestampNTZFormat", "timeZone", "locale")
_TEXT = ("encoding", "charset", "lineSep", "compression", "columnNameOfCorruptRecord", "mode")

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "csv": (
        *_DATES,
        *_TEXT,
        *("sep", "delimiter", "quote", "quoteAll", "escape", "escapeQuotes", "comment", "header"),
        *("inferSchema", "preferDate", "enforceSchema", "ignoreLeadingWhiteSpace"),
        *("ignoreTrailingWhiteSpace", "nullValue", "nanValue", "positiveInf", "negativeInf"),
        *("enableDateTimeParsingFallback", "maxColumns", "maxCharsPerColumn", "multiLine"),
        *("charToEscapeQuoteEscaping", "samplingRatio", "emptyValue", "unescapedQuoteHandling"),
        *("singleVariantColumn", "extension"),
    ),
    "json": (
        *_DATES,
        *_TEXT,
        *("primitivesAsString", "prefersDecimal", "allowComments", "allowUnquotedFieldNames"),
        *("allowSingleQuotes", "allowNumericLeadingZeros", "allowNonNumericNumbers", "multiLine"),
        *("allowBackslashEscapingAnyCharacter", "allowUnquotedControlChars", "inferTimestamp"),
        *(
            "samplingRatio",
            "dropFieldIfAllNull",
            "ignoreNullFields",
            "writeNonAsciiCharacterAsCodePoint",
        ),
        *("enableDateTimeParsingFallback", "useUnsafeRow", "singleVariantColumn"),
    ),
    "parquet": (
        *("mergeSchema", "datetimeRebaseMode", "int96RebaseMode", "compression"),
        *("parquet.block.size", "parquet.page.size"),
    ),
    "orc": ("mergeSchema", "compression"),
    "jdbc": (
        *("driver", "user", "password", "partitionColumn", "lowerBound", "upperBound", "fetchsize"),
        *("numPartitions", "queryTimeout", "batchsize", "isolationLevel", "sessionInitStatement"),
        *("truncate", "cascadeTruncate", "createTableOptions", "createTableColumnTypes", "hint"),
        *("customSchema", "pushDownPredicate", "pushDownAggregate", "pushDownLimit", "keytab"),
        *("pushDownOffset", "pushDownTableSample", "pushDownJoin", "preferTimestampNTZ"),
        *("principal", "refreshKrb5Config", "connectionProvider", "prepareQuery"),
    ),
    "delta": (
        *("versionAsOf", "timestampAsOf", "mergeSchema", "overwriteSchema", "replaceWhere"),
        *("partitionOverwriteMode", "txnAppId", "txnVersion", "userMetadata", "maxRecordsPerFile"),
        *("optimizeWrite", "dataChange", "readChangeFeed", "startingVersion", "endingVersion"),
        *("startingTimestamp", "endingTimestamp", "ignoreDeletes", "ignoreChanges", "compression"),
    ),
}


def missing_for(file_format: str) -> list[str]:
    """Tell what is not there without which Spark cannot read or write a format."""
    missing = missing_packages(("pyspark",))
    if missing or file_format.lower() != "delta":
        return missing
    problem = (current_provider() or SparkProvider()).delta_problem()
    return [problem] if problem else []


def format_problems(file_format: str, also: Iterable[str] = ()) -> list[str]:
    """Report a format that looks misspelt; packages can bring formats that are unknown here."""
    known = (*FORMATS, *also)
    if "." in file_format or file_format.lower() in (name.lower() for name in known):
        return []
    close = did_you_mean(file_format, known)
    return [f"file_format '{file_format}' is not known. {close}"] if close else []


def mode_problems(mode: Any) -> list[str]:
    """Report a save mode that Spark does not have."""
    if str(mode).lower() in SAVE_MODES:
        return []
    hint = did_you_mean(str(mode), SAVE_MODES) or f"Modes: {', '.join(SAVE_MODES)}."
    return [f"save_args: mode '{mode}' is not known. {hint}"]


def spark_mode(mode: Any) -> str:
    """Return a save mode as both kinds of session take it: Connect does not know errorifexists.

    >>> spark_mode("errorIfExists"), spark_mode("append")
    ('error', 'append')
    """
    return "error" if str(mode).lower() == "errorifexists" else str(mode)


def pinned_version(options: Mapping[str, Any]) -> str | None:
    """Return the version or time as of which a table is read; None for the present one.

    >>> pinned_version({"versionAsOf": 3})
    'versionasof=3'
    """
    for name, value in options.items():
        if name.lower() in ("versionasof", "timestampasof") and value is not None:
            return f"{name.lower()}={value}"
    return None


def word_problems(what: str, word: Any, known: Iterable[str]) -> list[str]:
    """Report a word that is none of the known ones."""
    known = tuple(known)
    if word in known:
        return []
    hint = did_you_mean(str(word), known) or f"It is one of {', '.join(known)}."
    return [f"{what} '{word}' is not known. {hint}"]


def option_problems(
    what: str, file_format: str, options: Iterable[str], also: Iterable[str] = ()
) -> list[str]:
    """Report options that Spark would ignore and that look like a known one.

    Args:
        what: Where they stand, ``load_args`` or ``save_args``.
        file_format: The format to which they belong.
        options: Their names.
        also: Names that are known beside those of the format.
    """
    known = _OPTIONS.get(file_format.lower())
    if known is None:
        return []
    known = (*known, *also, *_GENERIC, *(_READER if what == "load_args" else _WRITER))
    exact = {name.lower() for name in known}
    problems = []
    for option in options:
        if option.lower() in exact:
            continue
        close = did_you_mean(option, known)
        if close:
            problems.append(f"{what}: '{option}' is no option of {file_format}. {close}")
    return problems
