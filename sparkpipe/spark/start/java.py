"""The Java that Spark would run on, told without starting it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from sparkpipe.spark.start.jars import CLIENT_HINT, client_problem

#: The oldest Java that Spark 4 runs on.
OLDEST_JAVA = 17


def java_executable() -> Path | None:
    """Return the ``java`` that Spark would start, with links followed; None if there is none."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    return Path(found).resolve() if found else None


def java_problem() -> str:
    """Return what is wrong with Java on this machine, or an empty string. Starts no JVM."""
    home = os.environ.get("JAVA_HOME")
    executable = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if executable is None and home:
        return f"Spark needs Java, but JAVA_HOME ({home}) has no bin/java."
    if executable is None:
        return "Spark needs Java, but no 'java' was found."
    found = _major_version(executable)
    if found is not None and found < OLDEST_JAVA:
        return f"Spark needs Java {OLDEST_JAVA} or newer; {executable} is Java {found}."
    return ""


def java_hint() -> str:
    """Return how to get a suitable Java."""
    return (
        f"Install Java {OLDEST_JAVA} (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: "
        "brew install openjdk@17) and let JAVA_HOME point to it."
    )


def start_problem() -> tuple[str, str]:
    """Return why no Spark can start on this machine, and what to do; else two empty texts."""
    problem = client_problem()
    if problem:
        return problem, CLIENT_HINT
    problem = java_problem()
    return (problem, java_hint()) if problem else ("", "")


def release_text(executable: Path) -> str:
    """Return the file that every JDK carries about itself; empty where there is none."""
    try:
        release = executable.parent.parent / "release"
        return release.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def java_version(release: str) -> str:
    """Return the version that a release file tells; empty if it tells none."""
    for line in release.splitlines():
        key, _, value = line.partition("=")
        if key == "JAVA_VERSION":
            return value.strip('"')
    return ""


def _major_version(executable: str) -> int | None:
    version = java_version(release_text(Path(executable).resolve()))
    if not version:  # a script that starts the Java of its choice: 0.1 s
        try:
            told = subprocess.run(  # noqa: S603 - the java that Spark will start
                [executable, "-version"], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return None
        version = told.stderr.partition('version "')[2]
    found = re.match(r"(?:1\.)?(\d+)", version)
    return int(found[1]) if found else None
