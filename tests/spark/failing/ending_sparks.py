"""Sessions that come to a bad end, each in a process of its own: prints what is told of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from spark_failures import tell

from sparkpipe.spark.session import SparkProvider

SETTINGS = {
    "spark.ui.enabled": False,
    "spark.sql.shuffle.partitions": 2,
    "spark.driver.memory": "512m",
    "spark.driver.maxResultSize": "1m",
    "spark.task.maxFailures": 1,
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
}


def kill_the_executor(x: Any) -> Any:
    """Run in a worker, whose parent is a daemon, whose parent is the JVM of the executor."""
    daemon = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(daemon.rpartition(")")[2].split()[1]), signal.SIGKILL)
    time.sleep(60)
    return x


def main(kind: str, log_file: Path) -> None:
    master = "local-cluster[1,1,1024]" if kind == "executor" else "local[2]"
    provider = SparkProvider({**SETTINGS, "spark.master": master}, log_file=log_file)
    spark = provider.get()

    def kill_the_driver() -> None:
        frame = spark.range(3)
        gateway: Any = spark.sparkContext._gateway
        gateway.proc.kill()
        gateway.proc.wait()
        frame.count()

    if kind == "executor":
        tell("lost", lambda: spark.sparkContext.parallelize([1]).map(kill_the_executor).collect())
        provider.stop()
        return
    # Hashes, for results are compressed.
    tell("big", lambda: spark.range(50_000).selectExpr("sha2(string(id), 512)").collect())
    # An array larger than the heap: refused at once, without memory being filled.
    tell("memory", lambda: spark.sql("select length(repeat('x', 2000000000))").collect())
    tell("gone", kill_the_driver)
    tell("still gone", lambda: spark.range(3))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
