"""The process of a warm session: a classic session, with a Spark Connect server in its JVM.

It watches over itself. It ends when it has not been used for a while, where use is a run that
holds a lease or a query that runs; when its JVM has ended; and when it is asked to.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import SparkpipeError
from sparkpipe.spark.start.fingerprint import versions
from sparkpipe.spark.start.launch import start_session
from sparkpipe.spark.start.properties import Pool, SparkOptions
from sparkpipe.spark.warm.folder import Server, WarmFolder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Spark reads the token from here; as a property everybody could list it with the processes.
_TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105 - a name

# Spark still knows a query for minutes after it has ended so.
_ENDED = ("Finished", "Failed", "Canceled", "Closed")

_PATIENCE_SECONDS = 10.0

# A run shows how far its queries are; Spark's own two seconds are long for a short one.
_REPORTS = {"spark.connect.progress.reportInterval": "500ms"}

_BINDING = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": "0",  # any that is free
}


def main() -> int:
    """Serve what standard input describes; returns the exit status."""
    given = json.load(sys.stdin)
    folder = WarmFolder(Path(given["folder"]))
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    # The one before may be on its way out.
    patience = time.monotonic() + _PATIENCE_SECONDS
    while (alive := folder.lock("server.lock")) is None and time.monotonic() < patience:
        time.sleep(0.1)
    if alive is None:
        print("Another command is starting the warm session of this project.")  # noqa: T201
        return 1
    try:
        _serve(given, folder, ending)
    except SparkpipeError as exc:
        print(str(exc).replace("\n", " "))  # noqa: T201
        return 1
    finally:
        folder.forget()
        alive.close()
    return 0


def _serve(given: dict[str, Any], folder: WarmFolder, ending: threading.Event) -> None:
    token = os.environ[_TOKEN_VARIABLE] = secrets.token_urlsafe(32)
    pools = tuple(Pool(**pool) for pool in given["options"]["pools"])
    options = SparkOptions(**{**given["options"], "pools": pools})
    settings = {**_workers(), **_REPORTS, **given["settings"], **_BINDING}
    session = start_session(settings, options, Path(given["log_file"]))
    try:
        context: Any = session.sparkContext
        service = _service(session)
        service.start(context._jsc.sc())
        folder.write(
            Server(
                pid=os.getpid(),
                port=service.localPort(),
                started=time.time(),
                idle_minutes=given["idle_minutes"],
                fingerprint=given["fingerprint"],
                versions=versions(),
                token=token,
                folder=str(folder.path.resolve()),
            )
        )
        jvm = context._gateway.proc
        _watch(folder, ending, given["idle_minutes"] * 60, jvm.poll, service.listActiveExecutions)
    finally:
        _end(session)


def _workers() -> dict[str, str]:
    """Return the settings with which Python workers notice that code has changed."""
    if os.environ.get("PYSPARK_PYTHON", sys.executable) == sys.executable:
        return {"spark.python.daemon.module": "sparkpipe.spark.warm.python_daemon"}
    return {"spark.python.worker.reuse": "false"}  # sparkpipe may not be installed there


def _service(session: SparkSession) -> Any:
    package: Any = session.sparkContext._jvm
    # An object of Scala: its one instance has the methods that its class lacks.
    scala_object = getattr(package.org.apache.spark.sql.connect.service, "SparkConnectService$")
    return getattr(scala_object, "MODULE$")


def _watch(
    folder: WarmFolder,
    ending: threading.Event,
    idle_s: float,
    poll_jvm: Callable[[], int | None],
    executions: Callable[[], Any],
) -> None:
    """Return when the session is to end."""
    every_s = max(0.2, min(15.0, idle_s / 10))
    used = time.monotonic()
    last = ""
    while not ending.wait(every_s):
        if poll_jvm() is not None:
            return
        is_running, told = _activity(executions())
        try:
            free = folder.lock("in-use.lock")
        except OSError:  # the project is not there any more: nobody will find this session
            if is_running:
                continue
            return
        if free is None or is_running or told != last:
            used = time.monotonic()
        last = told
        if free is not None:
            if time.monotonic() - used >= idle_s:
                folder.forget()  # while no run can get a lease
                return
            free.close()


def _activity(executions: Any) -> tuple[bool, str]:
    """Return whether a query runs, and a text that changes once another one has run.

    Args:
        executions: As Spark tells them: those that it knows, or when it ended the last one.
    """
    if executions.isLeft():
        return False, str(executions.left().get())
    known = executions.right().get()
    infos = [known.apply(index) for index in range(known.size())]
    is_running = any(info.status().toString() not in _ENDED for info in infos)
    return is_running, " ".join(str(info.operationId()) for info in infos)


def _end(session: SparkSession) -> None:
    gateway: Any = session.sparkContext._gateway
    try:
        session.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=10)
    except Exception:
        gateway.proc.kill()  # it has ended already, or will not


if __name__ == "__main__":
    sys.exit(main())
