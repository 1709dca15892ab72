"""Start Spark's JVM and a classic session in it; tell in a line why it did not start."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sparkpipe.errors import SparkStartError
from sparkpipe.spark.metastore import metastore_settings
from sparkpipe.spark.start.jars import delta_package, keep_jars, resolving
from sparkpipe.spark.start.java import OLDEST_JAVA, java_hint, start_problem
from sparkpipe.spark.start.profile import (
    effective_settings,
    is_local,
    pools_document,
    unless_given,
    wants_package,
)
from sparkpipe.spark.start.properties import SparkOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

# '		:: io.delta#delta-spark_4.2_2.13;4.4.0: not found', as Ivy tells it.
_UNRESOLVED = re.compile(r"\s*:: (\S+)#(\S+);([^\s:]+):")
# The first line with one of these tells why Java or Spark did not start.
_TELLING = ("Exception", "Error", "error", "Invalid")


def start_session(
    settings: Mapping[str, str], options: SparkOptions | None = None, log_file: Path | None = None
) -> SparkSession:
    """Start a session in this process; the caller sees to it that no other is started meanwhile.

    Args:
        settings: Spark properties of the user.
        options: Our own options.
        log_file: Where the output of the JVM goes; by default a temporary file.

    Raises:
        SparkStartError: It cannot be started; says why and what to do.
    """
    options = options or SparkOptions()
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return _start_under_spark_submit(settings, options)
    problem, hint = start_problem()
    if problem:
        raise SparkStartError(problem, hint=hint)
    properties = effective_settings(settings, options)
    if log_file is None:
        handle, name = tempfile.mkstemp(prefix="sparkpipe-spark-", suffix=".log")
        os.close(handle)
        log_file = Path(name)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    _logger.info("Starting Spark (%s)...", properties["spark.master"])
    on_one_machine = properties["spark.master"].startswith("local")
    if on_one_machine:
        # Workers otherwise take the first python3 on PATH, in which the project is not installed.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with (
        pools_file(options) as pools,
        loopback_only(os.environ, on_one_machine),
        _own_interrupts(),
    ):
        session = _start_jvm(properties, pools, log_file)
    _keep_delta(session, properties)
    return session


def _start_jvm(
    properties: Mapping[str, str], pools: Mapping[str, str], log_file: Path
) -> SparkSession:
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf(loadDefaults=False)
    conf.setAll(list(properties.items()))
    if SparkContext._gateway is None:
        log_file.write_bytes(b"")
    # A JVM that another session has left writes to the same file: each at its end.
    with log_file.open("ab") as log:
        try:
            # What Ivy, log4j and the JVM print goes to a file: a console is for the run.
            output = {"stdout": log, "stderr": log}
            # The JVM of a session that was stopped is still there, and pyspark takes it again.
            gateway = SparkContext._gateway
            if gateway is None:
                with resolving(properties):
                    gateway = launch_gateway(conf, popen_kwargs=output)  # type: ignore[no-untyped-call]
            # Not for the JVM: a later session of someone else in it would look for the file.
            conf.setAll(list(pools.items()))
            SparkContext(conf=conf, gateway=gateway)
            return SparkSession.builder.getOrCreate()
        except Exception as exc:
            raise start_error(exc, log_file) from exc


def _start_under_spark_submit(settings: Mapping[str, str], options: SparkOptions) -> SparkSession:
    """Start the session of a script that spark-submit runs; what that was given comes first."""
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    with pools_file(options) as pools, _own_interrupts():
        try:
            conf = SparkConf()  # reads what spark-submit was given
            # Else Spark tells hundreds of lines on the console.
            given = {"spark.log.level": "WARN", **unless_given(), **settings, **pools}
            if conf.get("spark.master", "").startswith("local["):  # the driver is all there is
                given = {**metastore_settings(options.metastore_folder, settings), **given}
            for key, value in given.items():
                conf.setIfMissing(key, value)
            SparkContext.getOrCreate(conf)
            return SparkSession.builder.getOrCreate()
        except Exception as exc:
            raise SparkStartError(
                f"Spark could not start under spark-submit: {exc}",
                hint="Check the options of spark-submit.",
            ) from exc


def _keep_delta(session: SparkSession, properties: Mapping[str, str]) -> None:
    package = delta_package()
    if package and is_local(properties) and wants_package(properties, package):
        keep_jars(package, session.sparkContext.getConf().get("spark.jars", "").split(","))


@contextmanager
def pools_file(options: SparkOptions, folder: Path | None = None) -> Iterator[dict[str, str]]:
    """Yield the property that defines the pools; its file exists as long as Spark reads it."""
    if not options.pools:
        yield {}
        return
    handle, name = tempfile.mkstemp(prefix="sparkpipe-pools-", suffix=".xml", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(pools_document(options.pools))
        yield {"spark.scheduler.allocation.file": Path(name).as_uri()}
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Keep this process's answer to Ctrl-C: pyspark's own would cancel the jobs of every run."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        # Only the main thread may set it, and pyspark does so there only. None: not set by Python.
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def loopback_only(environment: dict[str, str] | os._Environ[str], wanted: bool) -> Iterator[None]:
    """Let Spark's servers listen on loopback; Spark takes the address of its UI only from here."""
    adds = wanted and "SPARK_LOCAL_IP" not in environment
    if adds:
        environment["SPARK_LOCAL_IP"] = "127.0.0.1"
    try:
        yield
    finally:
        if adds:
            environment.pop("SPARK_LOCAL_IP", None)


def start_error(exc: Exception | None, log_file: Path) -> SparkStartError:
    """Return the error that tells from a JVM's output why Spark did not start."""
    try:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    unresolved = sorted({f"{m[1]}:{m[2]}:{m[3]}" for m in map(_UNRESOLVED.match, lines) if m})
    if any("unresolved dependency" in line.lower() for line in lines):
        return SparkStartError(
            f"Spark could not start: its packages could not be fetched from Maven Central "
            f"({', '.join(unresolved) or 'unresolved'}).",
            hint=(
                "Check the network or proxy; or name another repository in spark.yml "
                f"(spark.jars.repositories), or the jars themselves (spark.jars). Log: {log_file}"
            ),
        )
    if any("UnsupportedClassVersionError" in line for line in lines):
        return SparkStartError(
            f"Spark could not start: it needs Java {OLDEST_JAVA} or newer.", hint=java_hint()
        )
    told = [line for line in lines if any(word in line for word in _TELLING)]
    no_master = [line for line in lines if "masters are unresponsive" in line]
    cause = [f"{type(exc).__name__}: {exc}"] if exc is not None else ["the JVM has ended"]
    reason = (no_master or told or lines or cause)[0].strip()
    return SparkStartError(
        f"Spark could not start: {reason[:300]}",
        hint=f"Check the settings in spark.yml. The whole output is in {log_file}",
    )
