"""What of a function's code counts, and what does not."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
import textwrap
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.journal.code import CodeReader
from sparkpipe.journal.sources import SourceFile

NODES = """
import json
from trips.fares import fare, Money
from trips import rates

MIN_FARE = 2.5
LOG = json.JSONDecoder()

def helper(x):
    return x + 1

def clean_trips(trips, least=MIN_FARE):
    return [helper(fare(t)) for t in trips if t > rates.LEAST]
"""
FARES = """
class Money:
    unit = "EUR"

    def of(self, x):
        return round(x, 2)

def fare(trip):
    return Money().of(trip)
"""
RATES = """
LEAST = 1
"""


def parts(func: Any) -> dict[str, Any]:
    return CodeReader().parts(func)


def digests(func: Any) -> dict[str, str]:
    return {name: part.digest for name, part in parts(func).items()}


@pytest.fixture
def trips(package: Any) -> Any:
    package.write("fares", FARES)
    package.write("rates", RATES)
    return package


def test_calls_and_constants_are_followed_through_the_modules_of_the_package(trips: Any) -> None:
    found = parts(trips.nodes(NODES).clean_trips)
    assert {name: part.place for name, part in found.items()} == {
        "trips.nodes.clean_trips": "trips/nodes.py:12",
        "trips.nodes.helper": "trips/nodes.py:9",
        "trips.nodes.MIN_FARE": "trips/nodes.py:6",
        "trips.fares.fare": "trips/fares.py:8",
        "trips.fares.Money": "trips/fares.py:2",
        "trips.rates.LEAST": "trips/rates.py:2",
    }
    assert next(iter(found)) == "trips.nodes.clean_trips"


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        ("nodes", "x + 1", "x + 2", "trips.nodes.helper"),
        ("nodes", "MIN_FARE = 2.5", "MIN_FARE = 5 / 2 + 1", "trips.nodes.MIN_FARE"),
        ("fares", "round(x, 2)", "round(x, 3)", "trips.fares.Money"),
        ("fares", '"EUR"', '"USD"', "trips.fares.Money"),
        ("fares", "Money().of(trip)", "Money().of(-trip)", "trips.fares.fare"),
        ("rates", "LEAST = 1", "LEAST = 1.0", "trips.rates.LEAST"),
    ],
)
def test_a_change_anywhere_is_told_where_it_is(
    trips: Any, module: str, old: str, new: str, changed: str
) -> None:
    before = digests(trips.nodes(NODES).clean_trips)
    sources = {"nodes": NODES, "fares": FARES, "rates": RATES}
    assert old in sources[module]
    trips.write(module, sources[module].replace(old, new))
    after = digests(trips.load().clean_trips)
    different = {name for name in after if after[name] != before.get(name)}
    # A default is a value of the function itself, too.
    assert different - {"trips.nodes.clean_trips"} == {changed}


def test_what_nothing_reads_does_not_count(trips: Any) -> None:
    before = digests(trips.nodes(NODES).clean_trips)
    after = trips.nodes(f"OTHER = 7\n\n\ndef other():\n    return OTHER\n{NODES}").clean_trips
    assert digests(after) == before


DECORATED = """
import functools

def twice(func):
    @functools.wraps(func)
    def wrapper(*args):
        return func(*args) * 2
    return wrapper

@twice
def wrapped(x):
    return x + 1

@functools.lru_cache(maxsize=None)
def cached(x):
    return x + 1

def scale(x, by):
    return x * by

scaled = functools.partial(scale, by=3)

class Scaler:
    def __init__(self, by):
        self.by = by
    def __call__(self, x):
        return x * self.by
    def scale(self, x):
        return x - self.by

def make(by):
    def inner(x):
        return x / by
    return inner

scaler = Scaler(3)
method = Scaler(3).scale
closure = make(3)
short = lambda x: x + 1
lazy = None

def late(x):
    from trips.rates import LEAST
    return x + LEAST

TABLE = {"a": scale}

def by_table(x):
    return TABLE["a"](x, 2)
"""


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("wrapped", "x + 1\n\n@functools", "x + 2\n\n@functools"),
        ("wrapped", "* 2", "* 3"),
        ("cached", "x + 1\n\ndef scale", "x + 2\n\ndef scale"),
        ("scaled", "x * by\n\nscaled", "x ** by\n\nscaled"),
        ("scaled", "by=3", "by=4"),
        ("scaler", "x * self.by", "x ** self.by"),
        ("scaler", "scaler = Scaler(3)", "scaler = Scaler(4)"),
        ("method", "x - self.by", "x + self.by"),
        ("method", "Scaler(3).scale", "Scaler(4).scale"),
        ("closure", "x / by", "x // by"),
        ("closure", "make(3)", "make(4)"),
        ("short", "lambda x: x + 1", "lambda x: x + 2"),
        ("by_table", "x * by", "x ** by"),
        ("by_table", '{"a": scale}', '{"a": print}'),
    ],
)
def test_whatever_a_node_can_call_is_read(trips: Any, name: str, old: str, new: str) -> None:
    before = digests(getattr(trips.nodes(DECORATED), name))
    same = digests(getattr(trips.nodes(f"# a comment\n\n{DECORATED}"), name))
    assert old in DECORATED
    after = digests(getattr(trips.nodes(DECORATED.replace(old, new)), name))
    assert same == before != after


def test_a_module_imported_in_a_function_counts_as_a_whole_loaded_or_not(trips: Any) -> None:
    late = trips.nodes(DECORATED).late
    before = digests(late)
    late(1)  # now it is loaded
    assert digests(late) == before
    trips.write("rates", RATES.replace("1", "2"))
    after = digests(trips.nodes(DECORATED).late)
    assert {name for name in after if after[name] != before[name]} == {"trips.rates"}


def test_what_is_installed_counts_by_name_and_version(trips: Any) -> None:
    import pandas

    assert [*parts(len)] == ["builtins.len()"]
    one, other = digests(pandas.concat), digests(functools.partial(pandas.concat, axis=1))
    assert len(one) == len(other) == 1
    assert one != other
    module = trips.nodes("from os.path import join as f\ndef node(x):\n    return f(x)\n")
    before = digests(module.node)
    module = trips.nodes("from os.path import split as f\ndef node(x):\n    return f(x)\n")
    assert digests(module.node) != before


def test_code_without_source_counts_by_what_it_does() -> None:
    def typed(source: str) -> Any:
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(source, "<stdin>", "exec"), space)
        return space["f"]

    before = digests(typed("f = lambda x: x + 1"))
    assert digests(typed("\n\nf = lambda x: x + 1")) == before
    assert digests(typed("f = lambda x: x + 2")) != before
    assert digests(typed("k = 1\nf = lambda x: x + k")) != digests(
        typed("k = 2\nf = lambda x: x + k")
    )


def test_what_runs_counts_where_the_file_has_changed_since(trips: Any) -> None:
    module = trips.nodes(NODES)
    before = digests(module.clean_trips)
    trips.write("nodes", NODES.replace("x + 1", "x + 2"))  # not loaded
    stale = digests(module.clean_trips)
    fresh = digests(trips.load().clean_trips)
    assert before != stale != fresh != before


def test_functions_that_call_each_other_end(trips: Any) -> None:
    chain = "\n".join(f"def f{i}(x):\n    return f{i + 1}(x)" for i in range(2_000))
    module = trips.nodes(f"{chain}\ndef f2000(x):\n    return f0(x)\n")
    assert len(parts(module.f0)) == 2_001


@pytest.mark.slow
def test_it_is_the_same_in_every_process(trips: Any, tmp_path: Any) -> None:
    trips.nodes(NODES + "NAMES = {'a', 'b', 'c'}\ndef n(x):\n    return NAMES\n")
    program = textwrap.dedent("""
        from trips import nodes
        from sparkpipe.journal.code import CodeReader
        for one in (nodes.clean_trips, nodes.n):
            print(CodeReader().parts(one))
    """)
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert "trips.nodes.NAMES" in told.pop()


# What a function may be made of, and what is changed of it.
NAMES = st.sampled_from(["a", "b", "total", "rows"])
NUMBERS = st.integers(0, 9).map(str)
VALUES = st.recursive(
    NAMES | NUMBERS | st.sampled_from(["'x'", "None", "True", "2.5", "f'{a}'"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "*", "<", "and"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]}, {t[1]}]"),
        st.tuples(NAMES, inner).map(lambda t: f"{t[0]}({t[1]}, key=1)"),
        inner.map(lambda one: f"(lambda z: {one})"),
    ),
    max_leaves=6,
)
STATEMENTS = st.lists(
    st.one_of(
        st.tuples(NAMES, VALUES).map(lambda t: [f"{t[0]} = {t[1]}"]),
        VALUES.map(lambda one: [f"return {one}"]),
        st.tuples(VALUES, VALUES).map(lambda t: [f"if {t[0]}:", f"    rows = {t[1]}"]),
        st.tuples(NAMES, VALUES).map(lambda t: [f"for {t[0]} in {t[1]}:", "    print(a)"]),
    ),
    min_size=1,
    max_size=4,
).map(lambda blocks: [line for block in blocks for line in block])


def written(source: str) -> str:
    return SourceFile("x", source).whole().text


def function(lines: list[str]) -> str:
    return "def f(a, b=1):\n" + "\n".join(f"    {line}" for line in lines) + "\n"


@given(STATEMENTS, st.data())
def test_formatting_comments_and_docstrings_do_not_count(lines: list[str], data: Any) -> None:
    plain = function(lines)
    other = ['"""What it does."""'] if data.draw(st.booleans()) else []
    for line in lines:
        if not line.startswith(" "):
            other += data.draw(st.sampled_from([[], ["# why"], [""], ["'a remark'"], ["pass"]]))
        other.append(line + data.draw(st.sampled_from(["", "  # so", "   "])))
    assert written(function(other)) == written(plain)
    assert written("\n\n\n" + ast.unparse(ast.parse(plain))) == written(plain)


@given(STATEMENTS, STATEMENTS)
def test_everything_else_counts(lines: list[str], others: list[str]) -> None:
    one, other = function(lines), function(others)
    is_same = ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    assert (written(one) == written(other)) == is_same


def test_a_node_of_a_module_that_is_no_more_than_a_name_is_read() -> None:
    module = ModuleType("made_up")
    exec("def f(x):\n    return x\n", vars(module))
    assert len(parts(module.f)) == 1


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (
            """
            HANDLERS = {}

            def register(g):
                HANDLERS[g.__name__] = g
                return g

            @register
            def one(x):
                return x + 1

            def f(a):
                return HANDLERS["one"](a)
            """,
            "x + 1",
            "x + 2",
        ),
        (
            "STEPS = []\n\ndef one(x):\n    return x\n\nSTEPS.append(one)\n\n"
            "def f(a):\n    return STEPS[0](a)\n",
            "return x",
            "return -x",
        ),
        (
            """
            import functools

            @functools.singledispatch
            def inc(x):
                return x

            @inc.register
            def _(x: int):
                return x + 1

            def f(a):
                return inc(a)
            """,
            "x + 1",
            "x + 2",
        ),
        (
            """
            from collections import defaultdict

            D = defaultdict(lambda: 1)

            def f(a):
                return D[a]
            """,
            "lambda: 1",
            "lambda: 2",
        ),
        (
            "class Q:\n    pass\n\nK = Q()\nsetattr(K, 'k', 1)\n\ndef f(a):\n    return a + K.k\n",
            "'k', 1",
            "'k', 2",
        ),
        (
            "import enum\n\nclass M(enum.Enum):\n    A = 1\n\nMODE = M.A\n\n"
            "def f(a):\n    return MODE.value\n",
            "A = 1",
            "A = 2",
        ),
        ("__limit__ = 1\n\ndef f(a):\n    return __limit__\n", "= 1", "= 2"),
        (
            "def __inc(x):\n    return x\n\ndef f(a):\n    return __inc(a)\n",
            "return x",
            "return -x",
        ),
        ("def f(a):\n    return f.limit\n\nf.limit = 1\n", "limit = 1", "limit = 2"),
        (
            "class C:\n    limit = 0\n\nC.limit = 1\n\ndef f(a):\n    return C.limit\n",
            "limit = 1",
            "limit = 2",
        ),
        (
            "class C:\n    def run(self):\n        return 1\n\ndef run(self):\n    return 2\n\n"
            "C.run = run\n\ndef f(a):\n    return C().run()\n",
            "return 2",
            "return 3",
        ),
        (
            "class C:\n    pass\n\nC.run = staticmethod(lambda x: x + 1)\n\n"
            "def f(a):\n    return C.run(a)\n",
            "x + 1",
            "x + 2",
        ),
        (
            "class C:\n    pass\n\ndef put(self, x):\n    self.x = x + 1\n\n"
            "C.x1 = property(None, put)\n\n"
            "def f(a):\n    c = C()\n    c.x1 = a\n    return c.x\n",
            "x + 1",
            "x + 2",
        ),
        (
            """
            class Step:
                registry = {}

                def __init_subclass__(cls):
                    Step.registry[cls.__name__] = cls

            class One(Step):
                def run(self, x):
                    return x + 1

            def f(a):
                return Step.registry["One"]().run(a)
            """,
            "x + 1",
            "x + 2",
        ),
        (
            "import string\n\nT = string.Template('select 1')\n\n"
            "def f(a):\n    return T.template\n",
            "select 1",
            "select 2",
        ),
        (
            """
            from dataclasses import field, make_dataclass

            Fare = make_dataclass("Fare", [("amount", int, field(default=1))])

            def f(a):
                return Fare().amount
            """,
            "default=1",
            "default=2",
        ),
        (
            "import typing\n\nRow = typing.TypedDict('Row', {'id': int})\n\n"
            "def f(a):\n    return Row(id=a)\n",
            "int",
            "str",
        ),
        (
            """
            from pyspark.sql.functions import udf
            from pyspark.sql.types import IntegerType, LongType

            double = udf(lambda x: 2 * x, IntegerType())

            def f(a):
                return a.withColumn("fare", double("fare"))
            """,
            "x, IntegerType",
            "x, LongType",
        ),
        (
            """
            from pyspark.sql.functions import udf
            from pyspark.sql.types import IntegerType, LongType

            def make(kind):
                return udf(abs, kind)

            absolute = make(IntegerType())

            def f(a):
                return a.withColumn("fare", absolute("fare"))
            """,
            "make(IntegerType",
            "make(LongType",
        ),
        (
            """
            from functools import partial

            from pyspark.sql.functions import udf
            from pyspark.sql.types import IntegerType, LongType

            def apply(function, a):
                return a.withColumn("fare", function("fare"))

            f = partial(apply, udf(abs, IntegerType()))
            """,
            "abs, IntegerType",
            "abs, LongType",
        ),
    ],
)
def test_what_is_reached_by_way_of_values_counts(
    trips: Any, source: str, old: str, new: str
) -> None:
    source = textwrap.dedent(source)
    assert old in source
    before = digests(trips.nodes(source).f)
    assert digests(trips.nodes(f"# a comment\n{source}").f) == before
    assert digests(trips.nodes(source.replace(old, new)).f) != before


def test_modules_of_folders_without_a_file_of_their_own_are_followed(trips: Any) -> None:
    source = "def f(a):\n    from trips.sub.deep import tool\n    return tool.one(a)\n"
    trips.write("sub/deep/tool", "def one(x):\n    return x\n")
    before = digests(trips.nodes(source).f)
    assert "trips.sub.deep.tool" in before
    trips.write("sub/deep/tool", "def one(x):\n    return -x\n")
    assert digests(trips.nodes(source).f) != before
