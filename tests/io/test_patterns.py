"""Entries whose names have fields: which of them makes a name, and what it can be made into."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sparkpipe.errors import DataSetError, DataSetNotFoundError, PreflightError
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.io.patterns import Pattern, Patterns
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import ParallelRunner, SequentialRunner, ThreadRunner

MEMORY = {"type": "MemoryDataSet"}


def texts(folder: Path, path: str = "{layer}/{table}.txt") -> dict[str, Any]:
    return {"type": "text.TextDataSet", "filepath": f"{folder}/{path}"}


# The winner


@pytest.mark.parametrize(
    ("patterns", "name", "winner"),
    [
        (["{any}", "{l}.{t}", "{l}.orders", "raw.{t}"], "raw.orders", "{l}.orders"),
        (["{any}", "{layer}.{table}", "raw.{table}"], "raw.orders", "raw.{table}"),
        (["{any}", "{layer}.{table}"], "raw.orders", "{layer}.{table}"),
        (["{any}", "{layer}.{table}"], "orders", "{any}"),
        (["a_{x}", "{x}_{y}_"], "a_b_", "{x}_{y}_"),  # as many characters, more fields
        (["a{x}", "{x}b"], "ab" * 2, "a{x}"),  # the alphabet
        (["{x}b", "a{x}"], "ab" * 2, "a{x}"),
        (["{x}.{y}"], ".orders", None),  # a field takes one character at least
        (["{x}.{y}"], "raw.", None),
        (["Raw.{x}"], "raw.a", None),
        (["{x}_{x}"], "a_a", "{x}_{x}"),
        (["{x}_{x}"], "a_b", None),
        (["{{{x}}}"], "{a}", "{{{x}}}"),
    ],
)  # fmt: skip
def test_winner_is_the_most_specific(patterns: list[str], name: str, winner: str | None) -> None:
    catalog = DataCatalog.from_config(dict.fromkeys(patterns, MEMORY))
    assert catalog.match_pattern(name) == winner
    assert (name in catalog) is (winner is not None)


def test_patterns_are_listed_in_order_of_precedence() -> None:
    names = ["{default}", "{a}.{b}", "raw.{b}", "{a}.orders", "{x}_{y}"]
    catalog = DataCatalog.from_config(dict.fromkeys(names, MEMORY))
    assert catalog.patterns == ("{a}.orders", "raw.{b}", "{a}.{b}", "{x}_{y}", "{default}")


def test_entry_without_fields_comes_before_patterns(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({"raw.{table}": texts(tmp_path, "{table}"), "raw.a": MEMORY})
    assert isinstance(catalog["raw.a"], MemoryDataSet)
    assert catalog.match_pattern("raw.a") is None
    catalog.add("raw.b", MemoryDataSet(1))
    assert catalog.load("raw.b") == 1


@pytest.mark.parametrize("name", ["parameters", "params:x", "params:a.b"])
def test_parameters_are_never_made_of_patterns(name: str) -> None:
    catalog = DataCatalog.from_config({"{any}": MEMORY, "params:{x}": MEMORY, "{a}.{b}": MEMORY})
    assert name not in catalog
    with pytest.raises(DataSetNotFoundError):
        catalog.load(name)


LETTERS = st.text("ab._", min_size=1, max_size=6)


@st.composite
def pattern_names(draw: st.DrawFn) -> str:
    literals = draw(st.lists(st.text("ab._", min_size=1, max_size=2), min_size=1, max_size=3))
    name = "{f0}".join(["", literals[0]]) if draw(st.booleans()) else literals[0]
    for number, literal in enumerate(literals[1:], 1):
        name += f"{{f{number}}}{literal}"
    if "{" not in name or draw(st.booleans()):
        name += "{last}"
    return name


def reference(patterns: list[str], name: str) -> str | None:
    """Return the winner by the stated rules, the slow way."""

    def matches(pattern: str) -> bool:
        parts = re.split(r"\{\w+\}", pattern)
        return re.fullmatch(".+".join(map(re.escape, parts)), name) is not None

    def order(pattern: str) -> Any:
        literal = re.sub(r"\{\w+\}", "", pattern)
        return (-len(literal), -pattern.count("{"), pattern)

    return min(filter(matches, patterns), key=order, default=None)


@given(st.lists(pattern_names(), min_size=1, max_size=12, unique=True), LETTERS, st.randoms())
def test_one_winner_by_the_stated_rules_whatever_the_order(
    patterns: list[str], name: str, random: Any
) -> None:
    shapes = {re.sub(r"\{\w+\}", "{}", pattern) for pattern in patterns}
    assume(len(shapes) == len(patterns))
    found = Patterns(patterns).find(name)
    assert (found and found[0].name) == reference(patterns, name)
    random.shuffle(patterns)
    again = Patterns(patterns).find(name)
    assert again == found


@given(pattern_names(), st.data())
def test_names_round_trip(pattern: str, data: st.DataObject) -> None:
    """What a field stands for, put in its place, gives the name again."""
    parsed = Pattern.parse(pattern)
    values = {field: data.draw(LETTERS) for field in parsed.fields}
    name = pattern.format(**values)
    matched = parsed.match(name)
    assert matched is not None
    assert pattern.format(**matched) == name
    # Where no field holds what stands between fields, they are what was put in.
    between = [part for part in parsed.literals[1:-1] if part]
    if not any(part[0] in value for part in between for value in values.values()):
        assert matched == values


# Patterns that cannot be


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("{a", "'{a' is no pattern: its braces do not match"),
        ("a}{b", "'a}{b' is no pattern"),
        ("{}", "'{}' is no field"),
        ("{a.b}", "'{a.b}' is no field. A field is a name in braces"),
        ("{a!r}", "'{a!r}' is no field"),
        ("{a:d}", "'{a:d}' is no field"),
        ("{a b}", "'{a b}' is no field"),
        ("{a}{b}", "nothing tells where field 'a' ends and 'b' begins"),
    ],
)
def test_what_is_no_pattern_is_told(name: str, told: str) -> None:
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config({name: MEMORY, "{fine}": MEMORY})
    assert told in str(error.value)


def test_patterns_that_differ_only_in_their_fields_are_refused_with_both_places() -> None:
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config_lazily(
            {"{a}.{b}": MEMORY, "{x}.{y}": MEMORY, "{x}.{x}": MEMORY},
            origins={"{a}.{b}": "conf/base/a.yml:1", "{x}.{y}": "conf/base/b.yml:2"},
        )
    assert str(error.value) == (
        "The patterns '{a}.{b}' (conf/base/a.yml:1) and '{x}.{y}' (conf/base/b.yml:2) match the "
        "same names. Remove one of them."
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"type": "text.TextDataSet", "filepath": "data/{tabel}.txt"},
         "the field 'tabel', which is not in the name. Did you mean 'table'?"),
        ({"type": "text.TextDataSet", "filepath": "data/{q}.txt"}, "Fields: layer, table."),
        ({"type": "text.TextDataSet", "filepath": "data/{table"}, "braces do not match"),
        ({"type": "text.TextDataSet", "filepath": "{table.__class__}"}, "is no field"),
        ({"type": "text.TextDataSet", "filepath": "a", "load_args": {"x": ["{q}"]}}, "'q'"),
        ({"type": "text.TxtDataSet", "filepath": "{table}"}, "Did you mean 'text.TextDataSet'?"),
        ({"type": "text.TextDataSet", "filepaht": "{table}"}, "Did you mean 'filepath'?"),
        ({"filepath": "{table}"}, "the entry has no 'type'"),
        ({"type": "text.TextDataSet", "filepath": "a", "credentials": "x"}, "no credentials 'x'"),
        ("text.TextDataSet", "the entry must be a mapping"),
        (None, "the entry must be a mapping"),
    ],
)  # fmt: skip
def test_pattern_with_an_impossible_body_is_told_before_it_is_used(body: Any, told: str) -> None:
    catalog = DataCatalog.from_config_lazily(
        {"{layer}.{table}": body}, origins={"{layer}.{table}": "conf/base/catalog.yml:3"}
    )
    if body == "text.TextDataSet":
        (problem,) = catalog.problems(["raw.orders"])
        assert "'raw.orders' (pattern '{layer}.{table}', conf/base/catalog.yml:3)" in problem
    else:
        (problem,) = catalog.problems()
        assert problem.startswith("Pattern '{layer}.{table}' (conf/base/catalog.yml:3): ")
    assert told in problem


# What names can be made into


def test_fields_are_filled_everywhere(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {
            "{layer}.{table}": {
                "type": "PartitionedDataSet",
                "path": f"{tmp_path}/{{layer}}",
                "dataset": {"type": "text.TextDataSet", "fs_args": {"listed": ["{table}", 1]}},
                "filename_suffix": ".{table}",
                "layer": "{layer}",
                "metadata": {"owner": "{{{table}}}"},
            }
        }
    )
    made = catalog["raw.a.b"]
    assert made._path == f"{tmp_path}/raw"
    assert made._suffix == ".a.b"
    assert made._config["fs_args"] == {"listed": ["a.b", 1]}
    assert made.metadata == {"owner": "{a.b}"}
    assert catalog.layers == {"raw": {"raw.a.b"}}
    assert catalog.config_of("x.y") is not None
    assert catalog.config_of("x.y")["path"] == f"{tmp_path}/x"  # type: ignore[index]
    assert catalog.config_of("nothing") is None


HOSTILE = [
    "../x", "..", "a/../../x", "/etc/x", "~", "~root/x", "a\0b", "C:/x", "C:\\x", "a\\..\\x",
    "s3://bucket/x", "file:///x", "%2e%2e/x", "*", "?", "[a]", "{..,a}", "$HOME", "`id`", "a;b",
    "a'b", 'a"b', "a\nb", "a|b", "&x", "!x", "<x",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_names_never_leave_their_folder(tmp_path: Path, value: str) -> None:
    inside = tmp_path / "a" / "b"
    catalog = DataCatalog.from_config(
        {"in_{x}": texts(inside, "{x}"), "{any}#up": texts(inside, ".{any}/x")}
    )
    for name in (f"in_{value}", f"{value}#up"):
        for use in (catalog.load, catalog.__getitem__, lambda name: catalog.save(name, "bad")):
            with pytest.raises(DataSetError, match="cannot be put into a path"):
                use(name)
        (problem,) = catalog.problems([name])
        assert "pattern '" in problem
    assert not list(tmp_path.iterdir())


def test_no_step_up_comes_about_where_literal_and_value_meet(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({"{x}_": texts(tmp_path / "a", ".{x}/b")})
    with pytest.raises(DataSetError, match="leads out of its folder"):
        catalog.save("._", "bad")
    catalog.save("x_", "good")
    assert [path.name for path in (tmp_path / "a").iterdir()] == [".x"]


@given(st.text(min_size=1, max_size=8), st.sampled_from(["{x}", "a/{x}/b", ".{x}/{x}", "{x}.{x}"]))
def test_no_text_leads_out_of_the_folder(value: str, body: str) -> None:
    catalog = DataCatalog.from_config({"n_{x}": texts(Path("/data/in"), body)})
    try:
        made = catalog[f"n_{value}"]
    except DataSetError:
        return
    import posixpath

    path = str(made._filepath)
    assert posixpath.normpath(path).startswith("/data/in")
    assert "\0" not in path


def test_steps_up_that_the_entry_itself_has_are_its_own(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({"{x}!": texts(tmp_path / "a", "../{x}.txt")})
    catalog.save("good!", "1")
    assert (tmp_path / "good.txt").exists()


def test_names_with_folders_in_them_stay_inside(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({"{x}#": texts(tmp_path, "{x}.txt")})
    catalog.save("a/b c/d-1@x=2,3+é#", "1")
    assert (tmp_path / "a/b c/d-1@x=2,3+é.txt").read_text() == "1"


# The catalog


def test_names_of_patterns_are_used_like_any_other(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({"{layer}.{table}": texts(tmp_path)})
    assert "raw.orders" in catalog
    assert not catalog.exists("raw.orders")
    catalog.save("raw.orders", "1")
    assert catalog.exists("raw.orders")
    assert catalog["raw.orders"] is catalog["raw.orders"]
    assert catalog.load("raw.orders") == "1"
    catalog.release("raw.orders")
    assert catalog.problems() == catalog.problems(["raw.orders"]) == []
    assert "orders" not in catalog
    with pytest.raises(DataSetNotFoundError):
        catalog.load("orders")
    assert catalog.list() == catalog.list("ORDERS") == ["raw.orders"]
    assert list(catalog) == []
    assert (tmp_path / "raw" / "orders.txt").read_text() == "1"


def test_versions_of_names_that_patterns_make(tmp_path: Path) -> None:
    entry = {"{layer}.{table}": {**texts(tmp_path), "versioned": True}}
    for version in ("v1", "v2"):
        DataCatalog.from_config(entry, save_version=version).save("raw.a", version)
    catalog = DataCatalog.from_config(entry, load_versions={"raw.a": "v1"})
    assert catalog.load("raw.a") == "v1"
    assert DataCatalog.from_config(entry).load("raw.a") == "v2"
    with pytest.raises(DataSetNotFoundError, match="'orders'"):
        DataCatalog.from_config(entry, load_versions={"orders": "v1"})
    with pytest.raises(DataSetError, match=r"'raw\.a', which is not versioned"):
        DataCatalog.from_config({"{a}.{b}": texts(tmp_path, "x")}, load_versions={"raw.a": "v1"})


def test_credentials_of_patterns_may_have_fields() -> None:
    class Vault(MemoryDataSet):
        def __init__(self, credentials: dict[str, str]) -> None:
            super().__init__(credentials["token"])

    catalog = DataCatalog.from_config(
        {"{who}.vault": {"type": Vault, "credentials": "{who}_vault"}},
        {"me_vault": {"token": "t"}},
    )
    assert catalog.load("me.vault") == "t"
    with pytest.raises(DataSetError, match="no credentials 'you_vault'"):
        catalog.load("you.vault")


def test_catalogs_with_other_patterns_are_not_equal() -> None:
    one, two = {"{a}.x": MEMORY}, {"{a}.y": MEMORY}
    assert DataCatalog.from_config(one) == DataCatalog.from_config(one)
    assert DataCatalog.from_config(one) != DataCatalog.from_config(two)
    assert DataCatalog() != DataCatalog.from_config(one)


def test_patterns_may_be_given_to_the_constructor(tmp_path: Path) -> None:
    entry = {**texts(tmp_path, "{x}"), "versioned": True}
    catalog = DataCatalog(dataset_patterns={"t_{x}": entry}, save_version="v1")
    catalog.save("t_a", "1")
    assert (tmp_path / "a" / "v1" / "a").exists()


# Runs


def up(text: str) -> str:
    return text.upper()


def whole(runner: Any, tmp_path: Path) -> tuple[Any, DataCatalog, Pipeline]:
    catalog = DataCatalog.from_config({"{layer}.{table}": texts(tmp_path)})
    catalog.save("raw.a", "x")
    pipeline = Pipeline([node(up, "raw.a", "clean.a"), node(up, "clean.a", "free")])
    return runner(), catalog, pipeline


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner, ParallelRunner])
def test_runners_save_what_patterns_make_and_return_the_rest(runner: Any, tmp_path: Path) -> None:
    made, catalog, pipeline = whole(runner, tmp_path)
    assert made.run(pipeline, catalog) == {"free": "X"}
    assert (tmp_path / "clean" / "a.txt").read_text() == "X"


def test_only_missing_names_of_patterns_are_made(tmp_path: Path) -> None:
    runner, catalog, pipeline = whole(SequentialRunner, tmp_path)
    pipeline = pipeline.only_nodes_with_outputs("clean.a")
    assert runner.run_only_missing(pipeline, catalog) == {}
    (tmp_path / "raw" / "a.txt").write_text("other")
    assert runner.run_only_missing(pipeline, catalog) == {}
    assert catalog.load("clean.a") == "X"


def test_what_is_wrong_with_a_name_is_told_before_the_run(tmp_path: Path) -> None:
    runner, catalog, _ = whole(SequentialRunner, tmp_path)
    wrong = Pipeline([node(up, "raw.absent", "clean.a"), node(up, "raw.a", "clean.../../b")])
    with pytest.raises(PreflightError) as error:
        runner.run(wrong, catalog)
    told = str(error.value)
    assert "the file does not exist" in told
    assert "absent.txt" in told
    assert "'../../b'" in told


# Threads


class Slow(AbstractDataSet):
    made: ClassVar[list[str]] = []

    def __init__(self, name: str) -> None:
        threading.Event().wait(0.001)
        Slow.made.append(name)

    def _load(self) -> Any:
        return "data"

    def _save(self, data: Any) -> None: ...

    def _describe(self) -> dict[str, Any]:
        return {}


def test_one_name_is_made_once_for_all_threads_and_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = Patterns.find

    def slowly(patterns: Patterns, name: str) -> Any:
        found = find(patterns, name)
        threading.Event().wait(0.001)
        return found

    monkeypatch.setattr(Patterns, "find", slowly)
    Slow.made.clear()
    catalog = DataCatalog.from_config_lazily({"{a}.{b}": {"type": Slow, "name": "{b}"}})
    copies = [catalog, catalog.shallow_copy(), catalog.shallow_copy().shallow_copy()]
    start = threading.Barrier(16)

    def resolve(number: int) -> list[Any]:
        start.wait()
        return [copies[number % 3][f"x.{i:02}"] for i in range(8)]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(resolve, range(16)))
    assert sorted(Slow.made) == [f"{i:02}" for i in range(8)]
    assert all(one is other for row in found for one, other in zip(row, found[0], strict=True))


def test_catalog_is_shown_while_names_are_made_and_added() -> None:
    catalog = DataCatalog.from_config({"{a}.{b}": {**MEMORY, "layer": "{a}"}})
    done = threading.Event()

    def grow() -> None:
        for number in range(500):
            catalog.save(f"x{number % 7}.{number}", number)
            catalog.add(f"y{number}", MemoryDataSet(number))
        done.set()

    with ThreadPoolExecutor(1) as pool:
        growing = pool.submit(grow)
        while not done.is_set():
            for look in (repr, list, len, lambda c: c.layers, lambda c: dir(c.datasets)):
                look(catalog)
        growing.result()
    assert catalog.load("x1.1") == 1
    assert catalog.layers is not None
    assert sum(map(len, catalog.layers.values())) == 500


# Spark


def forms(folder: Path) -> DataCatalog:
    path = f"{folder}/{{table}}"
    return DataCatalog.from_config(
        {
            "{table}@spark": {"type": "spark.SparkDataSet", "filepath": path},
            "{table}@pandas": {"type": "pandas.ParquetDataSet", "filepath": path},
        }
    )


def test_spark_data_sets_of_patterns_are_refused_where_they_cannot_go(tmp_path: Path) -> None:
    pipeline = Pipeline([node(len, "rows", "orders@spark")])
    with pytest.raises(PreflightError, match=r"'orders@spark'.*ThreadRunner"):
        ParallelRunner().run(pipeline, forms(tmp_path))


@pytest.mark.spark
@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_forms_of_one_table_are_made_of_patterns(spark: Any, runner: Any, tmp_path: Path) -> None:
    def make() -> Any:
        return spark.range(5).repartition(2)

    nodes = [
        node(make, None, "numbers@spark"),
        node(lambda frame: int(frame["id"].sum()), "numbers@pandas", "total"),
    ]
    assert runner().run(Pipeline(nodes), forms(tmp_path)) == {"total": 10}
    assert (tmp_path / "numbers" / "_SUCCESS").exists()


def test_braces_without_a_field_are_told() -> None:
    with pytest.raises(
        DataSetError, match=r"'\{\{a\}\}' is no pattern: it has braces and no field"
    ):
        DataCatalog.from_config({"{{a}}": {"type": "MemoryDataSet"}})
