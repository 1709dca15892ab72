"""Run the Spark tests on a Spark Connect server, from an environment with its client alone.

The environment is of ``connect.lock``: pyspark-client, and no Spark, Java or py4j. The
server is a Spark of this environment. Arguments go to pytest in place of the folders of the tests.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / ".venv-connect"
LOCK = Path(__file__).with_name("connect.lock")
UV = Path(sys.executable).with_name("uv")

# Tests of these folders that need no Spark, or start one of their own, are left out by the marker.
TESTS = (
    *("checks", "datasets", "pipeline", "plan", "runner", "session"),
    *("spark", "spark_datasets", "spark_runner", "sql", "testing"),
)


def main() -> int:
    """Run the tests; returns pytest's exit status."""
    python = make_environment()
    with tempfile.TemporaryDirectory(prefix="sparkpipe-connect-") as folder:
        port = free_port()
        server = start_server(port, Path(folder))
        try:
            tests = sys.argv[1:] or [str(ROOT / "tests" / name) for name in TESTS]
            command = [str(python), "-m", "pytest", "-q", "-m", "session"]
            command += [f"--remote=sc://127.0.0.1:{port}", *tests]
            return subprocess.run(command, cwd=ROOT, check=False).returncode
        finally:
            assert server.stdin is not None
            server.stdin.close()  # on which it ends
            server.wait(60)


def make_environment() -> Path:
    """Make the client's environment if it is not there or the lock is newer; returns its Python."""
    python = CLIENT / "bin" / "python"
    stamp = CLIENT / ".set-up"
    made_from = max(path.stat().st_mtime for path in (LOCK, ROOT / "pyproject.toml"))
    if stamp.is_file() and stamp.stat().st_mtime > made_from:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(CLIENT)], check=True)
    install = [str(UV), "pip", "install", "--quiet", "--no-build-isolation"]
    install += ["--python", str(python)]
    subprocess.run([*install, "--require-hashes", "-r", str(LOCK)], check=True)
    subprocess.run([*install, "--no-deps", "-e", str(ROOT)], check=True)
    stamp.touch()
    return python


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(port: int, folder: Path) -> subprocess.Popen[str]:
    """Start a Connect server in a process of its own, and wait until it serves."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:2]\n"
        "import connect_only; connect_only.serve(int(sys.argv[2]), sys.argv[3])"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(port), str(folder)],
        cwd=folder,
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    patience = threading.Timer(180, server.kill)
    patience.start()
    told = server.stdout.readline()
    patience.cancel()
    if told.strip() != "serving":
        server.kill()
        sys.exit(f"The Connect server did not start. {told}")
    return server


def serve(port: int, folder: str) -> None:
    """Serve until standard input ends."""
    from sparkpipe.spark.session import SparkProvider

    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": False,
        "spark.sql.shuffle.partitions": 2,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.profile": "dev",
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.connect.progress.reportInterval": "500ms",
    }
    provider = SparkProvider(settings, log_file=Path(folder) / "spark.log")
    provider.get()
    print("serving", flush=True)
    sys.stdin.read()
    provider.stop()


if __name__ == "__main__":
    sys.exit(main())
