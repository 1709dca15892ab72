"""What tells a Spark session that fits a run from one that does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from sparkpipe import __version__
from sparkpipe.spark.start.jars import delta_package, installed_version
from sparkpipe.spark.start.java import java_executable, java_version, release_text
from sparkpipe.spark.start.properties import SparkOptions

#: Stands for a setting that is not given.
_NOT_GIVEN = "not given"


def fingerprint(settings: Mapping[str, str], options: SparkOptions) -> dict[str, str]:
    """Return what tells a server of other settings or versions from one that fits.

    Returns:
        For each property, option and version its name, and its value: of versions as it is, else
        only a hash, for a property may be a password.
    """
    # What is persisted is the client's affair, and an address is no setting of a server.
    ours = asdict(replace(options, persist=None, remote=None, metastore=None))
    given = {**settings, **{f"spark.{name}": value for name, value in ours.items()}}
    return {
        **{name: _hashed(value) for name, value in sorted(given.items())},
        **versions(),
        # One interpreter has many names: python, python3, and those of scripts' first lines.
        "Python's environment": sys.prefix,
        "Python's executable": str(Path(sys.executable).resolve()),
        "Java's executable": str(java_executable()),
    }


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """Tell in what two fingerprints differ, in words for a user; empty if they are the same.

    >>> differences({"Spark": "4.1.0"}, {"Spark": "4.2.0", "spark.ui.port": "1f"})
    ['Spark (4.1.0 there, 4.2.0 here)', 'spark.ui.port (only here)']
    """
    told = []
    for name in dict.fromkeys((*ours, *theirs)):
        there, here = theirs.get(name, _NOT_GIVEN), ours.get(name, _NOT_GIVEN)
        if there == here:
            continue
        if there == _NOT_GIVEN:
            told.append(f"{name} (only here)")
        elif here == _NOT_GIVEN:
            told.append(f"{name} (only there)")
        elif name.startswith("spark."):
            told.append(name)
        else:
            told.append(f"{name} ({there} there, {here} here)")
    return told


def _hashed(value: object) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


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
