"""What tells a Spark session that fits a run from one that does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace

from sparkpipe import __version__
from sparkpipe.spark.start.jars import delta_package, installed_version
from sparkpipe.spark.start.java import java_executable, java_version, release_text
from sparkpipe.spark.start.properties import SparkOptions


def fingerprint(settings: Mapping[str, str], options: SparkOptions) -> str:
    """Return what tells a server of other settings or versions from one that fits."""
    import hashlib

    # What is persisted is the client's affair, and an address is no setting of a server.
    ours = asdict(replace(options, persist=None, remote=None))
    told = {"settings": dict(settings), "options": ours, "versions": versions()}
    text = json.dumps([told, sys.executable, str(java_executable())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions that a session depends on."""
    java = java_executable()
    return {
        "sparkpipe": __version__,
        "Spark": installed_version("pyspark"),
        "Delta": (delta_package() or "none").rpartition(":")[2],
        "Java": java_version(release_text(java)) if java else "none",
        "Python": ".".join(map(str, sys.version_info[:3])),
    }
