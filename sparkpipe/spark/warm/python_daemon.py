"""Spark's daemon of Python workers, for a warm session: workers notice that code has changed.

Spark keeps its workers, and each keeps the modules that it has imported. In a session that outlives
a run they would go on with the code of an earlier run.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Mapping
from pathlib import Path
from socket import socket

#: Names the folder of the project's code.
SOURCE_VARIABLE = "SPARKPIPE_WORKER_SOURCE"


def main() -> None:
    """Run Spark's daemon; in each worker, forget the project's modules once a file has changed."""
    from pyspark import daemon

    source = os.path.join(os.environ[SOURCE_VARIABLE], "")
    seen: dict[str, int] = {}
    run_task = daemon.worker

    def worker(sock: socket, authenticated: bool) -> int:
        select.select([sock], [], [])  # a worker that is kept waits here for its next task
        if any(_time(path) != time for path, time in seen.items()):
            for name in _modules(source):
                del sys.modules[name]
            seen.clear()
        try:
            status: int = run_task(sock, authenticated)
            return status
        finally:
            for path in _modules(source).values():
                seen.setdefault(path, _time(path))

    daemon.worker = worker
    daemon.manager()


def _modules(source: str) -> Mapping[str, str]:
    """Return the file of each module that has been imported from the project's folder."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    found = {name: path for name, path in files.items() if path and path.startswith(source)}
    return {name: path for name, path in found.items() if "site-packages" not in path}


def _time(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


if __name__ == "__main__":
    main()
