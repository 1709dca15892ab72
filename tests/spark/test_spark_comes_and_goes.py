"""Spark may die, and is shared: one session's end is not that of another."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparkpipe.spark.session import lend_path
from sparkpipe.spark.users import Users


def run(code: str) -> str:
    """Run code in a process that has a Spark of its own, and return what it prints."""
    head = """
        import logging, time
        from sparkpipe.errors import RunFailedError
        from sparkpipe.io import DataCatalog
        from sparkpipe.pipeline import node, pipeline
        from sparkpipe.runner import SequentialRunner
        from sparkpipe.spark.active import active_session
        from sparkpipe.spark.session import SparkProvider, activated, get_spark
        logging.disable(logging.ERROR)
        S = {"spark.master": "local[2]", "spark.ui.enabled": False, "spark.profile": "dev",
             "spark.sql.shuffle.partitions": 1}
    """
    whole = textwrap.dedent(head) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


class Anybody:
    """Uses a session."""


def test_a_session_that_was_started_here_ends_with_its_last_user() -> None:
    users, first, second = Users(), Anybody(), Anybody()
    users.own(first)
    users.add(second)
    assert [users.leave(first), users.leave(first), users.leave(second)] == [False, False, True]


def test_a_user_that_is_gone_keeps_no_session_up() -> None:
    users, first = Users(), Anybody()
    users.own(first)
    users.add(Anybody())
    assert users.leave(first)


def test_nobody_stops_a_session_that_somebody_else_has_made() -> None:
    users, first = Users(), Anybody()
    users.add(first)
    assert not users.leave(first)


def lent(master: str = "local[2]") -> list[str]:
    """Return what the Python workers of a session find on their path."""
    context = SimpleNamespace(environment={}, master=master)
    lend_path(SimpleNamespace(_sc=context))
    return context.environment.get("PYTHONPATH", "").split(os.pathsep)


@pytest.mark.parametrize("master", ["local", "local[2]", "local-cluster[2,1,512]"])
def test_workers_of_this_machine_import_what_this_process_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, master: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    assert str(tmp_path) in lent(master)
    assert str(tmp_path) not in lent("spark://there:7077")


@pytest.mark.parametrize("project", [f"{sys.prefix}/src/app", f"{sys.prefix}-of-mine/src"])
def test_they_do_where_the_project_lies_below_python_or_is_named_like_it(
    monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    monkeypatch.syspath_prepend(project)
    assert project in lent()
    assert not [path for path in lent() if "site-packages" in path or path.endswith(".zip")]
    assert sysconfig.get_path("stdlib") not in lent()


@pytest.mark.spark
@pytest.mark.classic("the JVM of a process")
def test_who_closes_stops_nothing_that_others_use_and_a_dead_jvm_is_replaced() -> None:
    told = run(
        """
        a, b = SparkProvider(S), SparkProvider(S)
        with activated(a):
            get_spark()
        with activated(b):
            s = get_spark()
        a.stop()
        print("shared", s.range(3).count())
        with activated(b):
            get_spark().stop()  # as many a script does at its end
        with activated(a):
            s = get_spark()
        b.stop()
        print("successor", active_session() is not None, s.range(4).count())

        def kill(x):
            from pyspark import SparkContext
            get_spark()
            SparkContext._gateway.proc.kill()
            SparkContext._gateway.proc.wait()
            return get_spark().range(x).count()

        count = pipeline([node(lambda x: get_spark().range(x).count(), "x", "y")])
        with activated(a):
            try:
                SequentialRunner().run(pipeline([node(kill, "x", "y")]), DataCatalog({}, {"x": 3}))
            except RunFailedError as exc:
                print("JVM has ended" in str(exc))
        a.stop()
        pure = pipeline([node(len, "x", "y")])
        print(SequentialRunner().run(pure, DataCatalog({}, {"x": [1]})))
        for provider in (a, SparkProvider(S)):
            with activated(provider):
                print(SequentialRunner().run(count, DataCatalog({}, {"x": 3})))
        """
    )
    assert told.splitlines() == [
        "shared 3",
        "successor True 4",
        "True",
        "{'y': 1}",
        "{'y': 3}",
        "{'y': 3}",
    ]


@pytest.mark.spark
@pytest.mark.classic("a session that nothing has started yet")
def test_a_first_node_that_builds_a_session_has_that_of_the_project() -> None:
    told = run(
        """
        def first():
            from pyspark.sql import SparkSession
            spark = SparkSession.builder.getOrCreate()
            return spark.conf.get("spark.sql.session.timeZone"), spark.sparkContext.master

        provider = SparkProvider({**S, "spark.sql.session.timeZone": "Asia/Tokyo"})
        with activated(provider):
            print(SequentialRunner().run(pipeline([node(first, None, "x")]), DataCatalog())["x"])
        provider.stop()
        print(active_session())
        """
    )
    assert told.splitlines() == ["('Asia/Tokyo', 'local[2]')", "None"]


@pytest.mark.spark
@pytest.mark.classic("a session that nothing has started yet")
def test_views_of_nodes_do_not_mix_in_the_first_run_of_a_process() -> None:
    """pyspark imports the class of classic frames with the first of them, in the midst of it."""
    told = run(
        """
        import threading
        from sparkpipe.runner import ThreadRunner
        barrier = threading.Barrier(3)

        def part(number):
            get_spark().range(number, number + 1).createOrReplaceTempView("mine")
            barrier.wait(60)
            return get_spark().sql("SELECT id FROM mine").first()[0]

        pipe = pipeline([node(part, f"n{n}", f"part{n}", name=f"part{n}") for n in range(3)])
        with activated(SparkProvider(S)):
            catalog = DataCatalog(feed_dict={"n0": 0, "n1": 1, "n2": 2})
            out = ThreadRunner(max_workers=3).run(pipe, catalog)
        print(sorted(out.items()))
        """
    )
    assert "[('part0', 0), ('part1', 1), ('part2', 2)]" in told
