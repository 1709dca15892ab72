"""Delta's jars, kept in the user's cache folder once Spark has resolved them.

Spark resolves ``spark.jars.packages`` anew at each start, which costs seconds. The jars of the
first start are kept, and later sessions on this machine get them on their class path.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

_logger = logging.getLogger(__name__)

# The first Delta that has a jar for a Spark; later ones of the same major version have it too.
_FIRST_DELTA = {(3, 5): (3, 2), (4, 0): (4, 0), (4, 1): (4, 1), (4, 2): (4, 4)}
# No Delta up to this one has a jar for a later Spark. Of what comes after it nothing is known here.
_LATEST_DELTA = (4, 4)

#: Names the cache folder; by default it is where the platform keeps caches.
CACHE_VARIABLE = "SPARKPIPE_CACHE"


def cache_folder() -> Path:
    """Return sparkpipe's folder for what can be made again; it need not exist."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "sparkpipe"


def spark_jars() -> Path | None:
    """Return the folder of Spark's own jars; None where only a client of Spark is installed."""
    spec = find_spec("pyspark")
    homes = [os.environ.get("SPARK_HOME"), *((spec and spec.submodule_search_locations) or ())]
    folders = [Path(home) / "jars" for home in homes if home]
    return next((folder for folder in folders if folder.is_dir()), None)


def client_problem() -> str:
    """Return a hint that pyspark is only the client of Spark Connect here; else an empty string."""
    if find_spec("pyspark") is None or spark_jars() is not None:
        return ""
    return "No Spark can start here: of pyspark only the client of Spark Connect is installed."


#: What to do then.
CLIENT_HINT = (
    "Name a server: SPARK_REMOTE, or spark.remote in spark.yml; or install a whole Spark in "
    "another environment: pip install 'sparkpipe[spark]'"
)


def installed_version(package: str) -> str:
    """Return the version of a Python package."""
    from importlib.metadata import version  # 10 ms that most processes do not need

    return version(package)


def known_version(package: str) -> str:
    """Return the version of a Python package; empty if it was not installed as one.

    A pyspark that lies in ``SPARK_HOME`` was not, nor is a folder ``delta`` that somebody has.
    """
    from importlib.metadata import PackageNotFoundError

    try:
        return installed_version(package)
    except PackageNotFoundError:
        return ""


def delta_package() -> str | None:
    """Return the Maven coordinates of the installed Delta for the installed Spark.

    None if none is installed, or if it has no jar for this Spark.
    """
    if find_spec("delta") is None:
        return None
    pyspark, version = known_version("pyspark"), known_version("delta-spark")
    if not pyspark or not version:
        return None
    spark, delta = _minor(pyspark), _minor(version)
    if not _has_jar(delta, spark):
        return None
    if delta > (4, 0):  # a jar for each version of Spark
        artifact = f"delta-spark_{spark[0]}.{spark[1]}_2.13"
    else:
        artifact = "delta-spark_2.13" if delta[0] == 4 else "delta-spark_2.12"
    return f"io.delta:{artifact}:{version}"


def is_there_delta_for(pyspark: str) -> bool:
    """Whether there is a Delta that is made for a version of Spark, as far as is known here.

    >>> is_there_delta_for("4.2.0"), is_there_delta_for("4.3.0")
    (True, False)
    """
    return _minor(pyspark) in _FIRST_DELTA


def _has_jar(delta: tuple[int, int], spark: tuple[int, int]) -> bool:
    if delta > _LATEST_DELTA:
        return True
    first = _FIRST_DELTA.get(spark)
    return first is not None and first <= delta and first[0] == delta[0]


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def kept_jars(package: str) -> tuple[Path, ...]:
    """Return the jars of a package of Delta that an earlier start has left; empty if none has."""
    return tuple(sorted(_folder(package).glob("*.jar")))


def keep_jars(package: str, resolved: Iterable[str]) -> None:
    """Keep the jars of Delta among those that Spark has resolved.

    Only its own: what it depends on comes with Spark, and a second version of it on the class path
    would hide Spark's.

    Args:
        package: The Maven coordinates of Delta.
        resolved: Paths or ``file:`` addresses of jars, named ``<group>_<artifact>-<version>.jar``.
    """
    paths = [Path(unquote(urlsplit(address).path)) for address in resolved]
    jars = [path for path in paths if path.name.startswith("io.delta_")]
    _, artifact, version = package.split(":")
    if f"io.delta_{artifact}-{version}.jar" not in {path.name for path in jars}:
        return
    folder = _folder(package)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for path in jars:
                shutil.copy2(path, beside)
            beside.chmod(0o755)
            beside.rename(folder)  # whole or not at all
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError:
        return  # another process was first, or there is no room: the next start resolves them again


@contextmanager
def resolving(properties: Mapping[str, str]) -> Iterator[None]:
    """Let no other process of this user resolve packages meanwhile.

    Two that fill Ivy's cache at once take files from under each other, and both fail.

    Args:
        properties: Spark's properties; without ``spark.jars.packages`` nothing is waited for.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        fcntl = None  # type: ignore[assignment]
    if fcntl is None or not properties.get("spark.jars.packages"):
        yield
        return
    path = cache_folder() / "resolving.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError:  # no place for a lock: then without one
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _logger.info("Waiting for another process that resolves packages of Spark...")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # not on this disk
            pass
        yield


def _folder(package: str) -> Path:
    return cache_folder() / "jars" / package.replace(":", "_")
