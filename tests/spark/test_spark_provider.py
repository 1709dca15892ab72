"""Which Spark session a run gets, and who stops it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkpipe.errors import SparkStartError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark import session as spark_session
from sparkpipe.spark.session import SparkProvider, activated, current_provider, get_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise AssertionError("a session was started")

    monkeypatch.setattr(spark_session, "start_session", start)


class Given:
    """Stands for a session: all that a provider looks at."""

    def createDataFrame(self) -> None: ...


def _alive(session: SparkSession) -> bool:
    return session.range(2).count() == 2


# The order


def test_a_session_given_comes_first(spark: SparkSession, never_starts: None) -> None:
    given = Given()
    assert SparkProvider(session=given).get() is given  # type: ignore[arg-type]


def test_a_function_is_called_once_and_only_when_needed(never_starts: None) -> None:
    calls: list[Given] = []

    def make() -> Given:
        calls.append(Given())
        return calls[-1]

    provider = SparkProvider(session=make)  # type: ignore[arg-type]
    assert calls == []
    assert provider.get() is provider.get() is calls[0]
    assert len(calls) == 1


@pytest.mark.classic("the session is asked for its SparkContext")
def test_the_active_session_is_used_and_not_stopped(
    spark: SparkSession, never_starts: None
) -> None:
    provider = SparkProvider({"spark.master": "local[7]"})
    assert provider.starts_jvm() is False
    assert provider.get().sparkContext is spark.sparkContext
    provider.stop()
    assert _alive(spark)


def test_a_given_session_is_not_stopped(spark: SparkSession) -> None:
    provider = SparkProvider(session=spark)
    assert provider.get() is spark
    provider.stop()
    assert _alive(spark)


@pytest.mark.classic("the session is asked for its SparkContext")
def test_the_active_session_is_found_from_any_thread(
    spark: SparkSession, never_starts: None
) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(SparkProvider().get().sparkContext))
    thread.start()
    thread.join()
    assert found == [spark.sparkContext]


def test_nothing_is_started_where_a_session_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    assert SparkProvider().starts_jvm() is True
    assert SparkProvider(session=Given()).starts_jvm() is False  # type: ignore[arg-type]
    assert SparkProvider({"spark.remote": "sc://localhost"}).starts_jvm() is False
    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost")
    assert SparkProvider().starts_jvm() is False


def test_many_threads_that_ask_at_once_start_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Given] = []
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setattr(
        spark_session, "start_session", lambda *_: started.append(Given()) or started[-1]
    )
    provider = SparkProvider()
    barrier = threading.Barrier(8)
    got: list[object] = []

    def ask() -> None:
        barrier.wait()
        got.append(provider.get())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1
    assert set(got) == set(started)


# What is there already


def test_peek_never_asks_for_a_session(never_starts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost:1")
    assert SparkProvider().peek() is None
    made: list[Given] = []
    provider = SparkProvider(session=lambda: made.append(Given()) or made[-1])  # type: ignore[arg-type,return-value]
    assert provider.peek() is None
    assert made == []
    provider.get()
    assert provider.peek() is made[0]


@pytest.mark.classic("the session is asked for its SparkContext")
def test_peek_finds_the_session_given_and_the_active_one(
    spark: SparkSession, never_starts: None
) -> None:
    given = Given()
    assert SparkProvider(session=given).peek() is given  # type: ignore[arg-type]
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(SparkProvider().peek()))
    thread.start()
    thread.join()
    assert found == [spark]
    assert SparkProvider().peek().sparkContext is spark.sparkContext  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: 1 / 0, "failed: ZeroDivisionError"),
        (lambda: None, "must return a SparkSession, not NoneType"),
    ],
)
def test_a_function_that_gives_no_session_is_told(make: object, told: str) -> None:
    with pytest.raises(SparkStartError, match=told):
        SparkProvider(session=make).get()  # type: ignore[arg-type]


# Databricks


_DATABRICKS_CONNECT = """
class Builder:
    def getOrCreate(self):
        return Session()

class Session:
    builder = Builder()
    def createDataFrame(self): ...

DatabricksSession = Session
"""


@pytest.fixture
def databricks_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something in the place of databricks-connect; no session is active."""
    package = tmp_path / "databricks" / "connect"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text(_DATABRICKS_CONNECT)
    # A package of Databricks that was looked at before would hide it.
    for name in [name for name in sys.modules if name.partition(".")[0] == "databricks"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    yield
    for name in ("databricks.connect", "databricks"):
        sys.modules.pop(name, None)


def test_databricks_connect_is_used_where_it_is_configured(
    databricks_connect: None, never_starts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_CLUSTER_ID", "0123")
    provider = SparkProvider({"spark.remote": "sc://localhost:1"})
    assert provider.starts_jvm() is False
    assert type(provider.get()).__module__ == "databricks.connect"


def test_databricks_connect_is_used_where_there_is_no_spark_of_ones_own(
    databricks_connect: None, never_starts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_session, "spark_jars", lambda: None)
    assert type(SparkProvider().get()).__module__ == "databricks.connect"


def test_databricks_connect_that_is_not_configured_is_not_even_imported(
    databricks_connect: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Given()
    monkeypatch.setattr(spark_session, "start_session", lambda *_: started)
    assert SparkProvider().starts_jvm() is True
    assert SparkProvider().get() is started  # type: ignore[comparison-overlap]
    assert "databricks.connect" not in sys.modules


def test_on_a_databricks_cluster_its_session_is_taken_with_none_of_our_settings(
    monkeypatch: pytest.MonkeyPatch, never_starts: None
) -> None:
    given = Given()

    class Builder:
        def getOrCreate(self) -> Given:
            return given

    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setattr(spark_session, "_builder", Builder)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    provider = SparkProvider({"spark.pools": ["heavy"]})
    assert provider.starts_jvm() is False
    assert provider.get() is given  # type: ignore[comparison-overlap]
    provider.stop()


# The session of a run


def test_nodes_get_the_session_of_their_run(never_starts: None) -> None:
    given = Given()
    pipe = pipeline([node(lambda x: id(get_spark()), "x", f"y{n}", name=f"n{n}") for n in range(4)])
    with activated(SparkProvider(session=given)):  # type: ignore[arg-type]
        for runner in (SequentialRunner(), ThreadRunner()):
            outputs = runner.run(pipe, DataCatalog(feed_dict={"x": 1}))
            assert set(outputs.values()) == {id(given)}


def test_activations_nest_and_end(never_starts: None) -> None:
    outer, inner = Given(), Given()
    with activated(SparkProvider(session=outer)):  # type: ignore[arg-type]
        with activated(SparkProvider(session=inner)):  # type: ignore[arg-type]
            assert get_spark() is inner
        assert get_spark() is outer
    assert current_provider() is None


def test_two_runs_at_once_keep_their_own_sessions(never_starts: None) -> None:
    seen: dict[int, set[int]] = {}
    barrier = threading.Barrier(2, timeout=10)

    def ask(x: int) -> int:
        barrier.wait()
        return id(get_spark())

    givens = [Given(), Given()]

    def run(number: int) -> None:
        pipe = pipeline([node(ask, "x", f"y{n}", name=f"n{n}") for n in range(5)])
        with activated(SparkProvider(session=givens[number])):  # type: ignore[arg-type]
            outputs = ThreadRunner(max_workers=1).run(pipe, DataCatalog(feed_dict={"x": 1}))
        seen[number] = set(outputs.values())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {number: {id(givens[number])} for number in range(2)}


# In a process of its own, for these start and stop sessions


_LIFE = """
import logging, signal, sys, tempfile
from pathlib import Path
from sparkpipe.spark.session import SparkProvider

settings = {"spark.master": "local[1]", "spark.ui.enabled": sys.argv[2],
            "spark.sql.shuffle.partitions": 3,
            "spark.pools": {"heavy": {"weight": 2, "minShare": 1}, "light": 5}}
log = Path(sys.argv[1])
provider = SparkProvider(settings, log_file=log)
assert provider.starts_jvm()
assert provider.peek() is None
mine = lambda *_: None
signal.signal(signal.SIGINT, mine)
session = provider.get()
assert signal.getsignal(signal.SIGINT) is mine, "pyspark's handler is left"
assert provider.peek() is session
for name, weight, share in (("heavy", 2, 1), ("light", 5, 0), ("default", 1, 0)):
    pool = session.sparkContext._jsc.sc().getPoolForName(name).get()
    assert (pool.weight(), pool.minShare()) == (weight, share), name
    assert pool.schedulingMode().toString() == "FAIR", name
assert not list(Path(tempfile.gettempdir()).glob("sparkpipe-pools-*")), "a file is left"
assert not provider.starts_jvm()
assert provider.get() is session
assert session.conf.get("spark.sql.shuffle.partitions") == "3"
assert session.sparkContext.master == "local[1]"
assert session.sparkContext.getConf().get("spark.scheduler.mode") == "FAIR"
assert session.sql("select 1 as one").collect()[0].one == 1

other = SparkProvider()
assert other.get() is session
other.stop()
assert session.range(3).count() == 3, "stopped by a provider that had not built it"
print("listening:", session.sparkContext.uiWebUrl)

def listening():
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            address, state, inode = line.split()[1], line.split()[3], line.split()[9]
            if state == "0A":
                found.add((inode, address.split(":")[0]))
    return found

import os
jvm = session.sparkContext._gateway.proc.pid
def sockets(pid):
    own = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if target.startswith("socket:["):
            own.add(target[8:-1])
    return own
if Path("/proc/net/tcp").exists():
    children = [jvm, *Path(f"/proc/{jvm}/task/{jvm}/children").read_text().split()]
    own = set().union(*(sockets(pid) for pid in children))
    print("addresses:", sorted({address for inode, address in listening() if inode in own}))

session.stop()
again = provider.get()
assert again is not session and again.range(4).count() == 4
provider.stop()
assert again._sc._jsc is None, "still running"
provider.stop()

# A session that someone else has built since is not ours to stop.
mine = provider.get()
mine.stop()
from pyspark.sql import SparkSession
theirs = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
assert provider.get().range(2).count() == 2
provider.stop()
assert theirs.range(2).count() == 2, "stopped a session of someone else"
theirs.stop()
print("fine")
"""

# Loopback as the kernel lists it: 127.0.0.1, the same inside IPv6, and ::1.
_LOOPBACK = {
    "0100007F",
    "0000000000000000FFFF00000100007F",
    "00000000000000000000000001000000",
}


@pytest.mark.spark
def test_the_life_of_a_session_that_we_start(tmp_path: Path) -> None:
    log = tmp_path / "spark.log"
    (tmp_path / "tmp").mkdir()
    environment = {"SPARKPIPE_CACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run(
        [sys.executable, "-c", _LIFE, str(log), "true"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[-1] == "fine"
    assert lines[0].startswith("listening: http://127.0.0.1:")
    if lines[1].startswith("addresses:"):
        addresses = set(
            lines[1].removeprefix("addresses: ").strip("[]").replace("'", "").split(", ")
        )
        assert addresses
        assert addresses <= _LOOPBACK
    # What Ivy, log4j and the JVM say goes to the file.
    assert done.stderr == ""
    told = log.read_bytes()
    assert b":: loading settings" in told
    assert b"\0" not in told  # written from its end on, also by the second session
    # Delta's jars are kept for the next start.
    assert {path.name.partition("-")[0] for path in tmp_path.glob("cache/jars/*/*")} == {
        "io.delta_delta"
    }


_WITHOUT_SPARK = """
import sys
from pathlib import Path
from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.pandas import CSVDataSet
from sparkpipe.io import CachedDataSet, DataCatalog, LambdaDataSet, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark.session import SparkProvider, activated

folder = Path(sys.argv[1])
catalog = DataCatalog.from_config({
    "unused": {"type": "spark.SparkDataSet", "filepath": "nowhere"},
    "unused_delta": {"type": "spark.DeltaTableDataSet", "filepath": "nowhere"},
})
catalog.add_all({"kept": PickleDataSet(folder / "kept.pkl"), "between": MemoryDataSet()})
catalog.add_feed_dict({"x": [1, 2]})
assert catalog.problems() == []
pipe = pipeline([node(sum, "x", "between"), node(str, "between", "kept")])
with activated(SparkProvider()):
    for runner in (SequentialRunner(is_async=True), ThreadRunner()):
        assert runner.run(pipe, catalog) == {}
assert catalog.load("kept") == "3"
loaded = {name for name in sys.modules if name.split(".")[0] in ("pyspark", "py4j", "delta")}
assert not loaded, loaded
"""


def test_a_pipeline_without_spark_does_not_import_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_SPARK, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
