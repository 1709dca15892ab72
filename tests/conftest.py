"""What all tests share: one Spark session, which no test stops or replaces."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from sparkpipe.runner import HybridRunner, ParallelRunner
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.start.jars import delta_package, installed_version, kept_jars

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# How long an example takes says nothing of the code where the machine is busy with other tests.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# make test-fast tries fewer examples; all others are tried by make test.
hypothesis.settings.register_profile(
    "quick", hypothesis.settings.get_profile("busy"), max_examples=15
)
hypothesis.settings.load_profile("busy")

# Processes that are forked from a small one find loaded what they would else import each.
multiprocessing.set_forkserver_preload(
    ["pandas", "pytest", "sparkpipe.runner", "sparkpipe.testing.runner_checks"]
)

NO_SERVER = "Spark 3.5's server is a package of its own"
NO_DELTA = "no Delta for this Spark"

SPARK_SETTINGS = {
    "spark.master": "local[2]",
    "spark.ui.enabled": False,
    "spark.sql.shuffle.partitions": 2,
    "spark.sql.session.timeZone": "UTC",
    # Spark 3.5 has it off.
    "spark.sql.ansi.enabled": True,
    # Tests are many small jobs: they end before the second compiler has paid for itself.
    "spark.profile": "dev",
    # What Spark and Delta keep of hundreds of tests fills the gigabyte that is the default: then
    # each job waits for the garbage collector.
    "spark.driver.memory": "4g",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with which the tests run on a Spark Connect server."""
    parser.addoption("--remote", metavar="sc://...", help="run Spark tests on this Connect server")


def pytest_configure() -> None:
    """Let processes that tests start be interrupted.

    A shell without job control lets what it runs in the background, and all that this starts,
    ignore Ctrl-C.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _fork_workers()


def _fork_workers() -> None:
    """Let the runners of processes fork them by default, which takes a tenth of the time.

    A test of a start method names it, and commands in a process of their own spawn workers.
    """
    parallel: Any = ParallelRunner.__init__
    parallel.__defaults__ = (*parallel.__defaults__[:-1], "forkserver")
    hybrid: Any = HybridRunner.__init__
    hybrid.__kwdefaults__["start_method"] = "forkserver"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs Spark, also through another fixture: ``pytest -m "not spark"`` is quick."""
    remote = config.getoption("--remote")
    where_a_server_is = pytest.mark.skipif(has_no_server(), reason=NO_SERVER)
    where_delta_is = pytest.mark.skipif(delta_package() is None and not remote, reason=NO_DELTA)
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "spark" in fixtures:
            item.add_marker(pytest.mark.spark)
            item.add_marker(pytest.mark.session)
        if _starts_processes(item):
            item.add_marker(pytest.mark.slow)
        classic = item.get_closest_marker("classic")
        if remote and classic is not None:
            item.add_marker(pytest.mark.skip(reason=f"classic Spark only: {classic.args[0]}"))
        if item.get_closest_marker("server") is not None:
            item.add_marker(pytest.mark.spark)
            item.add_marker(where_a_server_is)
        if item.get_closest_marker("delta") is not None or _is_of_delta(item):
            item.add_marker(where_delta_is)


def pytest_collection_finish() -> None:
    """Keep what is there before the first test out of garbage collections.

    It is a million objects, all of which each collection would look at: two seconds.
    """
    gc.collect()
    gc.freeze()


def _is_of_delta(item: pytest.Item) -> bool:
    """Whether this is the test of several formats, on Spark, for Delta."""
    callspec = getattr(item, "callspec", None)
    is_on_spark = item.get_closest_marker("spark") is not None
    return is_on_spark and callspec is not None and "delta" in callspec.params.values()


def _starts_processes(item: pytest.Item) -> bool:
    """Whether this is the test of several runners, for one that starts processes."""
    callspec = getattr(item, "callspec", None)
    values = () if callspec is None else callspec.params.values()
    return any(_name_of(value).lower().startswith(("parallel", "hybrid")) for value in values)


def _name_of(value: object) -> str:
    if type(value) is str:
        return value
    kind = type(value)  # a value may be an object that does not like to be asked
    return value.__name__ if issubclass(kind, type) else kind.__name__


def has_no_server() -> bool:
    """Whether this pyspark has no server of Spark Connect."""
    with suppress(PackageNotFoundError):
        return installed_version("pyspark").startswith("3.")
    return False


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    """Fail the test that leaves a process of multiprocessing, not those that come after it."""
    yield
    left = multiprocessing.active_children()
    for process in left:
        process.kill()
        process.join()
    assert not left, f"processes are left: {left}"


@pytest.fixture(scope="session")
def delta_jars() -> None:
    """Delta's jars are kept, as they are after a first start of Spark."""
    package = delta_package()
    if package is not None and not kept_jars(package):
        code = "from sparkpipe.spark.session import SparkProvider as P; p = P(); p.get(); p.stop()"
        subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="session")
def spark(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SparkSession]:
    """The Spark session of the whole test run: a classic one, or that of ``--remote``."""
    remote = request.config.getoption("--remote")
    if remote:
        provider = SparkProvider({"spark.remote": remote})
        session = provider.get()
        yield session
        session.stop()
        return
    folder: Path = tmp_path_factory.mktemp("spark")
    settings = {**SPARK_SETTINGS, "spark.sql.warehouse.dir": (folder / "warehouse").as_posix()}
    provider = SparkProvider(settings, log_file=folder / "spark.log")
    session = provider.get()
    yield session
    provider.stop()


@pytest.fixture(scope="session")
def connect(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[SparkSession]:
    """A session of Spark Connect, to a server inside the JVM of :func:`spark`."""
    if request.config.getoption("--remote"):
        yield spark
        return
    pytest.importorskip("grpc")
    if has_no_server():
        pytest.skip(NO_SERVER)
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    context = spark.sparkContext
    jvm: Any = context._jvm
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    settings = context._jsc.sc().conf()  # py4j cannot look into Spark 4.3's SparkEnv
    settings.set("spark.connect.grpc.binding.address", "127.0.0.1")
    settings.set("spark.connect.grpc.binding.port", str(port))
    server = jvm.org.apache.spark.sql.connect.service.SparkConnectService
    server.start(context._jsc.sc())  # type: ignore[union-attr]
    # The builder of pyspark.sql refuses a second kind of session in one process.
    session: Any = ConnectSession.builder.remote(f"sc://localhost:{port}").create()
    yield session
    session.stop()
    server.stop(jvm.scala.Option.empty(), jvm.scala.Option.empty())
