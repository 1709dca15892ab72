"""The Spark session that is there already, whoever has made it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


_HAS_DIED = "_sparkpipe_has_died"


def active_session() -> SparkSession | None:
    """Return the session of this process, if something has made one. Starts none."""
    if "pyspark.sql" not in sys.modules:
        return None
    from pyspark.sql import SparkSession

    forget_dead_jvm()
    ask = SparkSession.getActiveSession
    active: SparkSession | None = getattr(ask, "_sparkpipe_original", ask)()
    if active is not None:
        return active
    # Threads other than the one that made the session have no active one.
    made: SparkSession | None = getattr(SparkSession, "_instantiatedSession", None)
    if made is not None and not is_stopped(made):
        return made
    connect: Any = sys.modules.get("pyspark.sql.connect.session")
    connected: SparkSession | None = connect and connect.SparkSession._get_default_session()
    if connected is not None:
        return connected
    context = getattr(sys.modules.get("pyspark.core.context"), "SparkContext", None)
    running = getattr(context, "_active_spark_context", None)
    if running is not None and getattr(running, "_jsc", None) is not None:
        return SparkSession.builder.getOrCreate()  # of a context without a session yet
    return None


def forget_removed_jars() -> None:
    """Take off the import path what a session that was stopped has put there and then removed."""
    sys.path[:] = [p for p in sys.path if not ("userFiles-" in p and not Path(p).exists())]


def is_stopped(session: Any) -> bool:
    """Return whether a session, classic or Connect, can no longer be used."""
    if is_connect(session):
        return bool(session.is_stopped)
    context = getattr(session, "_sc", None)
    return context is not None and (getattr(context, "_jsc", None) is None or has_died(session))


def has_died(session: Any) -> bool:
    """Return whether the JVM of a classic session has ended, without having been asked to."""
    context = getattr(session, "_sc", None)
    if getattr(context, _HAS_DIED, False):
        return True
    process = getattr(getattr(context, "_gateway", None), "proc", None)
    return process is not None and process.poll() is not None


def forget_dead_jvm() -> None:
    """Let pyspark start another JVM where the one that it has started has ended."""
    context: Any = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    process = getattr(getattr(context, "_gateway", None), "proc", None)
    if process is None or process.poll() is None:
        return
    from pyspark.sql import SparkSession

    with suppress(Exception):
        context._gateway.shutdown()
    if context._active_spark_context is not None:
        setattr(context._active_spark_context, _HAS_DIED, True)
    context._gateway = context._jvm = context._active_spark_context = None
    SparkSession._instantiatedSession = None


def is_connect(session: Any) -> bool:
    """Return whether a session is one of Spark Connect, which has no JVM on this side."""
    return any(cls.__module__.startswith("pyspark.sql.connect") for cls in type(session).__mro__)


def functions_of(session: Any) -> Any:
    """Return ``pyspark.sql.functions`` for the frames of a session, classic or Connect.

    Those of pyspark itself are for whichever kind the process has last been told to use.
    """
    from importlib import import_module

    kind = "connect" if is_connect(session) else "classic"
    try:
        return import_module(f"pyspark.sql.{kind}.functions")
    except ModuleNotFoundError:  # pyspark's own are the classic ones
        return import_module("pyspark.sql.functions")
