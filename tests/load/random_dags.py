"""A thousand and more random pipelines under every runner, held against a plain evaluation.

Each has up to 60 nodes that wait, fail, are tried again, are over their timeouts, give chunks, or
are interrupted. Outputs, files, events and hooks must be right, and no thread, process or file may
be left. A few more share frames of Spark, none of which may stay persisted. A run that takes a
minute prints the stacks of all threads. How many: ``DAGS``, by default 1,000.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "runner"))  # as pytest does

from dag_cases import Case, cases, check

# Processes that are forked from one that has loaded what they need start in no time.
multiprocessing.set_forkserver_preload(["sparkpipe.runner", "dag_cases"])
# Workers send their log here, where it is not shown.
logging.getLogger("sparkpipe").addHandler(logging.NullHandler())

MakeRunner = Callable[..., AbstractRunner]

#: Runners, their share of the cases, and whether hooks can count where nodes run.
RUNNERS: dict[str, tuple[MakeRunner, float, bool]] = {
    "SequentialRunner": (SequentialRunner, 0.4, True),
    "ThreadRunner": (ThreadRunner, 0.4, True),
    "ParallelRunner": (partial(ParallelRunner, 2, start_method="forkserver"), 0.1, False),
    "HybridRunner": (partial(HybridRunner, 4, 2, start_method="forkserver"), 0.1, False),
}
_SPARK_CASES = 10


def run() -> int:
    """Run the load test; return how many kinds of runs went wrong."""
    times = int(os.environ.get("DAGS", "1000"))
    wrongs = 0
    for name, (make, share, with_hooks) in RUNNERS.items():
        wrongs += not _run_cases(name, make, max(1, round(times * share)), with_hooks)
    return wrongs + (not _run_on_spark())


def _run_cases(name: str, make: MakeRunner, times: int, with_hooks: bool) -> bool:
    chosen = random.SystemRandom().randrange(2**32)
    outcomes: Counter[str] = Counter()
    nodes = 0
    started = time.monotonic()

    @seed(chosen)
    @settings(
        max_examples=times, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(cases())
    def work(case: Case) -> None:
        nonlocal nodes
        nodes += len(case.steps)
        runner = make(continue_on_failure=case.goes_on)
        outcomes[check(case, runner, with_hooks=with_hooks)] += 1

    try:
        work()
    except BaseException as exc:  # also a group of what went wrong
        print(f"{name}, seed {chosen}: {exc}")
        raise
    told = ", ".join(f"{count} {how}" for how, count in sorted(outcomes.items()))
    seconds = time.monotonic() - started
    print(f"{name}: {outcomes.total()} pipelines of {nodes} nodes: {told}; {seconds:.0f} s")
    return True


def _run_on_spark() -> bool:
    from sparkpipe.spark.session import SparkProvider, activated, get_spark

    options = {"spark.master": "local[2]", "spark.ui.enabled": False}
    with activated(SparkProvider(options)) as provider:
        persisted = get_spark().sparkContext._jsc.getPersistentRDDs
        for number in range(_SPARK_CASES):
            chosen = random.Random(number)
            size = chosen.randrange(4, 20)
            pipeline, expected = _of_frames(chosen, size)
            outputs = ThreadRunner().run(pipeline, DataCatalog(feed_dict={"start": 1}))
            assert outputs == expected, (outputs, expected)
            assert not persisted(), "frames stay persisted"
        provider.stop()
    print(f"Spark: {_SPARK_CASES} pipelines that share frames; none stays persisted")
    return True


def _of_frames(chosen: random.Random, size: int) -> tuple[Pipeline, dict[str, int]]:
    """Return a pipeline of nodes that add rows to lazy frames, and the numbers of its rows."""
    rows: dict[int, int] = {}
    nodes = [node(_first_frame, "start", "f0", name="n0")]
    rows[0] = 10
    for number in range(1, size):
        parents = sorted(chosen.sample(range(number), min(number, chosen.randrange(1, 3))))
        inputs: Any = [f"f{parent}" for parent in parents]
        nodes.append(node(_union, inputs, f"f{number}", name=f"n{number}"))
        rows[number] = sum(rows[parent] for parent in parents)
    nodes += [node(_count, f"f{n}", f"c{n}", name=f"count{n}") for n in range(size)]
    return Pipeline(nodes), {f"c{number}": count for number, count in rows.items()}


def _first_frame(start: int) -> Any:
    from sparkpipe.spark.session import get_spark

    return get_spark().range(10).selectExpr("id", "rand() as r").groupBy("id", "r").count()


def _union(*frames: Any) -> Any:
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.union(frame)
    return whole


def _count(frame: Any) -> int:
    return int(frame.count())
