"""Where the Spark session of a run comes from. The only place that starts one."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import SparkStartError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

#: The oldest Java that Spark 4 runs on.
OLDEST_JAVA = 17

# A Python process holds one SparkContext, whichever run asks first; two must not start at once.
_starting = threading.Lock()

_DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
# '		:: io.delta#delta-spark_4.2_2.13;4.4.0: not found', as Ivy tells it.
_UNRESOLVED = re.compile(r"\s*:: (\S+)#(\S+);([^\s:]+):")
# The first line with one of these tells why Java or Spark did not start.
_TELLING = ("Exception", "Error", "error", "Invalid")

_DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"


def local_profile() -> dict[str, str]:
    """Return the settings of a session on one machine, below those of ``spark.yml``.

    Few partitions and a small Delta snapshot, because a laptop's tables are small; the console
    free of bars; every server on loopback.
    """
    return {
        "spark.app.name": "sparkpipe",
        "spark.master": "local[*]",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.scheduler.mode": "FAIR",
        "spark.sql.shuffle.partitions": str(max(2, min(os.cpu_count() or 2, 16))),
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.ui.showConsoleProgress": "false",
        # With it Spark 4.2.0 hangs for ever in a Python UDF over a Parquet scan (SPARK-58241).
        "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
    }


class SparkProvider:
    """Gives one Spark session to everything in a run, started when first asked for.

    The order: the session given; the active one (a notebook's, spark-submit's); ``SPARK_REMOTE``;
    else one started from the settings. Only a session that was started here is stopped here.

    Args:
        settings: Spark properties, on top of the local profile.
        session: A session, or a function that returns one.
        log_file: Where the output of Spark's JVM goes; by default a temporary file.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        session: SparkSession | Callable[[], SparkSession] | None = None,
        log_file: Path | None = None,
    ) -> None:
        self._settings = {key: _as_property(value) for key, value in (settings or {}).items()}
        self._given = session
        self._session: SparkSession | None = None
        self._log_file = log_file
        self._lock = threading.Lock()
        self._built = False

    def capture(self) -> None:
        """Remember the session that is active in this thread; other threads would not see it."""
        if self._session is None and self._given is None and "pyspark.sql" in sys.modules:
            self._session = _active_session()

    def starts_jvm(self) -> bool:
        """Whether a session would be started here if one were asked for now."""
        return (
            self._given is None
            and self._session is None
            and not os.environ.get("SPARK_REMOTE")
            and "spark.remote" not in self._settings
            and _active_session() is None
        )

    def get(self) -> SparkSession:
        """Return the session, starting it if there is none.

        Raises:
            SparkStartError: It cannot be started; says why and what to do.
        """
        with self._lock:
            if self._session is None or _is_stopped(self._session):
                self._session = self._find()
            return self._session

    def _find(self) -> SparkSession:
        self._built = False
        _forget_removed_jars()
        if self._given is not None:
            given: Any = self._given
            session: SparkSession = given if hasattr(given, "createDataFrame") else given()
            return session
        if find_spec("pyspark") is None:
            raise SparkStartError(
                "Spark is needed, but pyspark is not installed.",
                hint="Install it with: pip install 'sparkpipe[spark]'",
            )
        with _starting:
            active = _active_session()
            if active is not None:
                return active
            if os.environ.get("SPARK_REMOTE") or "spark.remote" in self._settings:
                return self._connect()
            session = _start(self._settings, self._log_file)
            self._built = True
            return session

    def _connect(self) -> SparkSession:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder
        address = self._settings.get("spark.remote")
        if address is not None:
            builder = builder.remote(address)
        try:
            session = builder.getOrCreate()
        except Exception as exc:
            raise SparkStartError(
                f"No connection to the Spark Connect server: {exc}",
                hint="Check SPARK_REMOTE, or spark.remote in spark.yml.",
            ) from exc
        return session

    def stop(self) -> None:
        """Stop the session if it was started here."""
        with self._lock:
            if self._built and self._session is not None:
                self._session.stop()
            self._session = None
            self._built = False


_provider: ContextVar[SparkProvider | None] = ContextVar("_provider", default=None)


@contextmanager
def activated(provider: SparkProvider) -> Iterator[SparkProvider]:
    """Within it, :func:`get_spark` gives the session of ``provider``."""
    provider.capture()
    token = _provider.set(provider)
    try:
        yield provider
    finally:
        _provider.reset(token)


def get_spark() -> SparkSession:
    """Return the Spark session of the present run, or the active one, or a new one.

    Raises:
        SparkStartError: None can be started.
    """
    return (_provider.get() or SparkProvider()).get()


def _active_session() -> SparkSession | None:
    if "pyspark.sql" not in sys.modules:
        return None
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    # Threads other than the one that made the session have no active one.
    if getattr(SparkContext, "_active_spark_context", None) is not None:
        return SparkSession.builder.getOrCreate()
    return None


def _forget_removed_jars() -> None:
    """Take off the import path what a session that was stopped has put there and then removed."""
    sys.path[:] = [p for p in sys.path if not ("userFiles-" in p and not Path(p).exists())]


def _is_stopped(session: SparkSession) -> bool:
    context = getattr(session, "_sc", None)  # a Connect session has none
    return context is not None and getattr(context, "_jsc", None) is None


def _as_property(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def effective_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of a session: local profile, Delta if installed, then ``settings``."""
    merged = {**local_profile(), **settings}
    if find_spec("delta") is None:
        return merged
    if "spark.jars" not in settings or "delta" not in settings["spark.jars"]:
        wanted = _delta_package()
        packages = [p for p in settings.get("spark.jars.packages", "").split(",") if p.strip()]
        if not any(":delta-spark" in package for package in packages):
            packages.append(wanted)
        merged["spark.jars.packages"] = ",".join(packages)
    if "spark.jars.repositories" not in settings:
        merged.setdefault(
            "spark.jars.ivySettings", str(Path(__file__).with_name("ivysettings.xml"))
        )
    extensions = [e for e in settings.get("spark.sql.extensions", "").split(",") if e.strip()]
    if _DELTA_EXTENSION not in extensions:
        extensions.append(_DELTA_EXTENSION)
    merged["spark.sql.extensions"] = ",".join(extensions)
    merged.setdefault("spark.sql.catalog.spark_catalog", _DELTA_CATALOG)
    return merged


def _delta_package() -> str:
    """Return the Maven coordinates of the installed Delta for the installed Spark."""
    spark = ".".join(installed_version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{spark}_2.13:{installed_version('delta-spark')}"


def _start(settings: Mapping[str, str], log_file: Path | None) -> SparkSession:
    problem = java_problem()
    if problem:
        raise SparkStartError(problem, hint=java_hint())
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    merged = effective_settings(settings)
    conf = SparkConf(loadDefaults=False)
    conf.setAll(list(merged.items()))
    is_local = merged["spark.master"].startswith("local")
    if log_file is None:
        handle, name = tempfile.mkstemp(prefix="sparkpipe-spark-", suffix=".log")
        os.close(handle)
        log_file = Path(name)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    _logger.info("Starting Spark (%s)...", merged["spark.master"])
    if is_local:
        # Workers otherwise take the first python3 on PATH, in which the project is not installed.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if SparkContext._gateway is None:
        log_file.write_bytes(b"")
    # A JVM that another session has left writes to the same file: each at its end.
    with log_file.open("ab") as log, _loopback_only(is_local):
        try:
            # What Ivy, log4j and the JVM print goes to a file: a console is for the run.
            output = {"stdout": log, "stderr": log}
            # The JVM of a session that was stopped is still there, and pyspark takes it again.
            gateway = SparkContext._gateway or launch_gateway(  # type: ignore[no-untyped-call]
                conf, popen_kwargs=output
            )
            SparkContext(conf=conf, gateway=gateway)
            return SparkSession.builder.getOrCreate()
        except Exception as exc:
            raise _start_error(exc, log_file) from exc


@contextmanager
def _loopback_only(is_local: bool) -> Iterator[None]:
    """Have Spark's servers listen on loopback; Spark takes the address of its UI from here only."""
    before = os.environ.get("SPARK_LOCAL_IP")
    if is_local and before is None:
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    try:
        yield
    finally:
        if is_local and before is None:
            os.environ.pop("SPARK_LOCAL_IP", None)


def _start_error(exc: Exception, log_file: Path) -> SparkStartError:
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
    reason = (no_master or told or lines or [f"{type(exc).__name__}: {exc}"])[0].strip()
    return SparkStartError(
        f"Spark could not start: {reason[:300]}",
        hint=f"Check the settings in spark.yml. The whole output is in {log_file}",
    )


def java_problem() -> str:
    """Return what is wrong with Java on this machine, or an empty string. Starts no JVM."""
    home = os.environ.get("JAVA_HOME")
    if home:
        executable: str | None = shutil.which("java", path=str(Path(home) / "bin"))
        if executable is None:
            return f"Spark needs Java, but JAVA_HOME ({home}) has no bin/java."
    else:
        executable = shutil.which("java")
    if executable is None:
        return "Spark needs Java, but no 'java' was found."
    release = Path(executable).resolve().parent.parent / "release"
    found = _java_version(release)
    if found is not None and found < OLDEST_JAVA:
        return f"Spark needs Java {OLDEST_JAVA} or newer; {executable} is Java {found}."
    return ""


def java_hint() -> str:
    """Say how to get a Java that fits."""
    return (
        f"Install Java {OLDEST_JAVA} (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: "
        "brew install openjdk@17) and let JAVA_HOME point to it."
    )


def _java_version(release: Path) -> int | None:
    """Read the version from the file that every JDK carries; None where there is none."""
    try:
        text = release.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "JAVA_VERSION":
            numbers = value.strip('"').split(".")
            first = numbers[1] if numbers[0] == "1" and len(numbers) > 1 else numbers[0]
            return int(first) if first.isdigit() else None
    return None
