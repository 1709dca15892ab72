"""Java: found missing or too old without starting it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_project import make_java

from sparkpipe.errors import SparkStartError
from sparkpipe.spark import session as spark_session
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.start.java import java_hint, java_problem


def _release(version: str) -> str:
    return f'IMPLEMENTOR="Debian"\nJAVA_VERSION="{version}"\nOS_NAME="Linux"\n'


@pytest.mark.parametrize("version", ["17.0.15", "17", "21.0.1", "25"])
def test_java_that_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "jdk", _release(version))))
    assert java_problem() == ""


@pytest.mark.parametrize(("version", "major"), [("1.8.0_402", 8), ("11.0.2", 11), ("16", 16)])
def test_java_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, major: int
) -> None:
    home = make_java(tmp_path / "jdk", _release(version))
    monkeypatch.setenv("JAVA_HOME", str(home))
    problem = java_problem()
    assert problem.startswith("Spark needs Java 17 or newer")
    assert problem.endswith(f"{home / 'bin' / 'java'} is Java {major}.")


def test_java_home_wins_over_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (
        make_java(tmp_path / "8", _release("8")),
        make_java(tmp_path / "21", _release("21")),
    )
    monkeypatch.setenv("PATH", str(old / "bin"))
    monkeypatch.setenv("JAVA_HOME", str(new))
    assert java_problem() == ""
    monkeypatch.delenv("JAVA_HOME")
    assert "is Java 8" in java_problem()


def test_java_behind_a_link_is_looked_at_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_java(tmp_path / "jdk", _release("11.0.1"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "is Java 11" in java_problem()


def test_no_java_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert java_problem() == "Spark needs Java, but no 'java' was found."


def test_java_home_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java_problem() == f"Spark needs Java, but JAVA_HOME ({tmp_path}) has no bin/java."


@pytest.mark.parametrize("release", [None, "", 'JAVA_VERSION="internal"\n', "no lines of ours"])
def test_a_java_that_does_not_tell_its_version_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str | None
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "jdk", release)))
    assert java_problem() == ""


@pytest.mark.parametrize(
    ("told", "major"),
    [('openjdk version "11.0.2" 2019-01-15', 11), ('java version "1.8.0_402"', 8)],
)
def test_a_script_that_starts_java_is_asked_for_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, major: int
) -> None:
    home = make_java(tmp_path / "shims", None, f"echo '{told}' >&2")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java_problem().endswith(f"is Java {major}.")
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"17\"' >&2\n")
    assert java_problem() == ""


def test_a_provider_refuses_without_starting_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "jdk", _release("11"))))
    log = tmp_path / "logs" / "spark.log"
    with pytest.raises(SparkStartError) as caught:
        SparkProvider(log_file=log).get()
    assert "Java 17 or newer" in caught.value.message
    assert caught.value.hint == java_hint()
    assert "JAVA_HOME" in java_hint()
    assert not log.parent.exists()


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setattr(spark_session, "find_spec", lambda _: None)
    with pytest.raises(SparkStartError) as caught:
        SparkProvider().get()
    assert "pip install 'sparkpipe[spark]'" in str(caught.value)
