"""Runs are written down while they run, whatever becomes of them, and never with a secret."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest
import runner_nodes as nodes
from jsonschema import Draft202012Validator

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.pandas import CSVDataSet
from sparkpipe.description import RunDescription, describing
from sparkpipe.errors import RunFailedError
from sparkpipe.events import NodeEnded, RunStarted, observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import Journal, JournalWriter
from sparkpipe.journal.lines import line_of
from sparkpipe.journal.records import read_record
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.report.runs.differing import Differences
from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)
from sparkpipe.spark_jobs import SparkJob, SparkStage

RUNNERS = [SequentialRunner, ThreadRunner, ParallelRunner, HybridRunner]
SCHEMA = json.loads(files("sparkpipe.journal").joinpath("run.schema.json").read_text())
CHAIN = pipeline([node(sum, "xs", "a", name="first"), node(abs, "a", "b", name="second")])


def written(path: Path | str, runner: AbstractRunner, pipe: Pipeline, catalog: DataCatalog) -> Any:
    with observing(JournalWriter(str(path))):
        return runner.run(pipe, catalog, session_id="run 1")


def in_memory(**feed: Any) -> DataCatalog:
    return DataCatalog(feed_dict=feed)


@pytest.mark.parametrize("runner", RUNNERS)
def test_every_runner_is_written_down_as_the_schema_says(
    tmp_path: Path, runner: type[AbstractRunner]
) -> None:
    catalog = DataCatalog(
        {"xs": JSONDataSet(str(tmp_path / "xs.json")), "b": JSONDataSet(str(tmp_path / "b.json"))}
    )
    catalog.save("xs", [1, -3])
    written(tmp_path / "runs", runner(), CHAIN, catalog)
    (file,) = (tmp_path / "runs").iterdir()
    assert file.name == "run 1.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    validator = Draft202012Validator(SCHEMA)
    for line in lines:
        validator.validate(line)
    assert [line["kind"] for line in lines] == [
        *("run_started", "node_started", "node_ended", "node_started", "node_ended", "run_ended"),
    ]
    record = Journal(str(tmp_path / "runs")).run()
    assert (record.outcome, record.runner) == ("done", runner.__name__)
    second = record.nodes["second"]
    assert (second.status, second.inputs, second.outputs) == ("done", ("a",), ("b",))
    size = (tmp_path / "b.json").stat()
    assert second.saved["b"].bytes == size.st_size
    assert second.saved["b"].state == f"{size.st_size}-{size.st_mtime_ns}"
    assert record.nodes["first"].loaded["xs"].state


def test_failures_and_retries_are_written_as_the_schema_says(tmp_path: Path) -> None:
    pipe = pipeline(
        [
            node(nodes.refuse, "x", "y", name="n", retries=1, retry_delay=0.01),
            node(abs, "y", "z", name="after"),
        ]
    )
    with pytest.raises(RunFailedError):
        written(tmp_path, SequentialRunner(), pipe, in_memory(x=1))
    (file,) = tmp_path.iterdir()
    for line in file.read_text().splitlines():
        Draft202012Validator(SCHEMA).validate(json.loads(line))
    record = Journal(str(tmp_path)).run()
    assert (record.outcome, record.counts) == ("failed", {"failed": 1, "skipped": 1})
    failed = record.nodes["n"]
    assert failed.attempts == 2
    assert failed.error is not None
    assert failed.error.location.endswith("in refuse")


def test_each_event_is_there_at_once(tmp_path: Path) -> None:
    def look(xs: Any) -> Any:
        record = Journal(str(tmp_path)).run()
        return record.outcome, record.nodes["first"].status, record.nodes["second"].status

    pipe = pipeline(
        [
            node(look, "xs", "seen", name="first"),
            node(lambda seen: seen, "seen", "out", name="second"),
        ]
    )
    out = written(tmp_path, SequentialRunner(), pipe, in_memory(xs=1))
    assert out == {"out": ("running", "running", "waiting")}


KILLED = """
import os, signal, sys
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import {runner}

def die(x):
    os.kill(os.getpid(), signal.SIGKILL)
    import time; time.sleep(60)

pipe = pipeline([node(abs, "x", "a", name="first"), node(die, "a", "b", name="second")])
with observing(JournalWriter(sys.argv[1])):
    {runner}().run(pipe, DataCatalog(feed_dict={{"x": 1}}), session_id="killed")
"""


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner"])
def test_a_run_that_was_killed_is_known_as_such(tmp_path: Path, runner: str) -> None:
    code = KILLED.format(runner=runner)
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    record = Journal(str(tmp_path)).run()
    assert [one.status for one in record.nodes.values()] == ["done", "running"]
    assert record.outcome == "died"


FULL = """
import resource, sys, logging
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
pipe = pipeline([node(abs, "x", f"y{i}", name=f"n{i:02}") for i in range(20)])
with observing(JournalWriter(sys.argv[1])):
    print(len(SequentialRunner().run(pipe, DataCatalog(feed_dict={"x": 1}), session_id="full")))
"""


def test_a_full_disk_is_told_once_and_the_run_goes_on(tmp_path: Path) -> None:
    # -B: bytecode would be cut off at the limit, too, and stay so in the package.
    said = subprocess.run(
        [sys.executable, "-B", "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.stdout == "20\n"
    assert said.stderr.count("cannot be written") == 1
    assert "File too large. The run goes on" in said.stderr
    record = Journal(str(tmp_path)).run()
    assert record.outcome == "died"
    assert record.notes == ("1 line(s) could not be read and are left out",)
    assert record.nodes["n00"].status == "done"


def test_a_place_that_cannot_be_written_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        out = written(tmp_path / "file" / "runs", SequentialRunner(), CHAIN, in_memory(xs=[1]))
    assert out == {"b": 1}
    (told,) = [record.getMessage() for record in caplog.records]
    assert "cannot be written to" in told
    assert "Not a directory. The run goes on" in told


SMALL = """
import logging, os, sys
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import Journal, JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

logging.basicConfig(format="%(message)s")
folder = sys.argv[1]
rest = os.path.join(folder, "rest")

def fill(x):
    with open(rest, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            return x

def make_room(x):
    os.unlink(rest)
    return x

pipe = pipeline([
    node(abs, "x", "a", name="before"), node(fill, "a", "b", name="fill"),
    *(node(abs, "b", f"c{i}", name="n" * 3000 + str(i)) for i in range(3)),
    node(lambda *xs: make_room(xs[0]), ["c0", "c1", "c2"], "d", name="make_room"),
    node(abs, "d", "e", name="after"),
])
journal = os.path.join(folder, "runs")
with observing(JournalWriter(journal)):
    print(SequentialRunner().run(pipe, DataCatalog(feed_dict={"x": 1}), session_id="1"))
fill(0)
with observing(JournalWriter(journal)):
    print(SequentialRunner().run(pipe.only_nodes("after"), DataCatalog(feed_dict={"d": 1})))
make_room(0)
record = Journal(journal).run()
print(record.run_id, record.outcome, *record.notes)
print({name[:9]: one.status for name, one in record.nodes.items()})
print(Journal(journal).names())
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a file system of its own")
def test_a_disk_that_is_full_in_mid_run_and_has_room_again(tmp_path: Path) -> None:
    script = tmp_path / "small.py"
    script.write_text(SMALL)
    (tmp_path / "disk").mkdir()
    mount = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" "$3" "$1"'
    said = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "-", tmp_path / "disk", sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if not said.stdout and "small.py" not in said.stderr:
        pytest.skip(f"no mounts here: {said.stderr.strip()}")
    assert said.stderr.count("cannot be written to") == 2, said.stderr
    assert said.stderr.count("No space left on device. The run goes on") == 2
    first, second, run, nodes, names = said.stdout.splitlines()
    assert (first, second) == ("{'e': 1}", "{'e': 1}")
    # What came after there was room again is there; of a run that could not begin is nothing.
    assert run.startswith("1 done ")
    assert "'after': 'done'" in nodes
    assert names == "['1']"


def test_a_folder_of_somebody_else_is_told_and_can_be_read(tmp_path: Path) -> None:
    written(tmp_path / "runs", SequentialRunner(), CHAIN, in_memory(xs=[1]))
    code = (
        "import logging, os, sys\n"
        "from sparkpipe.events import observing\n"
        "from sparkpipe.io import DataCatalog\n"
        "from sparkpipe.journal import Journal, JournalWriter\n"
        "from sparkpipe.pipeline import node, pipeline\n"
        "from sparkpipe.runner import SequentialRunner\n"
        "logging.basicConfig(format='%(message)s')\n"
        "pipe = pipeline([node(abs, 'x', 'a', name='n')])\n"
        "os.chdir(sys.argv[1])\n"
        # What a process needs of Python itself is perhaps for root only.
        "with observing(JournalWriter('others')):\n"
        "    SequentialRunner().run(pipe, DataCatalog(feed_dict={'x': -2}))\n"
        "Journal('others').run()\n"
        "os.getuid() or os.setuid(65534)\n"
        "with observing(JournalWriter('runs')):\n"
        "    print(SequentialRunner().run(pipe, DataCatalog(feed_dict={'x': -2})))\n"
        "print(Journal('runs').run().outcome, Journal('runs').names())\n"
    )
    tmp_path.chmod(0o755)
    (tmp_path / "runs").chmod(0o555)
    try:
        said = subprocess.run(
            [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60
        )
    finally:
        (tmp_path / "runs").chmod(0o755)
    assert said.stdout == "{'a': 2}\ndone ['run 1']\n", said.stderr
    assert said.stderr.count("runs: Permission denied. The run goes on") == 1


MANY = """
import sys
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

pipe = pipeline([node(abs, "x", f"y{i}", name=f"n{i:04}") for i in range(3000)])
print("go", flush=True)
with observing(JournalWriter(sys.argv[1])):
    SequentialRunner().run(pipe, DataCatalog(feed_dict={"x": 1}), session_id=sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.0, 0.05, 0.15])
def test_a_kill_at_any_moment_loses_no_line_but_the_last(tmp_path: Path, wait: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MANY, tmp_path, "killed"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        file = tmp_path / "killed.jsonl"
        for _ in range(1000):
            if file.exists() and b"\n" in file.read_bytes():
                break
            time.sleep(0.01)
        time.sleep(wait)
        process.kill()
    record = Journal(str(tmp_path)).run()
    assert record.outcome in ("died", "done")
    states = [one.status for one in record.nodes.values()]
    done = states.count("done")
    assert states[:done] == ["done"] * done
    assert set(states[done + 1 :]) <= {"waiting"}
    assert len(record.notes) <= 1


@pytest.mark.slow
def test_two_machines_may_use_one_name_at_one_address(tmp_path: Path) -> None:
    machines = [
        subprocess.Popen([sys.executable, "-c", MANY, tmp_path, "run"], stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [machine.wait(60) for machine in machines] == [0, 0]
    journal = Journal(str(tmp_path))
    assert journal.names() == ["run~2", "run"]
    assert [record.counts for record in journal] == [{"done": 3000}] * 2


def test_two_runs_of_one_name_are_two_in_a_store(store: str) -> None:
    together = threading.Barrier(2)

    def meet(xs: Any) -> Any:
        together.wait(10)
        return xs

    pipe = pipeline([node(meet, "xs", "a", name="first"), node(abs, "a", "b", name="second")])
    with ThreadPoolExecutor(2) as pool:
        for one in [
            pool.submit(written, store, SequentialRunner(), pipe, in_memory(xs=-1))
            for _ in range(2)
        ]:
            one.result()
    written(store, SequentialRunner(), CHAIN, in_memory(xs=[1]))
    records = [*Journal(store)]
    assert Journal(store).names() == ["run 1~3", "run 1~2", "run 1"]
    assert [record.counts for record in records] == [{"done": 2}] * 3


def test_two_runs_of_one_name_are_two_files(tmp_path: Path) -> None:
    for _ in range(2):
        written(tmp_path, SequentialRunner(), CHAIN, in_memory(xs=[1]))
    assert Journal(str(tmp_path)).names() == ["run 1~2", "run 1"]


def test_a_hostile_name_stays_in_the_folder(tmp_path: Path) -> None:
    for name in ("../../out", "..", "a/b", ".hidden", "c\\d", "e\nf"):
        with observing(JournalWriter(str(tmp_path / "runs"))):
            SequentialRunner().run(CHAIN, in_memory(xs=[1]), session_id=name)
    assert [one.name for one in tmp_path.iterdir()] == ["runs"]
    journal = Journal(str(tmp_path / "runs"))
    assert sorted(record.run_id for record in journal.runs()) == sorted(
        ["../../out", "..", "a/b", ".hidden", "c\\d", "e\nf"]
    )


@pytest.fixture
def store() -> Iterator[str]:
    """An address whose files cannot be added to."""
    import fsspec

    address = f"memory://runs-{uuid4().hex}"
    yield address
    fsspec.filesystem("memory").rm(address, recursive=True)


def test_a_store_gets_segments_and_at_the_end_one_file(store: str) -> None:
    import fsspec

    seen: list[tuple[str, str]] = []

    def look(xs: Any) -> Any:
        for _ in range(100):  # a thread writes
            if any(Journal(store).runs()):  # the file may be open only
                break
            import time

            time.sleep(0.05)
        record = Journal(store).run()
        seen.append((record.outcome, record.run_id))
        return xs

    pipe = pipeline([node(look, "xs", "a", name="first"), node(abs, "a", "b", name="second")])
    written(store, SequentialRunner(), pipe, in_memory(xs=-1))
    assert seen == [("unfinished", "run 1")]
    assert [path.rpartition("/")[2] for path in fsspec.filesystem("memory").ls(store, False)] == [
        "run 1.jsonl"
    ]
    record = Journal(store).run("run 1")
    assert (record.outcome, record.counts) == ("done", {"done": 2})


def test_segments_that_were_left_are_joined_by_readers(store: str) -> None:
    import fsspec

    written(store, SequentialRunner(), CHAIN, in_memory(xs=[-2]))
    fs = fsspec.filesystem("memory")
    lines = fs.cat_file(f"{store}/run 1.jsonl").splitlines(keepends=True)
    fs.rm(f"{store}/run 1.jsonl")
    for number, line in enumerate(lines[:-1]):
        fs.pipe_file(f"{store}/run 1/{number:06}.jsonl", line)
    record = Journal(store).run()
    assert (record.outcome, record.counts) == ("unfinished", {"done": 2})


def test_a_volume_gets_segments_and_at_the_end_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder like /Volumes, whose files cannot be added to, is on no machine of tests.
    monkeypatch.setattr("sparkpipe.journal.places._WITHOUT_APPEND", (str(tmp_path),))
    path, seen = tmp_path / "runs", []

    def look(xs: Any) -> Any:
        deadline = time.monotonic() + 10  # a thread writes
        while time.monotonic() < deadline and not any(Journal(str(path)).runs()):
            time.sleep(0.02)
        seen.extend(sorted(one.relative_to(path).as_posix() for one in path.rglob("*.jsonl")))
        seen.append(Journal(str(path)).run().outcome)
        return xs

    pipe = pipeline([node(look, "xs", "a", name="first"), node(abs, "a", "b", name="second")])
    written(path, SequentialRunner(), pipe, in_memory(xs=-1))
    assert seen[0] == "run 1/000001.jsonl"
    assert seen[-1] == "unfinished"
    assert [one.name for one in path.iterdir()] == ["run 1.jsonl"]
    record = Journal(str(path)).run("run 1")
    assert (record.outcome, record.counts) == ("done", {"done": 2})
    # What a writer that was killed has left is one run.
    lines = (path / "run 1.jsonl").read_bytes().splitlines(keepends=True)
    (path / "run 0").mkdir()
    for number, line in enumerate(lines[:-1], 1):
        (path / f"run 0/{number:06}.jsonl").write_bytes(line)
    assert [one.run_id for one in Journal(str(path)).runs()] == ["run 1", "run 1"]
    assert Journal(str(path)).run("run 0").outcome == "unfinished"
    Journal(str(path)).remove("run 0")
    assert [one.name for one in path.iterdir()] == ["run 1.jsonl"]


def test_no_secret_enters(tmp_path: Path) -> None:
    def refuse(x: Any) -> Any:
        raise ValueError("no jdbc:postgresql://me:geheim1@host/db?password=geheim2")

    catalog = DataCatalog(
        {"x": CSVDataSet(str(tmp_path / "x.csv"), credentials={"key": "geheim3"})}
    )
    (tmp_path / "x.csv").write_text("a\n1\n")
    description = RunDescription(params={"password": "***"}, extra_params={"token": "***"})
    pipe = pipeline([node(refuse, "x", "y", name="n")])
    with describing(description), pytest.raises(RunFailedError):
        written(tmp_path / "runs", SequentialRunner(), pipe, catalog)
    assert "geheim" not in (tmp_path / "runs" / "run 1.jsonl").read_text()


def test_the_columns_of_what_was_saved_are_written_and_those_that_differ_are_told(
    tmp_path: Path,
) -> None:
    def make(run_id: str, **columns: list[Any]) -> None:
        make_frame = node(lambda: pd.DataFrame(columns), None, "x", name="make")
        wide = node(lambda: pd.DataFrame([range(300)]), None, "wide", name="widen")
        catalog = DataCatalog({n: CSVDataSet(str(tmp_path / f"{n}.csv")) for n in ("x", "wide")})
        with observing(JournalWriter(str(tmp_path / "runs"))):
            SequentialRunner().run(pipeline([make_frame, wide]), catalog, session_id=run_id)

    make("run 1", id=[1], price=[1], old=["a"])
    make("run 2", price=[0.5], id=[2], new=[True])
    validator = Draft202012Validator(SCHEMA)
    for line in (tmp_path / "runs" / "run 1.jsonl").read_text().splitlines():
        validator.validate(json.loads(line))
    one, other = (Journal(str(tmp_path / "runs")).run(name) for name in ("run 1", "run 2"))
    assert one.nodes["make"].saved["x"].columns[:2] == (("id", "int64"), ("price", "int64"))
    assert len(one.nodes["widen"].saved["wide"].columns) == 200
    (schema,) = (d for d in Differences(one, other) if d.kind == "schema")
    assert schema.where == "x"
    assert schema.before.startswith("price int64, old ")
    assert schema.after == "price float64, new bool"
    assert not [d for d in Differences(one, one) if d.kind == "schema"]


def test_spark_jobs_are_written_as_the_schema_says_and_read_as_they_were() -> None:
    stages = (
        SparkStage(7, "collect", started=1.25, ended=3.5, tasks=4, longest_task=2.0, first_rdd=3),
        SparkStage(9, "collect", "failed", attempts=2, spilled_bytes=5, task_seconds=0.125),
    )
    jobs = (SparkJob(0), SparkJob(4, "clean · load\n", "failed", 1.0, 4.0, stages))
    plan = SequentialRunner().plan(CHAIN, in_memory(xs=[1]))
    ended = NodeEnded("r", "first", "done", 1.0, 5.0, jobs=jobs, jobs_left_out=3, cores=8)
    lines = [line_of(RunStarted("r", plan)), line_of(ended)]
    Draft202012Validator(SCHEMA).validate(json.loads(lines[1]))
    record = read_record(lines).nodes["first"]
    assert (record.jobs, record.jobs_left_out, record.cores) == (jobs, 3, 8)


def test_what_is_no_json_is_written_as_its_text(tmp_path: Path) -> None:
    event = NodeEnded("run 1", "n\ud800", "done", 1.0, 2.0)
    with (
        observing(JournalWriter(str(tmp_path))),
        describing(
            RunDescription(extra_params={"day": Path("x")}, identities={"first": {"a": {1, 2}}})
        ),
    ):
        SequentialRunner().run(CHAIN, in_memory(xs=[1]), session_id="run 1")
    writer = JournalWriter(str(tmp_path))
    writer.on_event(event)  # without a start: nothing is written
    record = Journal(str(tmp_path)).run()
    assert record.extra_params == {"day": "x"}


def test_a_run_whose_clock_is_behind_does_not_remove_itself(tmp_path: Path) -> None:
    for run_id in ("2024", "2099", "2023"):
        with observing(JournalWriter(str(tmp_path), keep=1)):
            SequentialRunner().run(CHAIN, in_memory(xs=[1]), session_id=run_id)
    assert Journal(str(tmp_path)).names() == ["2099", "2023"]
