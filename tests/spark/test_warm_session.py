"""The warm session of a project, as users start, use and stop it."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkpipe.errors import ConfigError, SparkStartError
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.start.fingerprint import fingerprint
from sparkpipe.spark.start.properties import SparkOptions
from sparkpipe.spark.warm.folder import FOLDER, Server, WarmFolder, start

posix = pytest.mark.skipif(os.name != "posix", reason="needs locks of POSIX")

REGISTRY = """
import warming.nodes
from sparkpipe.pipeline import node, pipeline

def register_pipelines():
    return {
        "__default__": pipeline([
            node(warming.nodes.keep, "numbers", "kept"),
            node(warming.nodes.total, "kept", "total"),
        ]),
        "table": pipeline([node(repr, "table", "shown")]),
        "long": pipeline([
            node(warming.nodes.share, "numbers", "shared", name="share"),
            node(warming.nodes.total, "shared", "first", name="first"),
            node(warming.nodes.long, ["shared", "first"], "last", name="long"),
        ]),
    }
"""
NODES = """
from pyspark.sql import functions as F

def plus(x):
    return x + 1

def keep(frame):
    return frame.select(F.udf(plus, "int")("number").alias("number"))

def total(frame):
    return frame.agg(F.sum("number")).first()[0]

def share(frame):
    return frame.select((F.col("number") + 1).alias("number"))

def long(frame, _):
    import logging, time
    def wait(x):
        time.sleep(100)
        return x
    logging.getLogger("warming").warning("now it computes")
    return frame.select(F.udf(wait, "int")("number")).collect()
"""
CATALOG = """
numbers:
  type: spark.SparkDataSet
  filepath: numbers.csv
  file_format: csv
  load_args: {header: true, schema: "number INT"}
kept:
  type: spark.DeltaTableDataSet
  filepath: kept
table:
  type: spark.DeltaTableDataSet
  filepath: kept
  load_as: delta_table
total:
  type: json.JSONDataSet
  filepath: total.json
"""
MARK = {"Spark": "4.2.0", "spark.driver.memory": "1f"}
SPARK = "spark.master: local[2]\nspark.profile: dev\nspark.app.name: "


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("warm")
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "warming"\n',
        "warming/__init__.py": "",
        "warming/nodes.py": NODES,
        "warming/pipeline_registry.py": REGISTRY,
        "conf/base/catalog.yml": CATALOG,
        "conf/base/spark.yml": f"{SPARK}warm\n",
        "conf/other/spark.yml": "spark.app.name: other\n",
        "numbers.csv": "number\n1\n2\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield folder
    _sparkpipe(folder, "session", "stop")


def _sparkpipe(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sparkpipe", *words],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=240,
    )


def _server(project: Path) -> Server:
    server = WarmFolder(project / FOLDER).server()
    assert server is not None
    return server


# What is known of a server, without one


def _any_server(**changes: object) -> Server:
    values = {"pid": 1, "port": 1, "started": 0.0, "idle_minutes": 1.0, "fingerprint": MARK}
    return Server(**{**values, "versions": {}, "token": "secret", **changes})  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> WarmFolder:
    made = WarmFolder(tmp_path / FOLDER)
    made.make()
    return made


@posix
def test_only_its_owner_can_read_the_token(folder: WarmFolder) -> None:
    folder.write(_any_server())
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / "server.json").stat().st_mode) == 0o600
    assert "secret" not in repr(_any_server())


@posix
def test_git_does_not_see_the_folder(folder: WarmFolder) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder.path.parent, check=True)
    told = subprocess.run(
        ["git", "status", "--porcelain", "-uall"],
        cwd=folder.path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == ""


@posix
def test_what_a_dead_server_has_left_is_no_server(folder: WarmFolder) -> None:
    folder.write(_any_server())
    assert folder.server() is None
    alive = folder.lock("server.lock")
    assert alive is not None
    assert folder.server() == _any_server()
    alive.close()
    assert folder.server() is None


@posix
def test_a_server_that_does_not_answer_or_fit_is_not_used(folder: WarmFolder) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening, folder.lock("server.lock"):  # type: ignore[union-attr]
        port = listening.getsockname()[1]
        server = _any_server(port=port)
        folder.write(server)
        assert folder.usable(MARK) == server
        other = {"Spark": "4.1.0", "spark.ui.port": "2f"}
        assert folder.usable(other) is None
        told = "settings or versions: Spark (4.2.0 there, 4.1.0 here), spark.ui.port (only here), "
        assert folder.misfit(server, other).endswith(f"{told}spark.driver.memory (only there)")
        listening.close()
        assert folder.usable(MARK) is None
        assert folder.misfit(server, MARK) == f"it does not answer on port {port} within 1 s"


def test_what_a_server_was_started_with_holds_no_values_of_settings() -> None:
    mark = fingerprint({"spark.hadoop.fs.s3a.secret.key": "hunter2"}, SparkOptions())
    assert "hunter2" not in json.dumps(mark)
    assert "spark.hadoop.fs.s3a.secret.key" in mark


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs an environment")
@posix
def test_every_name_of_an_interpreter_takes_the_same_server() -> None:
    code = (
        "import json; from sparkpipe.spark.start.fingerprint import fingerprint as f;"
        "from sparkpipe.spark.start.properties import SparkOptions as O;"
        "print(json.dumps(f({}, O())))"
    )
    names = [path for path in Path(sys.prefix, "bin").glob("python*") if "config" not in path.name]
    assert len(names) > 1
    marks = {
        subprocess.run([name, "-c", code], capture_output=True, text=True, check=True).stdout
        for name in names
    }
    assert len(marks) == 1


@posix
@pytest.mark.server
def test_a_server_in_use_is_not_replaced(folder: WarmFolder, tmp_path: Path) -> None:
    folder.write(_any_server())
    where = {"project": tmp_path, "source_dir": tmp_path}
    with (
        folder.lock("server.lock"),  # type: ignore[union-attr]
        folder.lease(),  # type: ignore[union-attr]
        pytest.raises(ConfigError, match=r"does not fit.*a run is using it"),
    ):
        start(folder, {}, SparkOptions(), **where, idle_minutes=1)


@posix
def test_spark_3_has_no_server_to_start(
    folder: WarmFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkpipe.spark.warm.folder.installed_version", lambda package: "3.5.8")
    where = {"project": tmp_path, "source_dir": tmp_path}
    with pytest.raises(SparkStartError, match=r"needs Spark 4\.0 or newer, and pyspark here is 3"):
        start(folder, {}, SparkOptions(), **where, idle_minutes=1)


@posix
@pytest.mark.server
def test_packages_that_connect_lacks_are_told_before_a_start(
    folder: WarmFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    where = {"project": tmp_path, "source_dir": tmp_path}
    with pytest.raises(SparkStartError, match="packages that are not installed: grpc"):
        start(folder, {}, SparkOptions(), **where, idle_minutes=1)


def test_without_a_server_the_commands_say_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "none"\n')
    status = _sparkpipe(tmp_path, "session", "status")
    assert (status.returncode, status.stdout) == (1, "No warm session runs in this project.\n")
    assert _sparkpipe(tmp_path, "session", "stop").returncode == 0
    assert not (tmp_path / FOLDER).exists()


# With one; the tests go on from one another


@posix
@pytest.mark.server
def test_runs_use_the_warm_session_by_themselves(delta_jars: None, project: Path) -> None:
    started = _sparkpipe(project, "session", "start")
    assert started.returncode == 0, started.stderr
    assert "runs already" in _sparkpipe(project, "session", "start").stdout
    status = _sparkpipe(project, "session", "status")
    assert status.returncode == 0
    server = _server(project)
    assert re.search(rf"pid +{server.pid}\n", status.stdout)
    assert server.token not in status.stdout

    first = _sparkpipe(project, "run")
    assert first.returncode == 0, first.stderr
    assert f"Using the warm Spark session (pid {server.pid})" in first.stderr
    assert (project / "kept" / "_delta_log").is_dir()


@posix
@pytest.mark.server
def test_code_that_has_changed_since_is_what_runs(project: Path) -> None:
    # Spark keeps its Python workers, and the first run has left its code in them.
    assert (project / "total.json").read_text() == "5"
    (project / "warming/nodes.py").write_text(NODES.replace("x + 1", "x + 100"))
    second = _sparkpipe(project, "run")
    assert second.returncode == 0, second.stderr
    assert (project / "total.json").read_text() == "203"


@posix
@pytest.mark.server
def test_what_needs_a_classic_session_says_so(project: Path) -> None:
    done = _sparkpipe(project, "run", "--pipeline", "table")
    assert done.returncode == 1
    assert "load_as 'delta_table' needs a classic Spark session" in done.stderr
    assert "sparkpipe session stop" in done.stderr


@posix
@pytest.mark.server
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_it_listens_on_loopback_only_and_shows_its_token_to_nobody(project: Path) -> None:
    server = _server(project)
    group = [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and _group(path) == server.pid
    ]
    assert len(group) > 1
    sockets = set()
    for pid in group:
        assert server.token not in Path(f"/proc/{pid}/cmdline").read_text()
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(str(link.readlink()).removeprefix("socket:[").rstrip("]"))
            except OSError:
                continue
    listening = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                listening.add(words[1].partition(":")[0])
    loopback = {
        "0100007F",
        "0000000000000000FFFF00000100007F",
        "00000000000000000000000001000000",
    }
    assert listening
    assert listening <= loopback


def _group(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[2])
    except OSError:
        return None


_REFUSED = """
import sys
from pyspark.sql import SparkSession
SparkSession.builder.remote(sys.argv[1]).getOrCreate().range(1).count()
"""


@posix
@pytest.mark.server
def test_a_run_tells_why_the_warm_session_does_not_fit_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sparkpipe.spark import session as spark_session

    def refuse(*_: object) -> None:
        raise SparkStartError("none is started here")

    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setattr(spark_session, "start_session", refuse)
    settings = {"spark.master": "local[2]", "spark.profile": "dev", "spark.app.name": "other"}
    provider = SparkProvider(settings, warm=WarmFolder(project / FOLDER))
    with pytest.raises(SparkStartError, match="none is started here"):
        provider.get()
    assert caplog.messages == [
        "The warm session is not used: it was started with other settings or versions: "
        "spark.app.name. To replace it: sparkpipe session start"
    ]


@posix
@pytest.mark.server
def test_it_refuses_who_does_not_know_the_token(project: Path) -> None:
    address = f"sc://localhost:{_server(project).port}/;token=wrong"
    done = subprocess.run(
        [sys.executable, "-c", _REFUSED, address], capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    assert "UNAUTHENTICATED" in done.stderr


@posix
@pytest.mark.server
def test_one_that_is_in_use_stays_and_one_that_is_idle_ends(project: Path) -> None:
    before = _server(project)
    # Other settings: the one that runs does not fit, and is replaced.
    replaced = _sparkpipe(project, "session", "start", "--env=other", "--idle-minutes=0.05")
    assert "has started" in replaced.stdout, replaced.stderr
    folder = WarmFolder(project / FOLDER)
    assert _server(project).pid != before.pid
    lease = folder.lease()
    assert lease is not None
    time.sleep(5)
    assert folder.server() is not None
    lease.close()
    ends = time.monotonic() + 60
    while folder.server() is not None and time.monotonic() < ends:
        time.sleep(0.1)
    assert folder.server() is None
    assert not (folder.path / "server.json").exists()


@posix
@pytest.mark.server
def test_a_run_whose_server_is_killed_ends_with_one_error(project: Path) -> None:
    assert _sparkpipe(project, "session", "start").returncode == 0
    server = _server(project)
    command = [sys.executable, "-m", "sparkpipe", "run", "--pipeline=long"]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        told = ""
        while "now it computes" not in told:
            told = running.stderr.readline()
            assert told, "it has ended too early"
        time.sleep(1)
        killed = time.monotonic()
        os.killpg(server.pid, signal.SIGKILL)
        told = running.stderr.read()
        assert running.wait(60) == 1
    assert time.monotonic() - killed < 20
    assert told.count("Node 'long'") == 1, told
    assert "does not answer" in told, told
    assert "Traceback" not in told


@posix
@pytest.mark.server
def test_one_that_was_killed_is_noticed_and_replaced(project: Path) -> None:
    assert _sparkpipe(project, "session", "start").returncode == 0
    server = _server(project)
    os.killpg(server.pid, signal.SIGKILL)
    folder = WarmFolder(project / FOLDER)
    ends = time.monotonic() + 20
    while folder.server() is not None and time.monotonic() < ends:
        time.sleep(0.05)
    assert json.loads((folder.path / "server.json").read_text())["pid"] == server.pid
    assert folder.server() is None
    assert _sparkpipe(project, "session", "status").returncode == 1
    assert "has started" in _sparkpipe(project, "session", "start").stdout
    stopped = _sparkpipe(project, "session", "stop")
    assert re.search(r"has ended \(pid \d+\)", stopped.stdout)
    assert folder.server() is None


def test_a_provider_without_a_folder_looks_for_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkpipe.spark import session as spark_session

    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    assert SparkProvider().starts_jvm() is True
