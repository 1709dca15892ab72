"""A project's warm session: a Spark Connect server on this machine that outlives its runs.

All that is known of it lies in a folder of the project that only its owner can read. Two locks
tell the rest without guessing: the server holds ``server.lock`` for as long as it lives, and each
run that uses it shares ``in-use.lock``; both end with the processes that hold them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from sparkpipe.errors import ConfigError, SparkStartError
from sparkpipe.spark.start.connect import check_packages
from sparkpipe.spark.start.fingerprint import differences, fingerprint
from sparkpipe.spark.start.jars import installed_version
from sparkpipe.spark.start.java import start_problem
from sparkpipe.spark.start.properties import SparkOptions
from sparkpipe.spark.warm.python_daemon import SOURCE_VARIABLE

#: The folder in a project.
FOLDER = ".sparkpipe"

_ANSWER_S = 1
_LONGEST_START_S = 180
_LONGEST_STOP_S = 15


@dataclass(frozen=True)
class Server:
    """A Spark Connect server of a project.

    Attributes:
        pid: Its process, and the group of all its processes.
        port: Where it listens, on loopback.
        started: When it was started, in seconds since the epoch.
        idle_minutes: After how long without use it stops by itself.
        fingerprint: The settings and versions that it was started with, by name.
        versions: Those of them that are told to a user.
        token: What a client must know.
        folder: Where it was known when it was started.
    """

    pid: int
    port: int
    started: float
    idle_minutes: float
    fingerprint: Mapping[str, str]
    versions: Mapping[str, str]
    token: str = field(repr=False)
    folder: str = ""

    @property
    def address(self) -> str:
        """What a client connects to, with the token."""
        # To any other name of this machine the client would speak TLS.
        return f"sc://localhost:{self.port}/;token={self.token}"

    def answers(self) -> bool:
        """Return whether the server listens; a client would try for minutes to find out."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=_ANSWER_S):
                return True
        except OSError:
            return False


class WarmFolder:
    """The folder in which a project's warm session is known.

    Args:
        path: The folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def server(self) -> Server | None:
        """Return the server that runs, whatever its settings; None if there is none."""
        if os.name != "posix" or not self._file.is_file():
            return None
        lock = self.lock("server.lock")
        if lock is not None:  # nobody lives to hold it
            lock.close()
            return None
        try:
            return Server(**json.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def usable(self, fingerprint: Mapping[str, str]) -> Server | None:
        """Return the server that runs, if it answers and was started with these settings."""
        server = self.server()
        return server if server is not None and not self.misfit(server, fingerprint) else None

    def misfit(self, server: Server, fingerprint: Mapping[str, str]) -> str:
        """Say why a server is not one for these settings; an empty text if it is."""
        if server.folder not in ("", str(self.path.resolve())):
            return f"it works in a folder that was moved or renamed: {server.folder}"
        different = differences(server.fingerprint, fingerprint)
        if different:
            return f"it was started with other settings or versions: {', '.join(different)}"
        if not server.answers():
            return f"it does not answer on port {server.port} within {_ANSWER_S} s"
        return ""

    def lease(self) -> IO[str] | None:
        """Tell the server that it is used, until what is returned is closed; None if it is ending.

        To be asked for before :meth:`usable`, or it might end in between.
        """
        for _ in range(5 if self.path.is_dir() else 0):
            lease = self.lock("in-use.lock", shared=True)
            if lease is not None:
                return lease
            time.sleep(0.02)  # the server looks whether it is used, or is ending
        return None

    def write(self, server: Server) -> None:
        """Describe a server in a file that only its owner can read."""
        beside = self._file.with_suffix(".tmp")
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(server), file)
        beside.replace(self._file)

    def forget(self) -> None:
        """Remove the description of the server."""
        self._file.unlink(missing_ok=True)

    def lock(self, name: str, *, shared: bool = False) -> IO[str] | None:
        """Take a lock without waiting; it ends when the file is closed. None if it is taken."""
        import fcntl

        file = open(self.path / name, "a")  # noqa: SIM115 - open is what holds the lock
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        return file

    def make(self) -> None:
        """Make the folder, for its owner alone and not for git.

        Raises:
            ConfigError: Others could read it.
        """
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.path.chmod(0o700)
        status = self.path.stat()
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise ConfigError(
                f"{self.path} can be read by others, so no token can be kept there.",
                hint="Move the project to a disk with owners and modes.",
            )
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")

    @property
    def _file(self) -> Path:
        return self.path / "server.json"


def start(
    folder: WarmFolder,
    settings: Mapping[str, str],
    options: SparkOptions,
    *,
    project: Path,
    source_dir: Path,
    idle_minutes: float,
) -> tuple[Server, bool]:
    """Start the warm session of a project, or find it running; one that does not fit is replaced.

    Args:
        folder: Where it will be known.
        settings: Spark properties of the project.
        options: Our options of the project.
        project: The folder in which it works.
        source_dir: From where its Python workers import the project's code.
        idle_minutes: After how long without use it stops by itself.

    Returns:
        The server, and whether it has been started now.

    Raises:
        ConfigError: One with other settings is in use.
        SparkStartError: It cannot be started; says why.
    """
    _check_possible()
    folder.make()
    mark = fingerprint(settings, options)
    running = folder.server()
    if running is not None:
        problem = folder.misfit(running, mark)
        if not problem:
            return running, False
        free = folder.lock("in-use.lock")
        if free is None:
            raise ConfigError(
                f"The warm session does not fit ({problem}), and a run is using it.",
                hint="Wait for the run, or end both by: sparkpipe session stop",
            )
        stop(folder)
        free.close()
    folder.forget()
    given = {
        "folder": str(folder.path),
        "settings": dict(settings),
        "options": asdict(options),
        "idle_minutes": idle_minutes,
        "fingerprint": mark,
        "log_file": str(project / "logs" / "spark-server.log"),
    }
    return _launch(folder, given, project, source_dir), True


def _check_possible() -> None:
    if os.name != "posix":
        raise SparkStartError("A warm session needs Linux or macOS.")
    problem, hint = start_problem()
    if problem:
        raise SparkStartError(problem, hint=hint)
    version = installed_version("pyspark")
    if version.startswith("3."):
        raise SparkStartError(
            f"A warm session needs Spark 4.0 or newer, and pyspark here is {version}.",
            hint="Its Spark Connect server is a package of its own. Runs go on without one.",
        )
    check_packages()


def _launch(folder: WarmFolder, given: dict[str, Any], project: Path, source: Path) -> Server:
    paths = [str(source), *filter(None, [os.environ.get("PYTHONPATH")])]
    output = folder.path / "server.out"
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "sparkpipe.spark.warm.server"],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            cwd=project,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(paths),
                SOURCE_VARIABLE: str(source),
            },
            start_new_session=True,  # it outlives this command, and Ctrl-C is not for it
        )
    assert process.stdin is not None
    # Not as arguments, which everybody on the machine can list.
    process.stdin.write(json.dumps(given).encode())
    process.stdin.close()
    ends = time.monotonic() + _LONGEST_START_S
    try:
        while process.poll() is None and time.monotonic() < ends:
            server = folder.server()
            if server is not None:
                return server
            time.sleep(0.05)
    except BaseException:
        _kill(process.pid)
        raise
    if process.poll() is None:
        _kill(process.pid)
        raise SparkStartError(
            f"The warm session did not start within {_LONGEST_START_S} s.",
            hint=f"Its output: {given['log_file']}",
        )
    told = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise SparkStartError(told[-1] if told else "The warm session ended while it started.")


def stop(folder: WarmFolder) -> Server | None:
    """End the warm session; returns the one that ran, or None."""
    server = folder.server()
    if server is None:
        return None
    os.kill(server.pid, signal.SIGTERM)
    ends = time.monotonic() + _LONGEST_STOP_S
    while folder.server() is not None and time.monotonic() < ends:
        time.sleep(0.05)
    if folder.server() is not None:
        _kill(server.pid)
    folder.forget()
    return server


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
