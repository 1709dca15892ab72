"""Where the Spark session of a run comes from."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import SparkStartError
from sparkpipe.hooks import is_within_hook
from sparkpipe.spark.active import (
    active_session,
    forget_removed_jars,
    has_died,
    is_connect,
    is_stopped,
)
from sparkpipe.spark.answers import answer_for_runs, answering_itself
from sparkpipe.spark.databricks import foreign_feature, on_databricks
from sparkpipe.spark.jobs.query_logs import leave_out_of_runs
from sparkpipe.spark.jobs.run import current_run
from sparkpipe.spark.jobs.scope import carry
from sparkpipe.spark.start.connect import CONNECT_MODE, connect
from sparkpipe.spark.start.delta import delta_problem
from sparkpipe.spark.start.fingerprint import fingerprint
from sparkpipe.spark.start.jars import client_problem, spark_jars
from sparkpipe.spark.start.launch import start_session
from sparkpipe.spark.start.patience import give_up_on_gone_server
from sparkpipe.spark.start.properties import SparkOptions, read_settings
from sparkpipe.spark.users import users_of
from sparkpipe.spark.warm.folder import Server, WarmFolder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

# A Python process holds one SparkContext, whichever run asks first; two must not start at once.
_starting = threading.Lock()

# What databricks-connect alone reads, and all by which it finds its compute.
_COMPUTE = ("DATABRICKS_CLUSTER_ID", "DATABRICKS_SERVERLESS_COMPUTE_ID")
_DATABRICKS = ("DATABRICKS_HOST", "DATABRICKS_CONFIG_PROFILE", *_COMPUTE)


class SparkProvider:
    """Provides one Spark session for everything in a run, started when first asked for.

    The order: the session given; the active one (a notebook's, spark-submit's); that of
    databricks-connect where it is configured; the Spark Connect server of ``SPARK_REMOTE`` or
    ``spark.remote``; the project's warm session; else one started from the settings. Only a session
    that was started here is stopped here.

    Args:
        settings: Spark properties and our options, on top of the local profile.
        session: A session, or a function that returns one.
        log_file: Where the output of Spark's JVM goes; by default a temporary file.
        warm: Where the warm session of the project is known; by default there is none.
        on_session: Called once with each session that is given out, before it is used.
        metastore: Returns the folder of the metastore for a session on one machine, or None for
            one in memory, by what ``spark.metastore`` says; by default it is in memory.

    Attributes:
        options: Our own options among the settings.
        settings: Spark's properties among them.

    Raises:
        ConfigError: A setting is wrong.
        PreflightError: More than one is.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        session: SparkSession | Callable[[], SparkSession] | None = None,
        log_file: Path | None = None,
        warm: WarmFolder | None = None,
        on_session: Callable[[SparkSession], None] | None = None,
        metastore: Callable[[str | None], Path | None] | None = None,
    ) -> None:
        self.options: SparkOptions
        self.settings: dict[str, str]
        self.options, self.settings = read_settings(settings or {})
        self._given = session
        self._session: SparkSession | None = None
        self._log_file = log_file
        self._warm = warm
        self._lock = threading.Lock()
        self._built = False
        self._on_session = on_session
        self._metastore = metastore
        self._told: SparkSession | None = None
        self._is_telling = False
        self._telling = threading.RLock()  # who is told may ask for the session

    def capture(self) -> None:
        """Remember the session that is active in this thread; other threads would not see it."""
        self._forget_dead()
        if self._session is None and self._given is None:
            self._session = active_session()
            self._join()

    def _forget_dead(self) -> None:
        """Forget a session whose Spark has ended by itself, so that the next run has another."""
        session: Any = self._session
        if session is None:
            return
        lease = getattr(session, "_sparkpipe_lease", None)
        if has_died(session):
            self._session = None
        elif lease is not None and self._warm is not None and self._warm.server() is None:
            session.release_session_on_close = False  # nobody answers
            with suppress(Exception):
                _stop(session)
            self._session = None

    def _join(self) -> None:
        """Be a user of the session, so that nobody else stops it."""
        if self._session is None or self._given is not None:
            return
        users = users_of(self._session)
        users.own(self) if self._built else users.add(self)

    @cached_property
    def start_options(self) -> SparkOptions:
        """Our options with what the project decides, for a session that is started."""
        folder = self._metastore(self.options.metastore) if self._metastore else None
        return replace(self.options, metastore_folder=None if folder is None else str(folder))

    def peek(self) -> SparkSession | None:
        """Return the session if one is there already; never starts or connects one."""
        known = self._session
        if known is not None and not is_stopped(known):
            return known
        if self._given is None:
            return active_session()
        given: Any = self._given
        return given if hasattr(given, "createDataFrame") and not is_stopped(given) else None

    def expect_connect(self) -> None:
        """Let pyspark make columns and UDFs for Spark Connect, if the session will be of it.

        What a module makes when it is imported, before there is a session, would else be of classic
        Spark, and of no use.
        """
        if CONNECT_MODE in os.environ or self._given is not None or self.peek() is not None:
            return
        if self._remote() or (self.is_made_of_settings() and self._warm_server() is not None):
            os.environ[CONNECT_MODE] = "1"

    def starts_jvm(self) -> bool:
        """Whether a session would be started here if one were asked for now."""
        return self.peek() is None and self.is_made_of_settings() and self._warm_server() is None

    def delta_problem(self) -> str:
        """Say why the session cannot load Delta, and what to do; empty where nothing is known.

        A session that somebody else has made has Delta or has it not, whatever is installed here.
        """
        if not self.is_made_of_settings() or not (self._built or self.peek() is None):
            return ""
        return delta_problem(self.settings)

    def is_made_of_settings(self) -> bool:
        """Whether the session, if there is none yet, is one of this machine, warm or started."""
        return (
            self._given is None
            and self._remote() is None
            and not uses_databricks()
            and not on_databricks()
            and "PYSPARK_GATEWAY_PORT" not in os.environ
        )

    def get(self) -> SparkSession:
        """Return the session, starting it if there is none.

        Raises:
            SparkStartError: It cannot be started; says why and what to do.
        """
        with self._lock:
            if self._session is not None and current_run() is not None and has_died(self._session):
                raise SparkStartError(
                    "Spark's JVM has ended in the midst of the run, and with it all frames.",
                    hint="It may have been killed for lack of memory: see spark.driver.memory.",
                )
            if self._session is None or is_stopped(self._session):
                self._built = False
                with answering_itself():
                    self._session = self._find()
                self._join()
                leave_out_of_runs()
                answer_for_runs()
            session = self._session
            lend_path(session)
        if self._on_session is not None and self._told is not session:
            self._tell(session)
        return session

    def _tell(self, session: SparkSession) -> None:
        assert self._on_session is not None
        # Who is in a hook holds a lock that the hook told of the session may wait for.
        if not self._telling.acquire(blocking=not is_within_hook()):
            return
        try:
            if self._told is not session and not self._is_telling:
                self._is_telling = True
                try:
                    self._on_session(session)
                finally:
                    self._told, self._is_telling = session, False
        finally:
            self._telling.release()

    def _find(self) -> SparkSession:
        forget_removed_jars()
        if self._given is not None:
            return _take(self._given)
        if find_spec("pyspark") is None:
            raise SparkStartError(
                "Spark is needed, but pyspark is not installed.",
                hint="Install it with: pip install 'sparkpipe[spark]'",
            )
        with _starting:
            active = active_session()
            if active is not None:
                return active
            if on_databricks():
                return _connected(
                    _builder, "Databricks", "Attach the notebook or job to a cluster."
                )
            if uses_databricks():
                return _connected(
                    _databricks_builder,
                    "Databricks",
                    "Check the profile in ~/.databrickscfg and the DATABRICKS_ variables.",
                )
            remote = self._remote()
            if remote is not None:
                remote_session = connect(remote)
                atexit.register(_close_client, remote_session)
                return remote_session
            _warn_of_databricks()
            session = self._connect_warm()
            if session is None:
                os.environ.pop(CONNECT_MODE, None)  # of a warm session that has ended meanwhile
                session = start_session(self.settings, self.start_options, self._log_file)
            self._built = True
            return session

    def _warm_server(self) -> Server | None:
        if self._warm is None or self._warm.server() is None or find_spec("grpc") is None:
            return None  # without a look at what a session would be made of: it takes the catalog
        if client_problem():  # who started it has another pyspark
            return None
        return self._warm.usable(fingerprint(self.settings, self.start_options))

    def _connect_warm(self) -> SparkSession | None:
        """Return a session of the project's warm server; None if there is none that fits."""
        if self._warm is None or "PYSPARK_GATEWAY_PORT" in os.environ:
            return None
        lease = self._warm.lease()
        server = None if lease is None else self._warm_server()
        if server is None:
            if lease is not None:
                lease.close()
            self._tell_of_misfit(self._warm)
            return None
        _logger.info("Using the warm Spark session (pid %d)", server.pid)
        session: Any = _connected(
            lambda: _builder().remote(server.address),
            "the warm session",
            "Replace it by: sparkpipe session stop, and start",
            secret=server.token,
        )
        session._sparkpipe_lease = lease  # the server may end when this session is gone
        give_up_on_gone_server(session.client, retries=0)  # it is on this machine
        atexit.register(_close_client, session)
        taken: SparkSession = session
        return taken

    def _tell_of_misfit(self, warm: WarmFolder) -> None:
        """Say why the warm session that runs is not used."""
        running = warm.server()
        if running is None:
            return
        if find_spec("grpc") is None:
            reason = "grpcio, which its client needs, is not installed here"
        else:
            reason = client_problem() or warm.misfit(
                running, fingerprint(self.settings, self.start_options)
            )
        _logger.warning(
            "The warm session is not used: %s. To replace it: sparkpipe session start",
            reason.removesuffix(".") or "it is about to end",
        )

    def _remote(self) -> str | None:
        return os.environ.get("SPARK_REMOTE") or self.options.remote

    def stop(self) -> None:
        """Leave the session; it is stopped if it was started here and nobody else uses it."""
        with self._lock:
            session, self._session, self._built = self._session, None, False
            if session is None or self._given is not None:
                return
            with _starting:
                if not users_of(session).leave(self) or is_stopped(session):
                    return
                try:
                    _stop(session)
                except Exception as exc:  # it is about to die: that must not hide how a run ended
                    _logger.debug("Spark could not be stopped: %s", exc)


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


@contextmanager
def activated_here(provider: SparkProvider) -> Iterator[None]:
    """Within it, :func:`get_spark` gives the session of ``provider`` on a thread of its own."""
    token = _provider.set(provider)
    try:
        yield
    finally:
        _provider.reset(token)


def current_provider() -> SparkProvider | None:
    """Return the provider of the present run; None outside a run."""
    run = current_run()
    # A thread that a node has started may outlive its run.
    return None if run is not None and run.is_over else _provider.get()


def get_spark() -> SparkSession:
    """Return the Spark session of the present run, or the active one, or a new one.

    Raises:
        SparkStartError: None can be started.
    """
    session = (current_provider() or SparkProvider()).get()
    carry(session)
    run = current_run()
    if run is not None and not run.is_over:  # what Connect tells is heard from now on
        run.progress.watch()
        run.settings.note(session)
    return session


def _take(given: Any) -> SparkSession:
    """Return a session that was given, or what a function that was given returns."""
    if hasattr(given, "createDataFrame"):
        session = given
    else:
        try:
            session = given()
        except Exception as exc:
            raise SparkStartError(
                f"The function that gives the Spark session failed: {type(exc).__name__}: {exc}",
                hint=foreign_feature(exc),
            ) from exc
        if not hasattr(session, "createDataFrame"):
            raise SparkStartError(
                "The function that gives the Spark session must return a SparkSession, "
                f"not {type(session).__name__}."
            )
    if is_stopped(session):
        raise SparkStartError(
            "The Spark session that was given has been stopped.", hint="Give one that is running."
        )
    taken: SparkSession = session
    return taken


def _builder() -> Any:
    from pyspark.sql import SparkSession

    return SparkSession.builder


def _databricks_builder() -> Any:
    from databricks.connect import DatabricksSession

    return DatabricksSession.builder


def _connected(
    make_builder: Callable[[], Any], to: str, hint: str, secret: str | None = None
) -> SparkSession:
    try:
        session: SparkSession = make_builder().getOrCreate()
    except Exception as exc:
        told = str(exc) if secret is None else str(exc).replace(secret, "...")
        raise SparkStartError(f"No connection to {to}: {told}", hint=hint) from exc
    return session


def _close_client(session: Any) -> None:
    """Let nothing be asked of a server while Python ends: models and rows wait for an answer."""
    with suppress(Exception):
        session.release_session_on_close = False
        session.client.close()


def lend_path(session: Any) -> None:
    """Let workers on this machine import what this process can: the project's own modules.

    They come with Python's packages by themselves, not with what was put on the path of imports.
    """
    if is_connect(session):
        return
    context = getattr(session, "_sc", None)
    environment = getattr(context, "environment", None)
    master = str(getattr(context, "master", ""))
    if not isinstance(environment, dict) or not _has_workers_here(master):
        return
    own = [
        path
        for path in sys.path
        if path and "userFiles-" not in path and not _comes_with_python(path)
    ]
    if own:
        environment["PYTHONPATH"] = os.pathsep.join(own)


def _has_workers_here(master: str) -> bool:
    """Whether Spark starts its Python workers on this machine.

    >>> [_has_workers_here(m) for m in ("local", "local[2]", "local-cluster[2,1,512]", "yarn")]
    [True, True, True, False]
    """
    return master == "local" or master.startswith(("local[", "local-cluster["))


def _comes_with_python(path: str) -> bool:
    """Whether any Python of this environment has a folder on its path: of modules or packages.

    What merely lies below the environment, as /usr/src/app does for Python in /usr, is not so.
    """
    from sysconfig import get_path

    folder = Path(path)
    if not any(map(folder.is_relative_to, (sys.prefix, sys.base_prefix))):
        return False
    known = ("stdlib", "platstdlib", "scripts")
    return (
        folder.suffix == ".zip"
        or not {"site-packages", "dist-packages"}.isdisjoint(folder.parts)
        or any(folder.is_relative_to(get_path(name)) for name in known)
    )


def _stop(session: Any) -> None:
    session.stop()
    lease = getattr(session, "_sparkpipe_lease", None)
    if lease is not None:
        lease.close()
        # Else pyspark would never again start a classic session in this process.
        os.environ.pop(CONNECT_MODE, None)


def _warn_of_databricks() -> None:
    """Report that compute of Databricks is named but cannot be reached."""
    for name in _COMPUTE:
        if os.environ.get(name):
            _logger.warning(
                "%s is set, but databricks-connect is not installed: Spark runs on this machine. "
                "To use Databricks install it, of the version of the compute, in an environment "
                "without pyspark: pip install databricks-connect",
                name,
            )
            return


def uses_databricks() -> bool:
    """Return whether to use databricks-connect: it is configured, or Spark is not installed."""
    if find_spec("databricks") is None or find_spec("databricks.connect") is None:
        return False
    return any(map(os.environ.get, _DATABRICKS)) or spark_jars() is None
