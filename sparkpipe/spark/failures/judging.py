"""Failures of Spark and Java: in plain words, and whether to try again.

Neither pyspark nor py4j is imported to tell.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator

from sparkpipe.errors import NodeCancelledError, SparkpipeError
from sparkpipe.spark.failures import NodeStopped
from sparkpipe.spark.failures.chain import (
    JVM_GONE,
    Link,
    failure_links,
    is_cancelled,
    is_conflict,
    is_lost,
    is_out_of_memory,
    is_worker_exception,
    raised_in_worker,
)

_LONGEST = 400

#: Exceptions that the same call raises again.
_LASTING = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    FileExistsError,
    FileNotFoundError,
    ImportError,
    IsADirectoryError,
    LookupError,
    NameError,
    NotADirectoryError,
    NotImplementedError,
    PermissionError,
    RecursionError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
)
#: Their like in Java.
_LASTING_IN_JAVA = re.compile(
    r"AccessControl|AccessDenied|AlreadyExists|Arithmetic|ClassCast|ClassNotFound|DateTime"
    r"|FileNotFound|IllegalArgument|IndexOutOfBounds|NoClassDefFound|NoSuch|NotSerializable"
    r"|NullPointer|NumberFormat|Py4J|UnsupportedOperation"
)
_PASSING_IN_JAVA = re.compile(
    r"^(\w*IO|Socket|(HttpHost)?Connect|\w*Timeout|UnknownHost|NoRouteToHost|SSL\w*"
    r"|SQLTransient\w*|SQLRecoverable)Exception$"
)
_NOT_WRITABLE = ("Mkdirs failed", "Permission denied", "No such file")


def spark_reason(exc: BaseException) -> str:
    """Return the reason of a failure in Spark in one to three plain lines.

    Args:
        exc: Any exception, as Spark or py4j has raised it; its ``__cause__`` is not looked at.

    Returns:
        What happened and, where that is known, what to do; empty if the failure is none of Spark's.
    """
    links = failure_links(exc)
    from sparkpipe.spark.failures.reasons import tell  # words are needed once something has failed

    return _short(tell(links)) if links else ""


def java_stack(exc: BaseException) -> str:
    """Return Java's stack of a failure, where pyspark keeps it back; else an empty string."""
    for error in _causes(exc):
        stack = getattr(error, "_stackTrace", None)
        if isinstance(stack, str) and stack and failure_links(error):
            return f"\nJVM stacktrace:\n{stack.rstrip()}\n"
    return ""


def is_cancellation(exc: BaseException) -> bool:
    """Return whether a failure, or its cause, is that its job was cancelled or its node stopped.

    An error that was raised while the cancelled job's was handled counts as caused by it.
    """
    return any(
        isinstance(error, (NodeStopped, NodeCancelledError))
        or any(map(is_cancelled, failure_links(error)))
        for error in causes_of(exc)
    )


def may_pass(exc: BaseException) -> bool:
    """Return whether the same call may succeed when it is made again, a little later.

    A lost executor, a lost connection, a conflict of writers and want of memory pass; so may
    what is not known. Wrong names, types and queries, missing files, refused permissions and
    cancelled jobs do not, wherever in the chain of ``__cause__`` they are; nor does the end of
    Spark's JVM.
    """
    if is_cancellation(exc):
        return False
    # Of several at once, each would be met again.
    return all(
        _link_may_pass(error) and all(map(may_pass, _raised_together(error)))
        for error in _causes(exc)
    )


def _link_may_pass(error: BaseException) -> bool:
    links = failure_links(error)
    if links:
        return _spark_may_pass(links)
    if isinstance(error, SparkpipeError):
        # One that has a cause only passes it on.
        return error.__cause__ is not None
    from pickle import PickleError  # only after a failure; it would cost every import of ours

    return isinstance(error, Exception) and not isinstance(error, (*_LASTING, PickleError))


def _spark_may_pass(links: tuple[Link, ...]) -> bool:
    for link in links:
        if link.kind == JVM_GONE:
            return False
        if is_worker_exception(link):
            return _worker_may_pass(link)
        if is_conflict(link) or is_lost(link) or is_out_of_memory(link):
            return True
        if _PASSING_IN_JAVA.search(link.kind):
            return not link.text.startswith(_NOT_WRITABLE)
    return not any(
        link.condition or _LASTING_IN_JAVA.search(link.kind) or "maxResultSize" in link.text
        for link in links
    )


def _worker_may_pass(link: Link) -> bool:
    name = raised_in_worker(link).partition(":")[0].strip()
    kind = getattr(builtins, name, None)
    is_lasting = isinstance(kind, type) and issubclass(kind, _LASTING)
    return not is_lasting and not name.startswith("pyspark.")


def _raised_together(error: BaseException) -> tuple[BaseException, ...]:
    """Return the members of a group of exceptions."""
    members = getattr(error, "exceptions", None)
    if not isinstance(members, tuple):
        return ()
    return tuple(member for member in members if isinstance(member, BaseException))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in seen:
        seen.append(link)
        yield link
        link = link.__cause__


def causes_of(exc: BaseException) -> Iterator[BaseException]:
    """Give an error, what caused it or was handled when it was raised, and so on."""
    seen: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in seen:
        seen.append(link)
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
