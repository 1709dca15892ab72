"""Whether a session that is made here can load Delta; if not, why, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from sparkpipe.spark.start.jars import (
    client_problem,
    delta_package,
    is_there_delta_for,
    known_version,
    spark_jars,
)

#: The newest versions that work together.
PAIR = "pyspark 4.2.0 with delta-spark 4.4.0"

EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"

# What puts a jar on the class path of a session.
_JARS = ("spark.jars", "spark.jars.packages", "spark.driver.extraClassPath")


def delta_problem(settings: Mapping[str, str]) -> str:
    """Say why a session that is made of these settings cannot load Delta, and what to do.

    Empty where it can, where somebody else brings Delta, and where no Spark can start at all.

    Args:
        settings: Spark properties of the user.
    """
    if find_spec("pyspark") is None or client_problem():
        return ""
    if delta_package() is not None or _is_brought(settings):
        return ""
    pyspark, delta = known_version("pyspark"), known_version("delta-spark")
    if pyspark and not is_there_delta_for(pyspark):
        return (
            f"Delta is needed, and there is none for pyspark {pyspark} that sparkpipe knows of. "
            f"{PAIR} works: pip install 'sparkpipe[spark]'. Or keep the data in another format."
        )
    if not pyspark or not delta or find_spec("delta") is None:
        return (
            "Delta is needed, and the package delta-spark is not installed. "
            f"Install it with: pip install 'sparkpipe[spark]' ({PAIR})"
        )
    return (
        f"Delta is needed, and delta-spark {delta} has no jar for pyspark {pyspark}. "
        f"{PAIR} works: pip install --upgrade 'sparkpipe[spark]'"
    )


def _is_brought(settings: Mapping[str, str]) -> bool:
    """Whether jars that the user gives are, or may hold, those of Delta."""
    jars = " ".join(settings.get(key, "") for key in _JARS)
    if jars.strip() and EXTENSION in settings.get("spark.sql.extensions", ""):
        return True  # one jar may hold all that a project needs
    return any("delta" in text.lower() for text in (jars, *_given_to_spark()))


def _given_to_spark() -> Iterator[str]:
    """Return what Spark itself reads as it starts, and the names of the jars that it has."""
    yield os.environ.get("PYSPARK_SUBMIT_ARGS", "")
    jars = spark_jars()
    home = os.environ.get("SPARK_HOME") or (jars.parent if jars else None)
    folder = os.environ.get("SPARK_CONF_DIR") or (Path(home) / "conf" if home else None)
    if folder:
        with suppress(OSError):
            yield (Path(folder) / "spark-defaults.conf").read_text(errors="replace")
    if jars:
        yield from (jar.name for jar in jars.glob("*delta*.jar"))
