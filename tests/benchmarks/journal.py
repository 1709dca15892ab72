"""What it costs to write a run down, beside the same run that is not; and very many runs."""

from __future__ import annotations

import gc
import json
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sparkpipe.events import Event, Observer, observing
from sparkpipe.io import AbstractDataSet, DataCatalog
from sparkpipe.journal import Journal, JournalWriter
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.report.runs import Runs
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner
from sparkpipe.session import Session
from tests.benchmarks.report import Report

SIZE = 1_000
TIMES = 15
RUNS = 100_000
#: How many microseconds of a node may be the journal's own, in memory and with reports, beyond what
#: any observer costs: a run by the command always has some.
OWN = (30.0, 50.0)
#: How many times as long a node may take with a journal as where nobody watches at all: as 55 µs
#: are to 25 in memory, and 83 to 33 with reports; machines, and hours of one, differ by more.
TIMES_AS_LONG = (2.2, 2.5)

REGISTRY = f"""
from sparkpipe.pipeline import node, pipeline


def same(x):
    return x


def register_pipelines():
    nodes = [node(same, "params:x", f"d{{i}}", name=f"n{{i}}") for i in range({SIZE})]
    return {{"__default__": pipeline(nodes)}}
"""


class Told(AbstractDataSet):
    """A value in memory of which there is as much to tell as of a file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._value: Any = 1

    def _load(self) -> Any:
        return self._value

    def _save(self, data: Any) -> None:
        self._value = data

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name}

    def location(self) -> str:
        return f"/data/intermediate/{self._name}.parquet"

    def state(self) -> str:
        return "1234567-1700000000000000000"


class DoesNothing:
    """An observer, for which the events are made."""

    def on_event(self, event: Event) -> None:
        pass


def same(x: Any) -> Any:
    return x


def make() -> Pipeline:
    return Pipeline(node(same, f"d{i}", f"d{i + 1}", name=f"n{i}") for i in range(SIZE))


def seconds_of(works: dict[str, Callable[[], object]], times: int = TIMES) -> dict[str, float]:
    """Return the seconds of the processor that several works take, done by turns.

    What disturbs one disturbs them all, and what else the machine does counts for none.
    """
    best = dict.fromkeys(works, float("inf"))
    for _ in range(times):
        for name, work in works.items():
            gc.collect()
            started = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - started)
    return best


def run(report: Report) -> None:
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            _cost_of_a_node(report, Path(folder))
            _cost_of_a_session(report, Path(folder))
            _very_many(report, Path(folder) / "many")
    finally:
        logging.disable(logging.NOTSET)


def _cost_of_a_node(report: Report, folder: Path) -> None:
    report.title(f"The journal, in microseconds a node, {SIZE} nodes, beside none")
    pipeline = make()
    writer = partial(JournalWriter, str(folder / "runs"))
    told = {f"d{i}": Told(f"d{i}") for i in range(SIZE + 1)}
    kinds: tuple[tuple[str, Callable[[], DataCatalog]], ...] = (
        ("in memory", lambda: DataCatalog(feed_dict={"d0": 1})),
        ("with reports of data sets", lambda: DataCatalog(told)),
    )
    for runner in (SequentialRunner(), ThreadRunner()):
        for (kind, catalog), most, ratio in zip(kinds, OWN, TIMES_AS_LONG, strict=True):
            name = f"{type(runner).__name__}, {kind}"
            seconds = seconds_of(
                {
                    "without": _running(runner, pipeline, catalog),
                    "watched": _running(runner, pipeline, catalog, DoesNothing),
                    "with": _running(runner, pipeline, catalog, writer),
                }
            )
            more = seconds["with"] - seconds["without"]
            report.line(f"{name}: without", seconds["without"] / SIZE * 1e6, "µs")
            report.line(f"{name}: more with it", more / SIZE * 1e6, "µs")
            own = seconds["with"] - seconds["watched"]
            report.line("    more than an observer that does nothing", own / SIZE * 1e6, "µs", most)
            report.line("    times as much", seconds["with"] / seconds["without"], "x", ratio)


def _running(
    runner: AbstractRunner,
    pipeline: Pipeline,
    catalog: Callable[[], DataCatalog],
    make_observer: Callable[[], Observer] | None = None,
) -> Callable[[], object]:
    def work() -> None:
        with nullcontext() if make_observer is None else observing(make_observer()):
            runner.run(pipeline, catalog())

    return work


def _cost_of_a_session(report: Report, folder: Path) -> None:
    report.title(f"A session's run of {SIZE} nodes, from the command on, beside --no-journal")
    project = folder / "project"
    for name, text in {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "journal_bench"\n',
        "journal_bench/pipeline_registry.py": REGISTRY,
        "conf/base/parameters.yml": "x: 1\n",
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    with Session(project) as session:
        seconds = seconds_of(
            {
                "without": lambda: session.run(journal=False),
                "with": lambda: session.run(),
            },
            7,
        )
    more = seconds["with"] - seconds["without"]
    report.line("without", seconds["without"] / SIZE * 1e6, "µs")
    report.line("more with it: hashes of code, earlier runs, writing", more / SIZE * 1e6, "µs")
    report.line("    times as much", seconds["with"] / seconds["without"], "x")


def _very_many(report: Report, folder: Path) -> None:
    report.title(f"{RUNS} runs in a folder")
    _write_many(folder)
    runs = Runs(str(folder))
    report.line("list the last 20", _once(lambda: [*islice(runs.runs(), 20)]), "s", 1)
    report.line("show the last one", _once(lambda: str(runs.show())), "s", 1)
    report.line("what differs from the one before", _once(lambda: str(runs.diff())), "s", 1)
    journal = Journal(str(folder))
    for what, nodes, environment in (
        ("start a run, nodes known", ["n1", "n2"], "local"),
        ("start a run, a new node", ["new"], "local"),
        ("start a run, a new environment", ["n1"], "dev"),
    ):
        look = _once(lambda n=nodes, e=environment: journal.last_good(n, None, e))
        report.line(what, look, "s", 1)


def _once(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _write_many(folder: Path) -> None:
    folder.mkdir()
    with observing(JournalWriter(str(folder))):
        nodes = [node(same, "d0", f"d{i + 1}", name=f"n{i}") for i in range(10)]
        SequentialRunner().run(Pipeline(nodes), DataCatalog(feed_dict={"d0": 1}), session_id="x")
    (file,) = folder.iterdir()
    head, *lines = file.read_text().splitlines()
    file.unlink()
    start = json.loads(head) | {"environment": "local"}
    rest = "\n".join(lines)
    for number in range(RUNS):
        run_id = f"2024-{number:06}"
        text = f"{json.dumps(start | {'run_id': run_id})}\n{rest}\n"
        (folder / f"{run_id}.jsonl").write_text(text)
