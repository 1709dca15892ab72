"""spark-submit against a real standalone cluster, and Spark's own cluster of local processes.

Executors, and once the driver, run in a Python that has neither the project nor sparkpipe.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from in_process import call

pyspark = pytest.importorskip("pyspark")
pytest.importorskip("hatchling")
HOME = Path(pyspark.__file__).parent

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(os.name != "posix", reason="Spark's scripts and signals are those of POSIX"),
    pytest.mark.skipif(not (HOME / "jars").is_dir(), reason="only a client of Spark is installed"),
]

FILES = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"

        [project]
        name = "store"
        version = "1.0"

        [tool.sparkpipe]
        package_name = "store"
        """,
    "store/__init__.py": "",
    "store/weights.py": """
        import time
        from pathlib import Path

        import sparkpipe.pipeline  # as modules of a project do, so executors need it


        def weigh(number, factor, marker):
            if number % 100 == 30:
                Path(marker, f"reached-{number}").touch()
            time.sleep(0.005)
            return number * factor
        """,
    "store/pipeline_registry.py": """
        from pathlib import Path

        from pyspark.sql import functions as F

        from sparkpipe.pipeline import node, pipeline
        from sparkpipe.spark.session import get_spark

        from store.weights import weigh


        def weighed(factor, marker):
            spark = get_spark()
            if Path(marker).is_dir():
                heap = spark._jvm.java.lang.Runtime.getRuntime().maxMemory()
                told = f"{heap >> 20} {spark.sparkContext.appName}"
                Path(marker, "driver").write_text(told)
            numbers = spark.range(600, numPartitions=6)
            weight = F.udf(weigh, "long")("id", F.lit(factor), F.lit(marker))
            return numbers.withColumn("weight", weight)


        def total(numbers):
            return numbers.agg(F.sum("weight").alias("total"))


        def by_digit(numbers):
            grouped = numbers.groupBy((F.col("id") % 10).alias("digit"))
            return grouped.agg(F.sum("weight").alias("total"))


        def register_pipelines():
            sums = pipeline([
                node(weighed, ["params:factor", "params:marker"], "numbers"),
                node(total, "numbers", "total"),
                node(by_digit, "numbers", "digits"),
            ])
            return {"__default__": pipeline([]), "sums": sums}
        """,
    "conf/base/catalog.yml": """
        total: {type: spark.SparkDataSet, filepath: data/total, file_format: json}
        digits: {type: spark.SparkDataSet, filepath: data/digits, file_format: json}
        """,
    "conf/base/parameters.yml": "factor: 1\nmarker: nowhere\n",
    "conf/base/spark.yml": """
        spark.app.name: sums of a store
        spark.driver.memory: 700m
        spark.driver.extraJavaOptions: -Dstore.name="a b" -XX:+UseSerialGC
        spark.executor.memory: 512m
        spark.sql.shuffle.partitions: 2
        spark.ui.enabled: false
        spark.driver.host: 127.0.0.1
        spark.driver.bindAddress: 127.0.0.1
        # An executor's Python without pyarrow takes rows one by one.
        spark.sql.execution.pythonUDF.arrow.enabled: false
        """,
    "conf/prod/parameters.yml": "factor: 2\n",
}


class Ended(NamedTuple):
    status: int
    out: str
    err: str


class Cluster:
    """A master and two workers on loopback, each with its executors in a group of processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        scala = next((HOME / "jars").glob("scala-library-*.jar")).name.split("-")[2]
        self._environment = {
            **os.environ,
            "SPARK_HOME": str(HOME),
            "SPARK_LOCAL_IP": "127.0.0.1",
            # Spark's scripts say so to a worker, which says so to what starts its executors.
            "SPARK_SCALA_VERSION": ".".join(scala.split(".")[:2]),
        }
        master = self._start("master", "Master", "--host", "127.0.0.1", "--port", "0")
        self._all = [master]
        try:
            self.address = self._told("master", r"Starting Spark master at (spark://\S+)")
            options = ("--cores", "1", "--memory", "1g", "--host", "127.0.0.1")
            self.workers = [
                self._start(name, "Worker", *options, "--work-dir", str(folder), self.address)
                for name in ("first", "second")
            ]
            self._all += self.workers
            for name in ("first", "second"):
                self._told(name, "(Successfully registered)")
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str, kind: str, *options: str) -> subprocess.Popen[bytes]:
        command = [
            *("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
            *("-cp", f"{HOME}/jars/*", f"org.apache.spark.deploy.{kind.lower()}.{kind}"),
            *("--webui-port", "0", *options),
        ]
        with (self._folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def _told(self, name: str, pattern: str) -> str:
        log = self._folder / f"{name}.log"
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = re.search(pattern, log.read_text(errors="replace"))
            if found:
                return found[1]
            time.sleep(0.1)
        raise AssertionError(log.read_text(errors="replace"))

    def stop(self) -> None:
        for process in self._all:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python of this version in which nothing is installed."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    return str(folder / "bin/python")


class Store:
    """The project, and the shell of its user."""

    def __init__(self, path: Path, python: str) -> None:
        self.path = path
        self.python = python
        for name, text in FILES.items():
            lines = text.strip("\n").splitlines()
            indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text("\n".join(line[indent:] for line in lines) + "\n")

    def start(self, command: str, *, cwd: Path | None = None, **more: str) -> subprocess.Popen[str]:
        scripts = Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "SPARK_HOME": str(HOME),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": self.python,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            **more,
        }
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=cwd or self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *, cwd: Path | None = None, **more: str) -> Ended:
        return ended(self.start(command, cwd=cwd, **more))

    def sums(self, folder: Path | None = None) -> tuple[str, list[str]]:
        data = (folder or self.path) / "data"
        total, digits = (
            sorted(
                line
                for part in (data / name).glob("part-*")
                for line in part.read_text().splitlines()
            )
            for name in ("total", "digits")
        )
        return "".join(total), digits


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=240)
    return Ended(process.returncode, out, err)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, bare_python: str) -> Store:
    # A path with a space: what is printed must still run.
    return Store(tmp_path_factory.mktemp("a store"), bare_python)


def totals(factor: int) -> tuple[str, list[str]]:
    """What the pipeline should find, by plain Python."""
    sums = [sum(number * factor for number in range(digit, 600, 10)) for digit in range(10)]
    rows = sorted(f'{{"digit":{digit},"total":{found}}}' for digit, found in enumerate(sums))
    return f'{{"total":{sum(sums)}}}', rows


def test_printed_line_ships_the_project_and_a_killed_worker_costs_no_data(
    store: Store, cluster: Cluster, tmp_path: Path
) -> None:
    made = store.run(
        f"sparkpipe submit command --master {cluster.address} "
        f"run --pipeline sums --env prod --runner ThreadRunner --params 'marker:{tmp_path}'"
    )
    assert made.status == 0, made.err
    running = store.start(made.out)
    until = time.monotonic() + 120
    while not any(tmp_path.glob("reached-*")) and time.monotonic() < until:
        if running.poll() is not None:
            break
        time.sleep(0.02)
    kill(cluster.workers[0])

    run = ended(running)

    assert run.status == 0, run.err[-5000:]
    assert store.sums() == totals(2)  # the factor of prod
    assert "Completed 3 out of 3 tasks" in run.out  # spark-submit has one way out for both
    assert "Results:" in run.out
    heap, _, name = (tmp_path / "driver").read_text().partition(" ")
    assert 600 < int(heap) <= 700  # as spark.yml says, for the JVM is there before sparkpipe
    assert name == "sums of a store"


def test_module_that_executors_lack_is_named_with_the_option_that_ships_it(
    store: Store, cluster: Cluster, tmp_path: Path
) -> None:
    run = store.run(
        f"spark-submit --master {cluster.address} $(sparkpipe submit path) run --pipeline sums "
        f"--params 'marker:{tmp_path}'"
    )
    assert run.status == 1
    told = run.out[run.out.index("Error: ") :]
    assert "'store'" in told
    assert "--py-files" in told
    assert "sparkpipe submit command" in told
    assert "\nTo continue: spark-submit ... main.py run --resume\n" in told
    assert "\nTo continue from there: spark-submit ... main.py run --pipeline sums --" in told
    assert len(told[: told.index("Full traceback")].splitlines()) <= 16
    # What Spark says before it reads the level: its version, Java's and the system's.
    assert (run.out + run.err).count(" INFO ") <= 3

    # With what executors need the run goes on: the frame in memory is made again.
    made = store.run(f"sparkpipe submit command --master {cluster.address} run --resume")
    assert made.status == 0, made.err
    run = store.run(made.out)
    assert run.status == 0, run.err[-5000:]
    assert store.sums() == totals(1)
    assert "Completed 3 out of 3 tasks" in run.out


def test_driver_in_the_cluster_runs_from_what_is_shipped(store: Store, tmp_path: Path) -> None:
    made = store.run(
        "sparkpipe submit command --master yarn --deploy-mode cluster run --pipeline sums"
    )
    assert made.status == 0, made.err
    assert "conf-store.tar.gz" in made.err
    words = shlex.split(made.out)
    zips = [store.path / name for name in words[words.index("--py-files") + 1].split(",")]
    # A cluster that runs the driver puts the program and the files into the folder where it works.
    program = next(word for word in words if word.endswith("main.py"))
    shutil.copy(program, tmp_path)
    shutil.copy(store.path / words[words.index("--files") + 1], tmp_path)
    options = shlex.join(words[words.index(program) + 1 :])

    run = store.run(
        f"spark-submit --master 'local-cluster[2,1,640]' --conf spark.log.level=WARN "
        f"--py-files {shlex.quote(','.join(map(str, zips)))} main.py {options} "
        f"--params factor:3,marker:{tmp_path}",
        cwd=tmp_path,
        PYSPARK_DRIVER_PYTHON=store.python,
    )

    assert run.status == 0, run.err[-5000:]
    assert store.sums(tmp_path) == totals(3)
    # Spark's end, of which it would tell hundreds of lines, is none of what the user asked for.
    assert len(run.err.splitlines()) < 30, run.err


@pytest.fixture(scope="module")
def line(store: Store) -> str:
    made = store.run("sparkpipe submit command --master 'local[1]'")
    assert made.status == 0, made.err
    return made.out


@pytest.mark.parametrize("form", ["editable", "wheel", "not installed"])
def test_printed_line_runs_however_the_project_is_installed(
    store: Store, line: str, tmp_path: Path, form: str
) -> None:
    # spark-submit puts what it ships before all that is installed.
    if form == "wheel":
        shutil.unpack_archive(store.path / "dist/store-1.0.zip", tmp_path)
    installed = {"editable": store.path, "wheel": tmp_path}.get(form)
    run = store.run(line, **({"PYTHONPATH": str(installed)} if installed else {}))
    assert run.status == 0, run.err + run.out
    assert "Run completed" in run.out


def test_what_the_jvm_must_know_before_it_starts_is_in_the_line(store: Store, line: str) -> None:
    words = shlex.split(line)
    assert words[words.index("--driver-memory") + 1] == "700m"
    assert words[words.index("--name") + 1] == "sums of a store"
    options = words[words.index("--driver-java-options") + 1]
    assert options == '-Dstore.name="a b" -XX:+UseSerialGC'
    assert "executor" not in line  # the session gets it

    given = "--conf spark.driver.memory=1g --conf spark.submit.deployMode=client"
    words = shlex.split(store.run(f"sparkpipe submit command --master yarn {given}").out)
    assert words[words.index("--driver-memory") + 1] == "1g"
    assert "700m" not in words


def test_secrets_of_spark_yml_stay_out_of_the_line(store: Store) -> None:
    key = "spark.kubernetes.authenticate.submission.oauthToken"
    (store.path / "conf/k8s").mkdir()
    (store.path / "conf/k8s/spark.yml").write_text(
        f"{key}: hunter2\nspark.kubernetes.namespace: n\n"
    )
    made = store.run("sparkpipe submit command --master k8s://https://h run --env k8s")
    assert made.status == 0, made.err
    assert "hunter2" not in made.out + made.err
    assert f"Not in the line, which others may read: {key}." in made.err
    assert "--conf spark.kubernetes.namespace=n" in made.out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("run --pipeline sum", "There is no pipeline 'sum'. Did you mean 'sums'?"),
        ("--package stores run", "There is no package 'stores'"),
        ("run --conf-source broken.zip", "archive broken.zip cannot be read"),
        ("run --conf-source gone.zip", "no configuration archive gone.zip"),
        ("sun", "There is no command 'sun'. Did you mean 'run'?"),
    ],
)
def test_misuse_ends_with_status_2(store: Store, options: str, told: str) -> None:
    (store.path / "broken.zip").write_text("no archive")
    run = store.run(f"{sys.executable} $(sparkpipe submit path) {options}")
    assert run.status == 2
    assert told in run.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("run --pipelin x", "No such option"),
        ("--conf master=local run", "is not spark.key=value"),
        ("--deploy-mode cluster run", "cannot run in the cluster where the master is local[*]"),
        ("rum", "There is no command 'rum'. Did you mean 'run'?"),
        ("run --pipeline sum", "There is no pipeline 'sum'. Did you mean 'sums'?"),
        ("run --from-nodes ad --runner TreadRunner", "There is no runner 'TreadRunner'"),
        ("run --params nosuch:1", "No node of this pipeline reads the parameter 'nosuch'"),
    ],
)
def test_line_with_a_mistake_is_not_printed(store: Store, options: str, told: str) -> None:
    run = call("sparkpipe", ["submit", "command", *shlex.split(options)], store.path, {})
    assert run.status == 2
    assert told in run.err
    assert not run.out
