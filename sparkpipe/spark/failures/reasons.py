"""Plain words for the failures of Spark and Delta that users meet most."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher, get_close_matches

from sparkpipe.spark.failures.chain import (
    JVM_GONE,
    NO_CLASS,
    WORKER_DIED,
    Link,
    first_line,
    is_cancelled,
    is_conflict,
    is_lost,
    is_out_of_memory,
    is_worker_exception,
    raised_in_worker,
)
from sparkpipe.spark.failures.coordinates import coordinates_of, file_system_for
from sparkpipe.spark.metastore import folder_in_use, holder

_Links = Sequence[Link]

# Spark proposes five columns at most; fewer are all that there are.
_MOST_PROPOSED = 5
_MOST_SHOWN = 10

#: Conditions of a column or field that is not there: which parameter names it, and which its like.
_MISSING_COLUMN = {
    "UNRESOLVED_COLUMN": ("objectName", "proposal"),
    "UNRESOLVED_FIELD": ("fieldName", "proposal"),
    "FIELD_NOT_FOUND": ("fieldName", "fields"),
    "UNRESOLVED_USING_COLUMN_FOR_JOIN": ("colName", "suggestion"),
    "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES": ("colName", "fieldNames"),
    "ATTRIBUTE_NOT_SUPPORTED": ("attr_name", ""),
}

_DELTA_COLUMN = re.compile(r"^ \|-- (.+): (\S+) \(nullable", re.MULTILINE)

_EXIT_CODE = re.compile(r"exit(?:ed with)? (?:code|status):? (\d+)", re.IGNORECASE)
#: Killed by the system, and ended by Spark itself, for want of memory.
_MEMORY_CODES = ("137", "52")
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_NO_FORMAT = re.compile(r"Failed to find (?:the )?data source: ([\w.$-]+?)\.? ")
# 'org.sqlite.JDBC', 'Class org.apache.hadoop.fs.s3a.S3AFileSystem not found', 'org/apache/Some'.
_CLASS = re.compile(r"(?:Class )?((?:[\w$]+[./])+[\w$]+)(?: not found)?$")
_NO_FILE_SYSTEM = re.compile(r'No FileSystem for scheme:? "?([\w.+-]+)"?')
_TOO_BIG = "spark.driver.maxResultSize"

# Conditions that only say that something failed: their cause says what.
_SAYS_ONLY_THAT = (
    *("FAILED_READ_FILE", "FAILED_JDBC", "TASK_WRITE_FAILED", "STREAM_FAILED"),
    *("_LEGACY", "INTERNAL"),
)


def tell(links: _Links) -> str:
    """Return a failure in one to three plain lines."""
    for applies, words in _TELLERS:
        for link in links:
            if applies(link):
                return words(link, links)
    return _tell_other(links)


def _tell_cancelled(link: Link, links: _Links) -> str:
    return "its Spark job was cancelled."


def _tell_jvm_gone(link: Link, links: _Links) -> str:
    return (
        "the connection to Spark's JVM is lost: it has ended or was killed. "
        "If it ran out of memory, raise spark.driver.memory in spark.yml."
    )


def _tell_worker_exception(link: Link, links: _Links) -> str:
    raised = raised_in_worker(link)
    missing = _NO_MODULE.match(raised)
    if missing:
        return (
            f"the Python of Spark's executors has no module '{missing[1]}'.\nShip it with "
            "--py-files ('sparkpipe submit command' prints the whole line for this project), or "
            "install it there."
        )
    # Where: pyspark puts the worker's frames into the traceback of the exception.
    return f"in a Python worker: {raised}"


def _missing_column_keys(link: Link) -> tuple[str, str] | None:
    for part in link.condition.split("."):
        if part in _MISSING_COLUMN:
            return _MISSING_COLUMN[part]
    return None


def _names_missing_column(link: Link) -> bool:
    keys = _missing_column_keys(link)
    return keys is not None and keys[0] in link.parameters


def _tell_missing_column(link: Link, links: _Links) -> str:
    name_key, likes_key = _missing_column_keys(link) or ("", "")
    name = ".".join(_identifiers(link.parameters[name_key])) or link.parameters[name_key]
    known = _identifiers(link.parameters.get(likes_key, ""))
    known.sort(key=lambda other: -_likeness(name, other))
    what = "field" if link.condition.startswith(("FIELD_", "UNRESOLVED_FIELD")) else "column"
    said = f"there is no {what} `{name}`."
    if not known:
        return said
    if get_close_matches(name.casefold(), [_comparable(name, known[0])]):
        said += f" Did you mean `{known[0]}`?"
    shown = ", ".join(f"`{other}`" for other in known[:_MOST_SHOWN])
    more = ", ..." if len(known) > _MOST_SHOWN else "."
    if "side" in link.parameters:
        return f"{said} On the {link.parameters['side']} of the join there are: {shown}{more}"
    is_all = likes_key != "proposal" or len(known) < _MOST_PROPOSED
    return f"{said} {'There are' if is_all else 'Like it are'}: {shown}{more}"


def _identifiers(text: str) -> list[str]:
    """Read '`a`.`b`, `c`' or 'a, c' as names.

    >>> _identifiers("`o`.`id`, `city`"), _identifiers("id, city")
    (['o.id', 'city'], ['id', 'city'])
    """
    if "`" not in text:
        return [name.strip() for name in text.split(",") if name.strip()]
    return [name.replace("`", "") for name in re.findall(r"`[^`]*`(?:\.`[^`]*`)*", text)]


def _comparable(name: str, other: str) -> str:
    return (other if "." in name else other.rpartition(".")[2]).casefold()


def _likeness(name: str, other: str) -> float:
    return SequenceMatcher(None, name.casefold(), _comparable(name, other)).ratio()


def _tell_missing_table(link: Link, links: _Links) -> str:
    name = link.parameters.get("relationName") or link.parameters.get("tableName") or ""
    said = f"there is no table or view {name}." if name else first_line(link.text)
    return f"{said} Check its name, and its catalog and schema."


def _tell_missing_path(link: Link, links: _Links) -> str:
    return f"the path does not exist: {link.parameters['path']}"


def _tell_ambiguous(link: Link, links: _Links) -> str:
    return (
        f"the column {link.parameters['name']} is ambiguous: both sides of a join have it. "
        "Join by its name (on=...), rename or drop one, or take it from its own frame."
    )


def _tell_parse_error(link: Link, links: _Links) -> str:
    said = f"[{link.condition or link.kind}] {first_line(link.text)}"
    position = re.search(r"\(line (\d+), pos (\d+)\)", link.text)
    if position is None:
        return said
    pointer = re.search(r"^(.*)\n-*\^+", link.text, re.MULTILINE)
    shown = f": {pointer[1].strip()}" if pointer else ""
    return f"{said.rstrip('.')} (line {position[1]}, position {position[2]}){shown}"


def _tell_conflict(link: Link, links: _Links) -> str:
    table = link.parameters.get("tableName") or _found(r"(delta\.`[^`]+`)", link.text)
    by = link.parameters.get("operation") or _found(
        r'(?:"operation":"|a concurrent )([A-Z]\w+)', link.text
    )
    which = f" {table}" if table else ""
    return (
        f"another writer changed the Delta table{which} at the same time"
        f"{f' (a {by})' if by else ''}: {link.condition or link.kind}.\n"
        "Let one node wait for the other (give it the other's output as an input), "
        "or give the node retries."
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def _tell_unbound(link: Link, links: _Links) -> str:
    name = link.parameters["name"]
    which = "a parameter `?`" if name.startswith("_") else f"the parameter :{name}"
    return (
        f"{which} of the query has no value.\nIf `args` of spark.sql gives it one: Delta's SQL "
        "extension (spark.sql.extensions) loses it on this Spark. Use a SQL node, whose "
        ":name takes parameters, or filter by functions of the frame (frame.where)."
    )


def _is_schema_mismatch(link: Link) -> bool:
    return "schema mismatch detected when writing" in link.text and "Data schema:" in link.text


def _tell_schema_mismatch(link: Link, links: _Links) -> str:
    before, _, after = link.text.partition("Data schema:")
    table, data = dict(_DELTA_COLUMN.findall(before)), dict(_DELTA_COLUMN.findall(after))
    parts = [f"`{name}` ({kind}) is new" for name, kind in data.items() if name not in table]
    parts += [
        f"`{name}` is {kind}, not {table[name]}"
        for name, kind in data.items()
        if table.get(name, kind) != kind
    ]
    parts += [f"`{name}` is not in the data" for name in table if name not in data]
    return (
        f"the data does not have the schema of the Delta table: "
        f"{'; '.join(parts) or 'columns differ inside a struct'}.\n"
        "In save_args, mergeSchema: true adds new columns; overwriteSchema: true, with mode "
        "overwrite, replaces the schema."
    )


def _tell_type_mismatch(link: Link, links: _Links) -> str:
    name = link.parameters.get("updateField") or _found(r"merge fields '(.+?)'", link.text)
    kinds = next((other.parameters for other in links if "currentDataType" in other.parameters), {})
    types = [kinds.get(key, "") for key in ("updateDataType", "currentDataType")]
    said = f" ({types[0]}, in the table {types[1]})" if all(types) else ""
    return (
        f"the column `{name}` has another type than in the Delta table{said}. "
        "Cast it, or replace the schema by save_args: mode overwrite, overwriteSchema true."
    )


def _tell_delta_mismatch(link: Link, links: _Links) -> str:
    lines = [line.strip(" -") for line in link.text.splitlines()[1:] if line.strip()]
    return " ".join(lines[:3]) or first_line(link.text)


def _tell_out_of_memory(link: Link, links: _Links) -> str:
    why = first_line(link.text)
    why = why if link.kind != "OutOfMemoryError" or why else link.kind
    if link.is_on_driver and all(other.is_on_driver for other in links):
        return (
            f"the Spark driver ran out of memory ({why}).\nRaise spark.driver.memory in spark.yml, "
            "collect and broadcast less, or cut the work into more partitions."
        )
    return (
        f"a Spark executor ran out of memory ({why}).\nUse more partitions (repartition, "
        "spark.sql.shuffle.partitions), or raise spark.executor.memory in spark.yml."
    )


def _tell_too_big(link: Link, links: _Links) -> str:
    size = _found(r"\(([\d.]+ \w+)\)", link.text)
    return (
        f"the results are bigger ({size}) than spark.driver.maxResultSize allows. "
        "Collect less, or raise it in spark.yml."
    )


def _tell_lost(link: Link, links: _Links) -> str:
    if link.text.startswith(WORKER_DIED):
        return (
            "a Python worker died without an exception: it ran out of memory, or native code "
            "crashed.\nUse more partitions, or set spark.python.worker.faulthandler.enabled: true "
            "in spark.yml to see where."
        )
    said = first_line(link.text)
    if "ExecutorLostFailure" not in (link.kind, said[:19]):
        return f"results of an executor got lost, most often with the executor: {said}"
    code = _EXIT_CODE.search(said)
    reason = said.partition("Reason: ")[2] or said
    if code and code[1] in _MEMORY_CODES:
        return (
            f"an executor was lost: {reason}. It most likely ran out of memory.\n"
            "Use more partitions (repartition, spark.sql.shuffle.partitions), or raise "
            "spark.executor.memory or spark.executor.memoryOverhead in spark.yml."
        )
    return f"an executor was lost: {reason}"


def _is_no_format(link: Link) -> bool:
    # Without a condition of their own: Avro and Kafka, which are Spark's, in packages apart.
    return link.condition == "DATA_SOURCE_NOT_FOUND" or bool(_NO_FORMAT.match(link.text))


def _tell_no_format(link: Link, links: _Links) -> str:
    name = link.parameters.get("provider") or _found(_NO_FORMAT.pattern, link.text)
    if coordinates_of(name):
        return f"Spark does not have the package of the format '{name}'.\n{_how_to_bring(name)}"
    return f"Spark has no format '{name}'. Check its name.\nIf it is right: {_how_to_bring(name)}"


def _names_missing_class(link: Link) -> bool:
    return link.kind in NO_CLASS and bool(_CLASS.match(link.text))


def _tell_missing_class(link: Link, links: _Links) -> str:
    name = _found(_CLASS.pattern, link.text).replace("/", ".")
    return f"Spark has no class {name} on its class path.\n{_how_to_bring(name)}"


def _tell_no_file_system(link: Link, links: _Links) -> str:
    scheme = _found(_NO_FILE_SYSTEM.pattern, link.text)
    said = f"Spark has no file system for {scheme}://."
    if scheme in ("s3", "s3n"):
        return f"{said} Write s3a:// in its place, as Spark calls it."
    coordinates = file_system_for(scheme)
    if coordinates:
        return f"{said}\nAdd {coordinates} to spark.jars.packages in conf/base/spark.yml."
    return f"{said}\nBring the jar that has it: by spark.jars.packages in conf/base/spark.yml."


def _tell_nanoseconds(link: Link, links: _Links) -> str:
    return (
        "a column of a Parquet file holds times in nanoseconds, which Spark cannot read.\n"
        "Save it by pandas with save_args: {coerce_timestamps: us, allow_truncated_timestamps: "
        "true}."
    )


def _tell_no_driver(link: Link, links: _Links) -> str:
    return (
        "no JDBC driver that Spark has knows this url.\nBring one: add its Maven coordinates to "
        "spark.jars.packages in spark.yml, and give its class as the option 'driver'."
    )


def _how_to_bring(name: str) -> str:
    coordinates = coordinates_of(name)
    if coordinates:
        return f"Add {coordinates} to spark.jars.packages in conf/base/spark.yml."
    return (
        "Bring the jar that has it: add its Maven coordinates to spark.jars.packages, or the path "
        "of the jar to spark.jars, in conf/base/spark.yml."
    )


def _tell_no_server(link: Link, links: _Links) -> str:
    return (
        f"the Spark Connect server does not answer ({first_line(link.text)}). "
        "Is it running, and is SPARK_REMOTE or spark.remote right?"
    )


def _tell_metastore_in_use(link: Link, links: _Links) -> str:
    folder = folder_in_use(link.text)
    return (
        f"tables by name are remembered in {folder}, which {holder(folder)} is using.\n"
        "Wait until it has ended; or let runs share one session: sparkpipe session start."
    )


def _tell_session_closed(link: Link, links: _Links) -> str:
    return (
        "the Spark session is closed: it was stopped, or the server ended it. "
        "Run again with a new session."
    )


def _tell_other(links: _Links) -> str:
    """Return the deepest link that has a name in Spark, or else the deepest with a message."""
    saying = [link for link in links if first_line(link.text)] or list(links)
    named = [link for link in saying if link.condition]
    if not named:
        return _with_kind(saying[-1])
    said = _with_kind(named[-1])
    if named[-1].condition.startswith(_SAYS_ONLY_THAT) and saying[-1] is not named[-1]:
        said = f"{said.rstrip('. ')}: {_with_kind(saying[-1])}"
    return said


def _with_kind(link: Link) -> str:
    # Delta breaks its sentences into lines, and lists values below them.
    is_delta = link.condition.startswith("DELTA_")
    said = " ".join(link.text.split()) if is_delta else first_line(link.text)
    if link.condition:
        return said if link.condition.startswith("_LEGACY") else f"[{link.condition}] {said}"
    return f"{link.kind}: {said}" if said and link.kind else said or link.kind


def _has(condition: str, *parameters: str) -> Callable[[Link], bool]:
    return lambda link: (
        link.condition.split(".")[0] == condition and all(p in link.parameters for p in parameters)
    )


_TELLERS: tuple[tuple[Callable[[Link], bool], Callable[[Link, _Links], str]], ...] = (
    (is_cancelled, _tell_cancelled),
    (lambda link: link.kind == JVM_GONE, _tell_jvm_gone),
    (is_worker_exception, _tell_worker_exception),
    (_names_missing_column, _tell_missing_column),
    (_has("TABLE_OR_VIEW_NOT_FOUND"), _tell_missing_table),
    (_is_no_format, _tell_no_format),
    (_names_missing_class, _tell_missing_class),
    (lambda link: link.text.startswith("No suitable driver"), _tell_no_driver),
    (lambda link: bool(_NO_FILE_SYSTEM.search(link.text)), _tell_no_file_system),
    (lambda link: "TIMESTAMP(NANOS" in link.text, _tell_nanoseconds),
    (_has("PATH_NOT_FOUND", "path"), _tell_missing_path),
    (_has("AMBIGUOUS_REFERENCE", "name"), _tell_ambiguous),
    (lambda link: link.kind == "ParseException", _tell_parse_error),
    (_has("UNBOUND_SQL_PARAMETER", "name"), _tell_unbound),
    (is_conflict, _tell_conflict),
    (_is_schema_mismatch, _tell_schema_mismatch),
    (_has("DELTA_FAILED_TO_MERGE_FIELDS"), _tell_type_mismatch),
    (_has("DELTA_METADATA_MISMATCH"), _tell_delta_mismatch),
    (lambda link: _TOO_BIG in link.text, _tell_too_big),
    (is_out_of_memory, _tell_out_of_memory),
    (is_lost, _tell_lost),
    (lambda link: link.kind == "UNAVAILABLE", _tell_no_server),
    (lambda link: bool(folder_in_use(link.text)), _tell_metastore_in_use),
    (_has("INVALID_HANDLE"), _tell_session_closed),
    (_has("NO_ACTIVE_SESSION"), _tell_session_closed),
)
