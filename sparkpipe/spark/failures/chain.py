"""What Spark knows of a failure: the chain of its causes, those in Java among them.

Neither pyspark nor py4j is imported to tell: a failure of theirs brings them along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The kind of a failure after which nothing in this process reaches Spark any more.
JVM_GONE = "JvmGone"
#: The kinds of failures that a class is not there, or one that it needs.
NO_CLASS = ("ClassNotFoundException", "NoClassDefFoundError")
TRACEBACK = "Traceback (most recent call last)"

_DEEPEST = 20
# '(org.apache.spark.SparkSQLException) [OPERATION_CANCELED] ...', as Connect tells a class.
_CLASS_IN_BRACKETS = re.compile(r"^\(((?:[\w$]+\.)*[\w$]+)\) ")
# 'java.io.IOException: the disk is full', as Java tells one.
_CLASS_BEFORE = re.compile(r"^((?:[\w$]+\.)+[\w$]+)(?:: |$)")
_CONDITION = re.compile(r"^\[([A-Z_][A-Z0-9_.]+)\] ")
_CAUSED_BY = re.compile(r"^Caused by: (.+)", re.MULTILINE)
_LOST_TASK = re.compile(
    r"most recent failure: Lost task [^)]*\(TID \d+\) \(([^)]*)\): (.*)", re.DOTALL
)
# gRPC's own rendering, which Connect passes on where the server has no more to say.
GRPC = re.compile(r'status = StatusCode\.(\w+)\s+details = "(.*?)"\s+debug_error', re.DOTALL)
_STACK = re.compile(r"\n+(?:JVM stacktrace:|Driver stacktrace:|\tat ).*", re.DOTALL)

_SQLSTATE = re.compile(r"\s*SQLSTATE:.*", re.DOTALL)
_CANCELLED = ("SPARK_JOB_CANCELLED", "OPERATION_CANCELED")
_CANCELLED_TEXT = re.compile(
    r"^Job \S+ cancelled (?!because SparkContext)|^TaskKilled|^Task was interrupted"
)
_INTERRUPTED = ("InterruptedException", "ClosedByInterruptException", "TaskKilledException")

_CONFLICT = ("DELTA_CONCURRENT_", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED")
_CONFLICT_KIND = re.compile(
    r"^(Concurrent\w+|MetadataChanged|ProtocolChanged|DeltaConcurrentModification)Exception$"
)
_NO_MEMORY = re.compile(
    r"OutOfMemoryError|Java heap space|GC overhead limit|Metaspace"
    r"|Not enough memory to build and broadcast"
)
_LOST = ("ExecutorLostFailure", "FetchFailed", "TaskResultLost", "MetadataFetchFailedException")
WORKER_DIED = ("Python worker exited unexpectedly", "Python worker failed to connect back")


@dataclass(frozen=True)
class Link:
    """One exception in a chain of causes.

    Args:
        kind: The name of its class without package; Java's where it comes from there.
        text: Its message, without class, condition and stack.
        condition: Spark's name for the error, such as ``UNRESOLVED_COLUMN.WITH_SUGGESTION``.
        parameters: What Spark has put into the message.
        where: The host and executor of a task that failed.
    """

    kind: str
    text: str
    condition: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    where: str = ""

    @property
    def is_on_driver(self) -> bool:
        """Whether it happened in the JVM of the driver, which in local mode runs the tasks too."""
        return not self.where or self.where.endswith("executor driver")


def failure_links(exc: BaseException) -> tuple[Link, ...]:
    """Return the chain of a failure in Spark, outermost first; empty if it is none of Spark's."""
    module, kind = type(exc).__module__, type(exc).__name__
    if isinstance(exc, ConnectionError) and _comes_from_py4j(exc):
        return (Link(JVM_GONE, str(exc)),)
    # Once its package is imported, Delta's conflicts are exceptions of its own.
    if not module.startswith(("pyspark.", "py4j.", "delta.exceptions.")):
        return ()
    java = getattr(exc, "java_exception", None) or getattr(exc, "_origin", None)
    links = _java_links(java) if java is not None else []
    if not links and module.startswith("py4j."):
        links = [_gateway_link(kind, exc)]
    if not links:
        links = _told_links(kind, exc)
    return tuple(part for link in links for part in _unwrapped(link))


def before_retries(exc: BaseException) -> BaseException:
    """Return what Connect's client tried again until it gave up, which Spark 4.0 tells apart."""
    return (exc.__cause__ or exc) if type(exc).__name__ == "RetriesExceeded" else exc


def _comes_from_py4j(exc: BaseException) -> bool:
    # A JVM that was killed refuses the next connection, with a plain error of the socket.
    step = exc.__traceback__
    while step is not None:
        if str(step.tb_frame.f_globals.get("__name__", "")).startswith("py4j."):
            return True
        step = step.tb_next
    return False


def _java_links(java: Any) -> list[Link]:
    links: list[Link] = []
    try:
        while java is not None and len(links) < _DEEPEST:
            links.append(_java_link(java))
            java = java.getCause()
    except Exception:  # the JVM may be gone; what is known until then is all there is
        return links
    return links


def _java_link(java: Any) -> Link:
    text = str(java.getMessage() or "")
    kind = str(java.getClass().getSimpleName())
    # The message of these is the name of a class itself.
    named = Link(kind, text) if kind in NO_CLASS else parsed(text)
    # Only Spark's own exceptions have them.
    condition = error_condition(java)
    parameters = dict(_asked(java, "getMessageParameters") or {}) if condition else {}
    return Link(kind, named.text, condition or named.condition, parameters)


def _gateway_link(kind: str, exc: BaseException) -> Link:
    # A JVM that answers sends its trace; the text of an error of a dead one cannot even be read.
    trace = "" if kind == "Py4JJavaError" else str(exc).partition("Trace:")[2].strip()
    return parsed(trace, "Py4JException") if trace else Link(JVM_GONE, "")


def _told_links(kind: str, exc: BaseException) -> list[Link]:
    """Read an exception of pyspark that has nothing in Java to ask: Connect's, and Python's own."""
    exc = before_retries(exc)
    text = str(exc).strip()
    grpc = GRPC.search(text)
    named = parsed(grpc[2], grpc[1]) if grpc else parsed(text, kind)
    link = Link(
        named.kind,
        named.text,
        error_condition(exc) or named.condition,
        _asked(exc, "getMessageParameters") or {},
    )
    cause = getattr(exc, "_cause", None)
    deeper: Iterable[Link] = failure_links(cause) if isinstance(cause, BaseException) else ()
    trace = text.partition("JVM stacktrace:")[2]
    return [link, *deeper, *(parsed(match[1]) for match in _CAUSED_BY.finditer(trace))]


def error_condition(exc: Any) -> str:
    """Return Spark's name for an error, of pyspark's exception or Java's; '' if it has none."""
    condition = _asked(exc, "getCondition")
    # Spark 3.5 knows the older name only; later ones warn of it.
    if condition is None and not (isinstance(exc, BaseException) and hasattr(exc, "getCondition")):
        condition = _asked(exc, "getErrorClass")
    return str(condition or "")


def _asked(exc: Any, method: str) -> Any:
    try:
        return getattr(exc, method)()
    except Exception:  # an older pyspark has no such method, and a dead JVM no answer
        return None


def parsed(text: str, kind: str = "") -> Link:
    """Read a message with its class and condition before it, and its stack after it."""
    text = _STACK.sub("", text.strip())
    named = _CLASS_IN_BRACKETS.match(text) or _CLASS_BEFORE.match(text)
    if named:
        kind, text = named[1].rpartition(".")[2], text[named.end() :]
    condition = _CONDITION.match(text)
    if condition:
        text = text[condition.end() :]
    return Link(kind, text.strip(), condition[1] if condition else "")


def _unwrapped(link: Link) -> Iterable[Link]:
    """Return a link, and what failed in the task if it only says that a job was aborted."""
    yield link
    lost = _LOST_TASK.search(link.text)
    if lost:
        inner = parsed(lost[2])
        yield Link(inner.kind, inner.text, inner.condition, where=lost[1])


def first_line(text: str) -> str:
    """Return the first line of a message, without SQLSTATE and the query after it."""
    return next(iter(_SQLSTATE.sub("", text).strip().splitlines()), "")


def is_cancelled(link: Link) -> bool:
    """Return whether a link says that the job was cancelled."""
    return (
        link.condition in _CANCELLED
        or link.kind in _INTERRUPTED
        or (not link.condition and bool(_CANCELLED_TEXT.match(link.text)))
    )


def is_conflict(link: Link) -> bool:
    """Return whether another writer of the same Delta table was faster."""
    return link.condition.startswith(_CONFLICT) or bool(_CONFLICT_KIND.match(link.kind))


def is_lost(link: Link) -> bool:
    """Return whether an executor, its results or a Python worker got lost."""
    return link.kind in _LOST or link.text.startswith((*_LOST, *WORKER_DIED))


def is_out_of_memory(link: Link) -> bool:
    """Return whether a JVM had no memory left."""
    return (
        link.kind in ("OutOfMemoryError", "SparkOutOfMemoryError")
        or link.condition == "UNABLE_TO_ACQUIRE_MEMORY"
        or bool(_NO_MEMORY.search(first_line(link.text)))
    )


def is_worker_exception(link: Link) -> bool:
    """Return whether code that ran in a Python worker raised an exception."""
    return "PythonException" in link.kind or TRACEBACK in link.text


def raised_in_worker(link: Link) -> str:
    """Return the exception that was raised in a Python worker, as the last line of its traceback.

    Each traceback of a chain ends with its exception, the first line that is not indented.
    """
    raised = re.findall(
        rf"^.*?{re.escape(TRACEBACK)}.*?^(\S[^\n]*)", link.text, re.DOTALL | re.MULTILINE
    )
    named = [line for line in raised if not line.startswith(("pyspark.", "org."))]
    return str((named or raised or link.text.strip().splitlines() or [link.kind])[-1])
