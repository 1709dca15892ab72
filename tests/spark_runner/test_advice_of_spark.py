"""What Spark measures of a run that does what advice is for, and of one that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.events import NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.journal import JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.report.advice import Limits, find_advice
from sparkpipe.report.runs import Runs
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.classic("Spark Connect tells of no jobs")

# What a test can cause in seconds; the usual limits are for runs of minutes.
LOW = Limits(
    spill_bytes=10_000,
    shuffle_bytes=100_000,
    files=50,
    collect_bytes=500_000,
    repeated_seconds=0.0,
)
# What hangs on times is judged only where the node makes them: any node of a busy machine waits.
OF_TIMES = {
    "skew": replace(LOW, skew_seconds=0.5, skew_times=1.2),
    "idle": replace(LOW, idle_seconds=1.0, idle_share=0.4, idle_cores=0.5),
}
SLEEP = "reflect('java.lang.Thread', 'sleep', CAST({} AS BIGINT)) AS slept"


def sleep(tasks: int, milliseconds: str) -> int:
    query = f"SELECT id, {SLEEP.format(milliseconds)} FROM range(0, {tasks}, 1, {tasks})"
    return len(get_spark().sql(query).collect())


def wait_for_one_task() -> int:
    return sleep(9, "IF(id = 0, 3000, 1)")


def leave_a_core_idle() -> int:
    return sleep(1, "1500")


def spill() -> int:
    whole = "(PARTITION BY id % 2 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    rows = f"SELECT id, sum(id * 2) OVER {whole} AS s FROM range(20000)"
    return len(get_spark().sql(f"SELECT max(id) FROM ({rows}) WHERE s > id").collect())


def multiply(numbers: DataFrame) -> int:
    query = (
        "SELECT count(*) FROM (SELECT DISTINCT id, explode(sequence(1, 200)) AS n FROM {numbers})"
    )
    return len(get_spark().sql(query, numbers=numbers).collect())


def scatter(numbers: DataFrame) -> DataFrame:
    return numbers.repartition(60)


def collect() -> int:
    return len(get_spark().sql("SELECT uuid() FROM range(30000)").collect())


def compute_twice(numbers: DataFrame) -> int:
    frame = numbers.groupBy("id").count()
    for _ in range(2):
        frame.write.format("noop").mode("overwrite").save()
    return 2


def compute_once(numbers: DataFrame) -> int:
    frame = numbers.groupBy("id").count().persist()
    for _ in range(2):
        frame.write.format("noop").mode("overwrite").save()
    frame.unpersist(blocking=True)
    return 1


def group(numbers: DataFrame) -> DataFrame:
    return numbers.groupBy("id").count()


def use(frame: DataFrame) -> int:
    frame.write.format("noop").mode("overwrite").save()
    return 1


CAUSES = {
    "skew": node(wait_for_one_task, None, "a", name="skew"),
    "idle": node(leave_a_core_idle, None, "b", name="idle"),
    "spill": node(spill, None, "c", name="spill"),
    "shuffle": node(multiply, "numbers", "d", name="shuffle"),
    "files": node(scatter, "numbers", "scattered", name="files"),
    "collect": node(collect, None, "e", name="collect"),
    "repeated": node(compute_twice, "numbers", "f", name="repeated"),
}
OTHERS = [
    node(compute_once, "numbers", "g", name="nothing"),
    node(group, "numbers", "grouped", name="lazy"),
    node(use, "grouped", "h", name="use"),
    node(use, "grouped", "i", name="use_again"),
]


class Ended(RunObserver):
    def __init__(self) -> None:
        self.by_node: dict[str, NodeEnded] = {}

    def on_node_ended(self, event: NodeEnded) -> None:
        self.by_node[event.node] = event


@pytest.fixture(scope="module")
def ended(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run each once; give how they ended, and the folder of the journal."""
    path = tmp_path_factory.mktemp("advice")
    small = {
        "spark.sql.windowExec.buffer.in.memory.threshold": "10",
        "spark.sql.windowExec.buffer.spill.threshold": "1000",
    }
    for name, value in small.items():
        spark.conf.set(name, value)
    catalog = DataCatalog(
        {
            "numbers": SparkDataSet(str(path / "numbers"), save_args={"mode": "overwrite"}),
            "scattered": SparkDataSet(str(path / "scattered")),
            "grouped": MemoryDataSet(persist=False),
        }
    )
    catalog.save("numbers", spark.range(0, 5000, 1, 2))
    seen = Ended()
    with observing(seen, JournalWriter(str(path / "runs"))):
        SequentialRunner().run(pipeline([*CAUSES.values(), *OTHERS]), catalog, session_id="run")
    for name in small:
        spark.conf.unset(name)
    return seen.by_node, path / "runs"


@pytest.mark.parametrize("kind", CAUSES)
def test_advice_is_given_on_what_causes_it_and_on_nothing_else(ended: Any, kind: str) -> None:
    by_node, _ = ended
    pieces = find_advice({}, [by_node[kind]], OF_TIMES.get(kind, LOW))
    assert [piece.kind for piece in pieces] == [kind]
    assert pieces[0].node == kind


def test_a_persisted_frame_is_not_computed_again(ended: Any) -> None:
    by_node, _ = ended
    assert find_advice({}, [by_node["nothing"]], LOW) == ()


def test_a_frame_that_nobody_persists_is_computed_by_each_reader(ended: Any) -> None:
    by_node, _ = ended
    flow = {one.name: (one.inputs, one.outputs) for one in OTHERS}
    (piece,) = find_advice(flow, [by_node[n] for n in ("lazy", "use", "use_again")], LOW)
    assert (piece.kind, piece.node) == ("repeated", "lazy")
    assert "5,000 rows of 'grouped', by use, use_again" in piece.figure


def test_the_journal_tells_the_same_jobs_and_a_short_run_gets_no_advice(ended: Any) -> None:
    by_node, runs = ended
    shown = Runs(str(runs)).show("run")
    for name, event in by_node.items():
        assert shown.record.nodes[name].jobs == event.jobs
        assert shown.record.nodes[name].cores == event.cores
    assert shown.advice == ()
    assert "Advice" not in str(shown)
    assert len(find_advice({}, shown.record.nodes.values(), LOW)) == 3
