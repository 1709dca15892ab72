"""Failures of a real Spark Connect server, in a process of its own: prints what is told of each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyspark
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from spark_failures import tell


def main(folder: Path) -> None:
    from pyspark.sql.connect.client.retries import DefaultPolicy  # not in Spark 3.5

    port = free_port()
    server = start_server(port, folder)
    try:
        address = f"sc://localhost:{port}"
        spark = SparkSession.builder.remote(address).create()
        fail_in(spark, folder)
        closed = SparkSession.builder.remote(address).create()
        closed.client.release_session()  # type: ignore[attr-defined]
        tell("session closed", lambda: closed.range(3).count())
    finally:
        server.kill()
        server.wait()
    # By default the client would try for minutes.
    spark.client.set_retry_policies([DefaultPolicy(max_retries=1)])  # type: ignore[attr-defined]
    tell("server gone", lambda: spark.range(3).count())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(port: int, folder: Path) -> subprocess.Popen[bytes]:
    home = Path(pyspark.__file__).parent
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [
                str(home / "bin" / "spark-submit"),
                *("--master", "local[2]", "--driver-java-options", "-XX:TieredStopAtLevel=1"),
                *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
                *(word for key, value in settings.items() for word in ("--conf", f"{key}={value}")),
                "spark-internal",
            ],
            cwd=folder,
            env={
                **os.environ,
                "SPARK_HOME": str(home),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "PYSPARK_PYTHON": sys.executable,
            },
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    return server


def fail_in(spark: SparkSession, folder: Path) -> None:
    def boom(x: Any) -> Any:
        raise ValueError("boom")

    def die(x: Any) -> Any:
        os._exit(9)

    out = str(folder / "out")
    frame = spark.range(3)
    tell("missing column", lambda: frame.select("idd").collect())
    tell("wrong query", lambda: spark.sql("select a frm\n where x y z"))
    tell("worker", lambda: frame.select(F.udf(boom, "long")("id")).collect())
    tell("worker died", lambda: frame.select(F.udf(die, "long")("id")).collect())
    endless = spark.range(0, 10**13, 1, 2).filter("id % 7 = 8")
    tell("cancelled count", lambda: cancelled(spark, endless.count))
    tell("cancelled toPandas", lambda: cancelled(spark, endless.toPandas))
    tell("cancelled write", lambda: cancelled(spark, lambda: endless.write.parquet(out)))


def cancelled(spark: SparkSession, job: Callable[[], Any]) -> None:
    """Run a job in a thread of its own, cancel it while it runs, and raise what it raises."""
    raised: list[Exception] = []
    running = threading.Event()

    def watch(inflight_tasks: int, **_: Any) -> None:
        if inflight_tasks:
            running.set()

    def work() -> None:
        spark.addTag("cancelled")
        try:
            job()
        except Exception as exc:
            raised.append(exc)

    spark.registerProgressHandler(watch)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    # The server heeds only the first interrupt, and loses one that comes before its job.
    running.wait(60)
    spark.interruptTag("cancelled")
    thread.join(60)
    spark.removeProgressHandler(watch)
    raise raised[0]


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
    # When Python ends, the client would try for minutes to take leave of a server that is gone.
    os._exit(0)
