"""The properties of a session that is started here: profile, Delta, pools, then the user's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sparkpipe.spark.metastore import log_option, metastore_settings
from sparkpipe.spark.start.archive import archive_options
from sparkpipe.spark.start.delta import EXTENSION
from sparkpipe.spark.start.jars import delta_package, kept_jars
from sparkpipe.spark.start.properties import Pool, SparkOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"

_LISTING = "spark.sql.sources.parallelPartitionDiscovery.parallelism"

JAVA_OPTIONS = "spark.driver.extraJavaOptions"
CLASS_PATH = "spark.driver.extraClassPath"

# The second compiler pays off in long work only. The first one alone makes the code cache small.
_FIRST_COMPILER = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m")
_SERIAL_COLLECTOR = "-XX:+UseSerialGC"
_COLLECTOR = re.compile(r"-XX:\+Use\w+GC\b")


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
        "spark.sql.shuffle.partitions": str(max(2, min(os.cpu_count() or 2, 16))),
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.ui.showConsoleProgress": "false",
        **unless_given(),
    }


def unless_given() -> dict[str, str]:
    """Return the settings that every session started by us has, unless the user says otherwise."""
    return {
        "spark.scheduler.mode": "FAIR",
        # With it Spark 4.2.0 hangs for ever in a Python UDF over a Parquet scan (SPARK-58241).
        "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
        # Hive's default refuses each save of a partitioned table that names no partition.
        "spark.hadoop.hive.exec.dynamic.partition.mode": "nonstrict",
    }


def effective_settings(
    settings: Mapping[str, str], options: SparkOptions | None = None
) -> dict[str, str]:
    """Return the properties of a session: local profile, Delta if installed, then ``settings``.

    Args:
        settings: Spark properties of the user.
        options: Our options; the profile and the metastore count here.
    """
    options = options or SparkOptions()
    merged = {**local_profile(), **settings}
    if is_local(merged):
        # Spark has 10,000 tasks list a folder, as a cluster may: a vacuum of an empty table would
        # take a minute.
        listing = {_LISTING: merged["spark.sql.shuffle.partitions"]}
        metastore = metastore_settings(options.metastore_folder, settings)
        merged = {**listing, **merged, **metastore, **settings}
    package = delta_package()
    if package is not None:
        _add_delta(merged, settings, package)
    if is_local(merged):
        java = _java_options(settings, options.profile, merged.get(CLASS_PATH, ""))
        if options.metastore_folder is not None:
            java = f"{log_option(options.metastore_folder)} {java}".strip()
        if java:
            merged[JAVA_OPTIONS] = java
    return merged


def is_local(properties: Mapping[str, str]) -> bool:
    """Return whether the driver is all there is: no executor in a process of its own."""
    return re.fullmatch(r"local(\[.*\])?", properties["spark.master"]) is not None


def wants_package(properties: Mapping[str, str], package: str) -> bool:
    """Return whether a package is the only one that Spark is to resolve."""
    return properties.get("spark.jars.packages") == package


def has_delta(session: SparkSession) -> bool:
    """Whether a session that was started here can read and write Delta tables."""
    return EXTENSION in (session.conf.get("spark.sql.extensions", "") or "")


def _java_options(settings: Mapping[str, str], profile: str, class_path: str) -> str:
    """Put the options of profile and archive before the user's, so that the user's win."""
    own = settings.get(JAVA_OPTIONS, "")
    anywhere = " ".join(
        (
            own,
            settings.get("spark.driver.defaultJavaOptions", ""),
            os.environ.get("JAVA_TOOL_OPTIONS", ""),
            os.environ.get("JDK_JAVA_OPTIONS", ""),
        )
    )
    options = list(archive_options(class_path, anywhere))
    if profile == "dev":
        options += _FIRST_COMPILER
        # Java does not start with two collectors.
        options += () if _COLLECTOR.search(anywhere) else (_SERIAL_COLLECTOR,)
    return " ".join((*options, own)).strip()


def _add_delta(merged: dict[str, str], settings: Mapping[str, str], package: str) -> None:
    packages = [p for p in settings.get("spark.jars.packages", "").split(",") if p.strip()]
    named = any(":delta-spark" in given for given in packages)
    if "delta" not in settings.get("spark.jars", "") and not named:
        jars = kept_jars(package) if is_local(merged) and not packages else ()
        if jars:
            own = settings.get(CLASS_PATH)
            merged[CLASS_PATH] = os.pathsep.join([*map(str, jars), *([own] if own else [])])
        else:
            merged["spark.jars.packages"] = ",".join([*packages, package])
    if "spark.jars.packages" in merged and "spark.jars.repositories" not in settings:
        merged.setdefault(
            "spark.jars.ivySettings", str(Path(__file__).with_name("ivysettings.xml"))
        )
    extensions = [e for e in settings.get("spark.sql.extensions", "").split(",") if e.strip()]
    if EXTENSION not in extensions:
        extensions.append(EXTENSION)
    merged["spark.sql.extensions"] = ",".join(extensions)
    merged.setdefault("spark.sql.catalog.spark_catalog", _DELTA_CATALOG)


def pools_document(pools: Iterable[Pool]) -> str:
    """Return the file that defines pools to Spark: fair among one another, and each one inside.

    >>> print(pools_document([Pool("heavy", weight=2)]))
    <?xml version="1.0"?>
    <allocations>
      <pool name="default"><schedulingMode>FAIR</schedulingMode></pool>
      <pool name="heavy"><schedulingMode>FAIR</schedulingMode><weight>2</weight></pool>
    </allocations>
    """
    from xml.sax.saxutils import quoteattr

    named = {pool.name: pool for pool in (Pool("default"), *pools)}
    lines = ['<?xml version="1.0"?>', "<allocations>"]
    for pool in named.values():
        weight = f"<weight>{pool.weight}</weight>" if pool.weight != 1 else ""
        share = f"<minShare>{pool.min_share}</minShare>" if pool.min_share else ""
        lines.append(
            f"  <pool name={quoteattr(pool.name)}>"
            f"<schedulingMode>FAIR</schedulingMode>{weight}{share}</pool>"
        )
    return "\n".join([*lines, "</allocations>"])
