"""The work from which a class-data-sharing archive is made; run as a process of its own.

It does what a first run does, so that Java has loaded the classes that a first run needs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.spark.start.archive import quoted
from sparkpipe.spark.start.launch import start_session
from sparkpipe.spark.start.profile import CLASS_PATH, JAVA_OPTIONS, has_delta
from sparkpipe.spark.start.properties import SparkOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Settings that decide which jars there are; a job for training needs no other of the user's.
_KEPT = (
    CLASS_PATH,
    "spark.jars",
    "spark.jars.packages",
    "spark.jars.ivySettings",
    "spark.jars.repositories",
)


def main() -> None:
    """Read what to do from standard input, and do it."""
    given = json.load(sys.stdin)
    archive: str | None = given["archive"]
    settings = {key: value for key, value in given["settings"].items() if key in _KEPT}
    with tempfile.TemporaryDirectory(prefix="sparkpipe-training-") as folder:
        settings["spark.master"] = "local[2]"
        settings["spark.sql.warehouse.dir"] = f"{folder}/warehouse"
        if archive:
            settings[JAVA_OPTIONS] = (
                quoted(f"-XX:ArchiveClassesAtExit={archive}") + " -Xlog:cds=off"
            )
        session = start_session(settings, SparkOptions(profile="dev"), Path(sys.argv[1]))
        if archive:
            work(session, Path(folder), with_delta=has_delta(session))
        gateway: Any = session.sparkContext._gateway
        session.stop()
        # Java writes the archive when it ends, and ends when nobody speaks to it any more.
        gateway.shutdown()
        gateway.proc.stdin.close()
        status = gateway.proc.wait()
    if status != 0:
        sys.exit(f"Java ended with status {status}; is there room for 200 MB on the disk?")


def work(session: SparkSession, folder: Path, *, with_delta: bool) -> None:
    """Do once what most runs do: read, join, aggregate and write, in each common format."""
    from pyspark.sql import functions as F

    numbers = session.range(1000).select(F.col("id"), (F.col("id") % 7).alias("key"))
    sums = numbers.groupBy("key").agg(F.sum("id").alias("sum"), F.max("id"))
    numbers.join(sums, "key").orderBy("id").limit(5).collect()
    numbers.cache().count()
    numbers.toPandas()
    session.createDataFrame([(1, "a")], "id INT, name STRING").createOrReplaceTempView("names")
    session.sql("SELECT name, row_number() OVER (ORDER BY id) FROM names").collect()
    for file_format in ("parquet", "csv", "json"):
        path = str(folder / file_format)
        numbers.write.format(file_format).mode("overwrite").save(path)
        session.read.format(file_format).load(path).count()
    if with_delta:
        path = str(folder / "delta")
        for mode in ("overwrite", "append", "overwrite"):
            numbers.write.format("delta").mode(mode).save(path)
            session.read.format("delta").load(path).where("id > 5").count()


if __name__ == "__main__":
    main()
