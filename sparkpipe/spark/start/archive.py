"""A class-data-sharing archive: Java starts from classes that it has parsed and verified before.

It is made once by :func:`make_archive`, lies in the user's cache folder, and is used by every
session on this machine with the same Java, Spark, Delta and class path. Java leaves out, silently,
one that does not fit.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sparkpipe.errors import SparkStartError
from sparkpipe.spark.start.jars import cache_folder, spark_jars
from sparkpipe.spark.start.java import java_executable, release_text

# What else spark-submit puts on the class path.
_VARIABLES = ("SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_DIST_CLASSPATH")

# A user's options with one of these say what is to be shared.
_OWN = ("-XX:SharedArchiveFile", "-XX:ArchiveClassesAtExit", "-Xshare")

# With a file that does not fit Java would print a warning, and go on without it.
_SILENT = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")

_LONGEST_TRAINING_S = 600


def archive_options(class_path: str, own_options: str) -> tuple[str, ...]:
    """Return the options of Java that use the archive; none where it has not been made.

    Args:
        class_path: What ``spark.driver.extraClassPath`` will be.
        own_options: Java's options of the user.
    """
    if any(option in own_options for option in _OWN):
        return ()
    path = archive_path(class_path)
    if path is None or not is_whole(path):
        return ()
    return (quoted(f"-XX:SharedArchiveFile={path}"), *_SILENT)


def is_whole(archive: Path) -> bool:
    """Return whether an archive is complete; Java would crash on one that has been cut off."""
    size = _about(archive).get("size")
    return size is not None and archive.is_file() and archive.stat().st_size == size


def _about(archive: Path) -> dict[str, Any]:
    """Return what was written beside an archive when it was made; empty if that is not there."""
    try:
        told = json.loads(archive.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def quoted(option: str) -> str:
    """Quote an option of Java that has a space, as Spark reads it."""
    return f'"{option}"' if " " in option else option


def archive_path(class_path: str) -> Path | None:
    """Return where the archive of this Java, Spark and class path lies; it need not exist.

    None where there is no Java or no Spark to make one for.
    """
    java, spark = java_executable(), spark_jars()
    if java is None or spark is None:
        return None
    # Java compares name, size and time of every jar, so the name of the archive tells them too.
    jars = [*sorted(spark.glob("*.jar")), *map(Path, filter(None, class_path.split(os.pathsep)))]
    told = [
        str(java),
        release_text(java),
        class_path,
        *(os.environ.get(name, "") for name in _VARIABLES),
        *(f"{path} {_size_and_time(path)}" for path in jars),
    ]
    key = hashlib.sha256("\n".join(told).encode()).hexdigest()[:20]
    return cache_folder() / "archives" / f"{key}.jsa"


def _size_and_time(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns}"


def make_archive(path: Path, settings: Mapping[str, str], log_file: Path) -> None:
    """Make the archive: run a small job in a process of its own, and let Java write its classes.

    Args:
        path: Where it will lie; see :func:`archive_path`.
        settings: Spark properties of the user.
        log_file: Where the output of that process goes.

    Raises:
        SparkStartError: It cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}-{os.getpid()}.jsa")
    try:
        run_training(settings, log_file, beside)
        if not beside.is_file():
            raise SparkStartError(
                "Java wrote no class-data-sharing archive.", hint=f"Its output: {log_file}"
            )
        about = {
            "jars": str(spark_jars()),
            "java": str(java_executable()),
            "size": beside.stat().st_size,
        }
        path.with_suffix(".json").write_text(json.dumps(about), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    for stale in _stale(path, about):
        stale.unlink(missing_ok=True)
        stale.with_suffix(".json").unlink(missing_ok=True)


def run_training(settings: Mapping[str, str], log_file: Path, archive: Path | None = None) -> None:
    """Start a session in a process of its own; with ``archive``, work in it and write that file.

    Raises:
        SparkStartError: It failed.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    given = json.dumps({"settings": dict(settings), "archive": archive and str(archive)})
    with log_file.open("wb") as log:
        try:
            ended = subprocess.run(  # noqa: S603 - our own module
                [sys.executable, "-m", "sparkpipe.spark.start.training", str(log_file)],
                input=given.encode(),
                stdout=log,
                stderr=log,
                timeout=_LONGEST_TRAINING_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as exc:
            raise SparkStartError(
                f"The training session did not end within {_LONGEST_TRAINING_S} s.",
                hint=f"Its output: {log_file}",
            ) from exc
    if ended != 0:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        raise SparkStartError(
            f"The training session failed: {lines[-1] if lines else 'it told nothing'}",
            hint=f"Its output: {log_file}",
        )


def _stale(path: Path, about: Mapping[str, Any]) -> Iterator[Path]:
    """Yield archives that no session can use: their Spark is gone, or has been replaced."""
    for other in path.parent.glob("[!.]*.jsa"):
        told = _about(other)
        if other == path or "jars" not in told:
            continue
        same = all(told.get(key) == about[key] for key in ("jars", "java"))
        if not Path(told["jars"]).is_dir() or (same and _older(other, spark_jars())):
            yield other


def _older(archive: Path, jars: Path | None) -> bool:
    return jars is not None and archive.stat().st_mtime < jars.stat().st_mtime
