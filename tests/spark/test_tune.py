"""The archive of classes: made once, used where it fits, left out silently where it does not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_project import make_java

from sparkpipe.errors import SparkStartError
from sparkpipe.spark.start import jars
from sparkpipe.spark.start.archive import archive_options, archive_path, quoted
from sparkpipe.spark.start.profile import CLASS_PATH, JAVA_OPTIONS, effective_settings
from sparkpipe.spark.start.tune import tune


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "the cache"  # a space in the path must not part Java's options
    monkeypatch.setenv(jars.CACHE_VARIABLE, str(folder))
    return folder


def _made(class_path: str = "") -> Path:
    path = archive_path(class_path)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no archive at all")
    path.with_suffix(".json").write_text(json.dumps({"size": path.stat().st_size}))
    return path


def test_an_archive_is_used_once_it_is_there(cache: Path) -> None:
    assert archive_options("", "") == ()
    path = _made()
    assert archive_options("", "")[0] == quoted(f"-XX:SharedArchiveFile={path}")
    assert str(path) in effective_settings({"spark.jars.packages": "a:b:1"})[JAVA_OPTIONS]


def test_an_archive_that_has_been_cut_is_left_out(cache: Path) -> None:
    # Java itself would crash on it.
    path = _made()
    path.write_bytes(b"no archive")
    assert archive_options("", "") == ()
    path.with_suffix(".json").unlink()
    assert archive_options("", "") == ()


def test_archives_differ_by_class_path_java_and_jars(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "my.jar"
    jar.write_text("one")
    paths = [archive_path(""), archive_path(str(jar))]
    jar.write_text("another")
    paths.append(archive_path(str(jar)))
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "jdk", None)))
    paths.append(archive_path(""))
    assert len(set(paths)) == 4


@pytest.mark.parametrize("option", ["-Xshare:off", "-XX:SharedArchiveFile=/my.jsa"])
def test_what_the_user_says_of_sharing_stands(cache: Path, option: str) -> None:
    settings = {JAVA_OPTIONS: option, "spark.jars.packages": "a:b:1"}
    _made()
    assert effective_settings(settings)[JAVA_OPTIONS] == option


def test_only_local_sessions_can_be_tuned(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(SparkStartError, match="spark://host:7077"):
        tune({"spark.master": "spark://host:7077"}, tmp_path / "log")


def test_no_archive_for_another_cluster(cache: Path) -> None:
    _made()
    assert JAVA_OPTIONS not in effective_settings({"spark.master": "spark://host:7077"})


# With Java


_SESSION = """
import sys
from pathlib import Path
from sparkpipe.spark.session import SparkProvider

folder = Path(sys.argv[1])
loaded = folder / "loaded"
settings = {"spark.master": "local[1]", "spark.ui.enabled": False, "spark.profile": "dev",
            "spark.driver.extraJavaOptions": f"-Xlog:class+load:file={loaded}"}
provider = SparkProvider(settings, log_file=folder / "spark.log")
session = provider.get()
session.range(3).write.format("delta").save(str(folder / "table"))
assert session.read.format("delta").load(str(folder / "table")).count() == 3
provider.stop()
print("shared:", loaded.read_text().count("shared objects file (top)"))
"""


def _shared(folder: Path) -> tuple[int, str]:
    """Start a session; return how many classes came from the archive, and what Java printed."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _SESSION, str(folder)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    shared = re.search(r"shared: (\d+)", done.stdout)
    assert shared
    return int(shared[1]), (folder / "spark.log").read_text()


@pytest.mark.spark
@pytest.mark.timeout(900)
def test_tuning_makes_an_archive_that_sessions_start_from(
    delta_jars: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = str(jars.delta_package())
    kept = jars.kept_jars(package)
    cache = tmp_path / "the cache"
    monkeypatch.setenv(jars.CACHE_VARIABLE, str(cache))
    for jar in kept:
        into = cache / "jars" / jar.parent.name
        into.mkdir(parents=True, exist_ok=True)
        shutil.copy2(jar, into)
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "tuned"\n')
    (tmp_path / "conf" / "base").mkdir(parents=True)

    def command() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sparkpipe", "session", "tune"],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=800,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "Archive of classes made in" in command()
    assert "Archive of classes there already" in command()
    archive = archive_path(effective_settings({})[CLASS_PATH])
    assert archive is not None
    assert sorted(path.name for path in archive.parent.iterdir()) == [
        archive.name,
        archive.with_suffix(".json").name,
    ]

    shared, _ = _shared(tmp_path / "with")
    assert shared > 5000

    # Another file in its place: a Java that is still ending has the first one mapped.
    beside = archive.with_name("beside")
    beside.write_bytes(b"of another Java" * 100 + archive.read_bytes()[1500:])
    beside.replace(archive)
    shared, printed = _shared(tmp_path / "broken")
    assert shared == 0
    assert "cds" not in printed
    assert "shared" not in printed.lower()
