"""What Spark accepts, so that a misspelt word, which Spark ignores, is found before it runs.

Source: Spark's SQL data sources guide (pages on CSV, JSON, Parquet, ORC and generic options).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.io.importing import missing_packages
from sparkpipe.spark.session import SparkProvider, current_provider

#: Formats that Spark brings, and those that well-known packages bring.
FORMATS = (
    *("csv", "json", "parquet", "orc", "delta", "text", "xml", "avro", "binaryFile", "libsvm"),
    *("iceberg", "hudi", "bigquery", "mongodb", "snowflake", "redshift", "excel", "sqlserver"),
)

#: Formats whose data is the files in a folder, all of them.
FILE_FORMATS = ("csv", "json", "parquet", "orc", "text", "xml", "avro", "binaryfile", "libsvm")

# What is a folder of its own format, with a log of what is in it.
_TABLE_FORMATS = ("delta", "hudi")

SAVE_MODES = ("overwrite", "append", "ignore", "error", "errorifexists")

#: Options of an entry by which a Delta table is made.
CREATION_WORDS = (
    *("partition_by", "cluster_by", "table_properties", "constraints", "generated", "identity"),
)

# What DataFrameReader.load and DataFrameWriter.save take beside the options of a format.
_READER = ("schema",)
_WRITER = ("mode", "partitionBy", "maxRecordsPerFile", "partitionOverwriteMode")

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
        *("singleVariantColumn", "extension", "codec"),
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
    "text": ("wholetext", "lineSep", "compression", "encoding"),
    "jdbc": (
        *("driver", "user", "password", "partitionColumn", "lowerBound", "upperBound", "fetchsize"),
        *("numPartitions", "queryTimeout", "batchsize", "isolationLevel", "sessionInitStatement"),
        *("truncate", "cascadeTruncate", "createTableOptions", "createTableColumnTypes", "hint"),
        *("customSchema", "pushDownPredicate", "pushDownAggregate", "pushDownLimit", "keytab"),
        *("pushDownOffset", "pushDownTableSample", "pushDownJoin", "preferTimestampNTZ"),
        *("principal", "refreshKrb5Config", "connectionProvider", "prepareQuery", "url", "dbtable"),
    ),
    "delta": (
        *("versionAsOf", "timestampAsOf", "mergeSchema", "overwriteSchema", "replaceWhere"),
        *("partitionOverwriteMode", "txnAppId", "txnVersion", "userMetadata", "maxRecordsPerFile"),
        *("optimizeWrite", "dataChange", "readChangeFeed", "startingVersion", "endingVersion"),
        *("startingTimestamp", "endingTimestamp", "ignoreDeletes", "ignoreChanges", "compression"),
        *("readChangeData", "targetFileSize", "clusterByAuto"),
    ),
}


#: Options that decide which rows are read or replaced. Formats of files do not know them.
_OF_DELTA = {
    "replacewhere": "would have to leave rows as they are",
    "versionasof": "asks for an earlier version",
    "timestampasof": "asks for an earlier version",
}

#: From how many letters on a word may be misspelt in two of them.
_LONG = 10

_EVERYWHERE = frozenset(
    name.lower()
    for names in (*_OPTIONS.values(), _GENERIC, ("rowTag", "rootTag", "bucketBy", "sortBy"))
    for name in names
)


def missing_for(file_format: str) -> list[str]:
    """Tell what is not there without which Spark cannot read or write a format."""
    missing = missing_packages(("pyspark",))
    if missing or file_format.lower() != "delta":
        return missing
    problem = (current_provider() or SparkProvider()).delta_problem()
    return [problem] if problem else []


def is_of_files(file_format: str) -> bool:
    """Return whether data of a format is the files in a folder, all of them.

    >>> is_of_files("CSV"), is_of_files("com.databricks.spark.xml"), is_of_files("iceberg")
    (True, True, False)
    """
    return not set(FILE_FORMATS).isdisjoint(file_format.lower().split("."))


def is_path(file_format: str, given: str) -> bool:
    """Return whether what a format is loaded from is a path, not the name of a table elsewhere.

    >>> is_path("parquet", "orders"), is_path("iceberg", "data/orders")
    (True, True)
    >>> is_path("iceberg", "shop.orders"), is_path("bigquery", "project.shop.orders")
    (False, False)
    """
    if is_of_files(file_format) or file_format.lower() in _TABLE_FORMATS:
        return True
    return any(separator in given for separator in "/\\")


def format_problems(file_format: str, also: Iterable[str] = ()) -> list[str]:
    """Report a format that looks misspelt; packages can bring formats that are unknown here."""
    known = (*FORMATS, *also)
    if "." in file_format or file_format.lower() in (name.lower() for name in known):
        return []
    meant = _misspelt(file_format, known, 2)
    told = f"file_format '{file_format}' is not known. Did you mean '{meant}'?"
    return [told] if meant else []


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


def in_known_case(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return options in which names of ours are spelt as we do: Spark does not know upper case.

    Args:
        options: As they stand in an entry.
        names: The options that we read.

    Raises:
        DataSetError: One is given twice.

    >>> in_known_case({"Mode": "append", "sep": ";"}, ["mode"])
    {'mode': 'append', 'sep': ';'}
    """
    known = {name.lower(): name for name in names}
    found: dict[str, Any] = {}
    for option, value in options.items():
        name = known.get(str(option).lower(), str(option))
        if name in found:
            raise DataSetError(f"the option '{name}' is given twice, in two spellings.")
        found[name] = value
    return found


def option_problems(
    what: str, file_format: str, options: Iterable[str], also: Iterable[str] = ()
) -> list[str]:
    """Report options that are misspelt, or without which other rows would be read or replaced.

    What a driver, a package or a cluster may know is let through.

    Args:
        what: Where they stand, ``load_args`` or ``save_args``.
        file_format: The format to which they belong.
        options: Their names.
        also: Names that are known beside those of the format.
    """
    also = tuple(also)
    known = _known(what, file_format, also)
    problems = []
    for option in map(str, options):
        vital = _OF_DELTA.get(option.lower())
        if vital and file_format.lower() in FILE_FORMATS:
            problems.append(f"{what}: '{option}' {vital}, and {file_format} does not know it.")
        elif known and not _is_known_anywhere(option, (*known, *also)):
            meant = _misspelt(option, known, 1 if file_format.lower() == "jdbc" else 2)
            if meant:
                problems.append(
                    f"{what}: '{option}' is no option of {file_format}. Did you mean '{meant}'?"
                )
    return problems


def option_warnings(
    what: str, file_format: str, options: Iterable[str], also: Iterable[str] = ()
) -> list[str]:
    """Tell options of other formats, which have no effect on this one; see above for arguments."""
    known = {name.lower() for name in _known(what, file_format, also)}
    if not known or file_format.lower() == "jdbc":
        return []
    return [
        f"{what}: '{option}' has no effect: it is no option of {file_format}."
        for option in map(str, options)
        if option.lower() not in known
        and option.lower() in _EVERYWHERE
        and not (option.lower() in _OF_DELTA and file_format.lower() in FILE_FORMATS)
    ]


def is_known(option: str, also: Iterable[str]) -> bool:
    """Return whether any of Spark's formats or writers knows an option, or a package may.

    Args:
        option: Its name.
        also: Names that are known beside those.
    """
    return _is_known_anywhere(option, (*_WRITER, *also))


def _known(what: str, file_format: str, also: Iterable[str]) -> tuple[str, ...]:
    """Return the options that a format has here; none where that is not known."""
    known = _OPTIONS.get(file_format.lower())
    if known is None:
        return ()
    if what == "load_args":
        return (*known, *also, *_GENERIC, *_READER)
    ours = CREATION_WORDS if file_format.lower() == "delta" else ()
    return (*known, *also, *ours, *_GENERIC, *_WRITER)


def _is_known_anywhere(option: str, known: Iterable[str]) -> bool:
    # Names with dots are of packages: delta.enableChangeDataFeed, parquet.writer.version.
    lower = option.lower()
    return "." in option or lower in _EVERYWHERE or lower in map(str.lower, known)


def _misspelt(option: str, known: Iterable[str], most: int) -> str:
    """Return the option of which this one differs in a few letters, if there is one.

    >>> _misspelt("heder", ["header", "sep"], 2), _misspelt("currentSchema", ["customSchema"], 2)
    ('header', '')
    """
    near = {name: _distance(option.lower(), name.lower(), most) for name in known}
    best = min(near, key=lambda name: near[name], default="")
    # In a short word two letters make another word: na_values is of pandas, nanValue of Spark.
    return best if best and near[best] <= (most if len(best) >= _LONG else 1) else ""


def _distance(one: str, other: str, most: int) -> int:
    """Return how many letters have to be changed, added, left out or put next to each other."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, there in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != there))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == there:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
