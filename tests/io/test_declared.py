"""What is asked of a data set, whatever its class is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import MagicMock, Mock

import pytest

from sparkpipe.datasets.matplotlib import MatplotlibWriter
from sparkpipe.datasets.pandas import SQLQueryDataSet
from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import DataSetError, DataSetNotFoundError, PreflightError
from sparkpipe.io import (
    AbstractDataSet,
    AbstractVersionedDataSet,
    CachedDataSet,
    DataCatalog,
    LambdaDataSet,
    MemoryDataSet,
    PartitionedDataSet,
    Version,
    declared,
)
from sparkpipe.io.facts import gathering
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import find_problems
from sparkpipe.plan.conflicts import target_problems
from sparkpipe.runner import ParallelRunner, SequentialRunner
from sparkpipe.session.overlay import TemporaryDataSet


def everything(data_set: Any) -> dict[str, Any]:
    """All that can be asked, but for what is inside and whether it can be confirmed."""
    return {
        "location": declared.location_of(data_set),
        "target": declared.target_of(data_set),
        "effect": declared.save_effect(data_set),
        "unreadable": declared.why_unreadable(data_set),
        "unwritable": declared.why_unwritable(data_set),
        "transactional": declared.is_transactional(data_set),
        "memory": declared.is_memory_only(data_set),
        "process": declared.is_single_process(data_set),
        "state": declared.state_of(data_set),
        "problems": declared.problems_of(data_set),
        "missing": declared.missing_data(data_set),
    }


NOTHING = {
    "location": "",
    "target": "",
    "effect": "replace",
    "unreadable": "",
    "unwritable": "",
    "transactional": False,
    "memory": False,
    "process": False,
    "state": None,
    "problems": [],
    "missing": "",
}


class Plain:
    """The least that a catalog takes."""

    def load(self) -> Any:
        return 1

    def save(self, data: Any) -> None: ...


class Endless(Plain):
    """Has every attribute, each of which has every attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Endless()

    def __call__(self, *_: Any) -> Any:
        return Endless()


class Broken(Plain):
    """Raises at whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class BadDescription(Plain):
    def _describe(self) -> Any:
        raise RuntimeError("no")

    _problems = _missing = _describe


@pytest.mark.parametrize(
    "data_set",
    [Plain(), Mock(), MagicMock(), Endless(), Broken(), BadDescription(), object(), None],
    ids=lambda one: type(one).__name__,
)
def test_nothing_is_known_of_what_tells_nothing(data_set: Any) -> None:
    assert everything(data_set) == NOTHING
    assert type(declared.unwrapped(data_set)) is type(data_set)


@pytest.mark.parametrize("kind", [Mock, MagicMock])
def test_a_mock_is_a_data_set_that_runs(kind: Any) -> None:
    source, sink = kind(), kind()
    source.load.return_value = 2
    pipe = pipeline([node(lambda x: x + 1, "source", "sink", confirms="source", name="add")])
    for one, other in ((source, sink), (CachedDataSet(source), CachedDataSet(sink))):
        catalog = DataCatalog({"source": one, "sink": other})
        assert find_problems(pipe, catalog) == []
        SequentialRunner().run(pipe, catalog)
    sink.save.assert_called_with(3)
    assert [call[0] for call in sink.method_calls if call[0].startswith("_")] == []


def test_a_mock_may_stand_for_a_class() -> None:
    one = Mock(spec=MemoryDataSet)
    assert everything(one) == {**NOTHING, "memory": declared.is_memory_only(one)}
    one = Mock(_SINGLE_PROCESS=True, _describe=lambda: {"filepath": "/a"})
    assert declared.is_single_process(one)
    assert declared.target_of(one) == "/a"


def test_wrappers_in_a_ring_end() -> None:
    one, other = Plain(), Plain()
    one.__dict__["_dataset"], other.__dict__["_dataset"] = other, one
    assert declared.unwrapped(one) in (one, other)
    assert everything(one) == NOTHING


def test_the_text_none_is_no_path() -> None:
    class Unset(Plain):
        _filepath = "None"

        def _describe(self) -> Any:
            return {"filepath": "None", "path": None, "table": "None"}

    assert everything(Unset()) == NOTHING


def table(**shown: Any) -> Any:
    class Table(Plain):
        def __init__(self) -> None:
            self.__dict__.update({k: v for k, v in shown.items() if k.startswith("_")})

        def _describe(self) -> Any:
            return {k: v for k, v in shown.items() if not k.startswith("_")}

    return Table()


def test_tables_are_the_same_only_where_their_database_is_known() -> None:
    assert declared.target_of(table(table_name="t")) == ""
    db = {"_connection_str": "sqlite:///a"}
    plain = declared.target_of(table(table_name="t", **db))
    assert plain == declared.target_of(table(table_name="T", **db)) != ""
    for other in ({"schema": "s"}, {"database": "s"}, {"_save_args": {"schema": "s"}}):
        assert declared.target_of(table(table_name="t", **db, **other)) not in ("", plain)
    nodes = [node(lambda x: x, "in", name, name=name) for name in ("x", "y")]
    catalog = DataCatalog({"x": table(table_name="t"), "y": table(table_name="t")})
    assert target_problems(pipeline(nodes), catalog) == []


# Classes of kedro-datasets


def theirs(kind: str, **options: Any) -> Any:
    pytest.importorskip("kedro_datasets", reason="kedro-datasets is not installed")
    entry = {"type": f"kedro_datasets.{kind}", **options}
    return DataCatalog.from_config({"x": entry})["x"]


SPARK_OF_THEIRS = {
    "spark.SparkJDBCDataset": {"table": "t", "url": "jdbc:derby:a"},
    "spark.SparkHiveDataset": {"table": "t", "database": "d"},
}


class Streaming(Plain):
    """Stands for a class of theirs whose packages are not installed."""

    __module__ = "kedro_datasets.spark.spark_streaming_dataset"

    def __init__(self, filepath: str) -> None: ...


@pytest.mark.parametrize("kind", [*SPARK_OF_THEIRS, Streaming])
def test_spark_of_theirs_stays_in_its_process_also_when_wrapped(kind: Any, tmp_path: Path) -> None:
    one = Streaming("") if kind is Streaming else theirs(kind, **SPARK_OF_THEIRS[kind])
    for wrapped in (one, CachedDataSet(one), CachedDataSet(CachedDataSet(one))):
        assert declared.is_single_process(wrapped)
        nodes = pipeline([node(print, "x", None, name="a")])
        problems = ParallelRunner(1).problems(nodes, DataCatalog({"x": wrapped}))
        assert any("Spark lives in one" in problem for problem in problems)


def theirs_cached(one: Any) -> Any:
    from kedro.io import CachedDataset

    return CachedDataset(one)


def test_partitions_of_theirs_stay_too(tmp_path: Path) -> None:
    assert declared.is_single_process(PartitionedDataSet(str(tmp_path), Streaming))  # type: ignore[arg-type]
    folder = Plain()
    folder.__dict__["_dataset_type"] = Streaming  # as their PartitionedDataset has it
    assert declared.is_single_process(folder)
    assert declared.save_effect(folder) == "part"


def test_a_cache_of_theirs_is_what_is_inside(tmp_path: Path) -> None:
    inner = theirs("text.TextDataset", filepath=str(tmp_path / "a.txt"))
    cached = theirs_cached(inner)
    inner.save("a")
    assert declared.unwrapped(cached) is inner
    # Kedro keeps its cache in one process, and says that it is in memory.
    assert everything(cached) == {**everything(inner), "process": True}
    assert everything(inner) == {
        **NOTHING,
        "location": str(tmp_path / "a.txt"),
        "target": str(tmp_path / "a.txt"),
        "state": declared.state_of(TextDataSet(tmp_path / "a.txt")),
    }


def test_the_state_of_theirs_is_their_version(tmp_path: Path) -> None:
    options = {"filepath": str(tmp_path / "a.txt"), "versioned": True}
    one = theirs("text.TextDataset", **options)
    assert declared.state_of(one) is None
    one.save("a")
    assert declared.state_of(one) == one.resolve_save_version()
    assert declared.save_effect(one) == "keep"


def test_what_of_theirs_can_only_be_read_or_written_is_known() -> None:
    query = theirs("pandas.SQLQueryDataset", sql="select 1", credentials={"con": "sqlite://"})
    assert "reading only" in declared.why_unwritable(query)
    assert declared.why_unreadable(query) == ""

    class Page(Plain):
        def load(self) -> NoReturn:
            raise DataSetError("no")

    assert "writing only" in declared.why_unreadable(Page())
    assert declared.why_unwritable(Page()) == ""


# Classes of the user's own


class Own(AbstractDataSet):
    def _load(self) -> Any:
        return 1

    def _save(self, data: Any) -> None: ...

    def _describe(self) -> dict[str, Any]:
        return {"filepath": "a.txt"}


def test_attributes_that_are_called_like_a_declaration_are_left_alone(tmp_path: Path) -> None:
    class Busy(Own):
        save_effect = "append"

        def __init__(self) -> None:
            self.location = self.target = self.state = self.wrapped = "x"  # type: ignore[assignment, method-assign]
            self.is_memory_only = self.is_single_process = True  # type: ignore[assignment, method-assign]

        @property
        def is_transactional(self) -> bool:  # type: ignore[override]
            return True

        def why_unreadable(self, whom: str) -> str:  # type: ignore[override]
            return whom

        def why_unwritable(self) -> bool:  # type: ignore[override]
            return True

    busy = Busy()
    assert everything(busy) == everything(Own())
    catalog = DataCatalog({"x": busy, "y": CachedDataSet(busy)})
    SequentialRunner().run(pipeline([node(lambda x: x, "x", "y")]), catalog)


def test_the_effect_of_a_save_of_ones_own_is_seen_or_declared() -> None:
    for shown in ({"_save_args": {"mode": "append"}}, {"_write_mode": "append"}, {"_mode": "a"}):
        one = Own()
        one.__dict__.update(shown)
        assert declared.save_effect(one) == "append"
        assert declared.save_effect(CachedDataSet(one)) == "append"

    class Log(Own):
        def save_effect(self) -> Any:
            return "append"

    nodes = [
        node(lambda x: x, "old", "m", name="read"),
        node(lambda x: x, "in", "log", name="write"),
    ]
    silent = DataCatalog({"old": Own(), "log": Own()})
    assert "overwrites" in target_problems(pipeline(nodes), silent)[0]
    for log in (Log(), CachedDataSet(Log())):
        assert target_problems(pipeline(nodes), DataCatalog({"old": Own(), "log": log})) == []


def test_an_annotation_tells_what_never_returns() -> None:
    class Sink(Own):
        def _load(self) -> NoReturn:
            raise DataSetError("no")

    assert "writing only" in declared.why_unreadable(Sink())
    assert declared.why_unwritable(Sink()) == ""


def test_a_wrapper_of_ones_own_that_declares_nothing_is_what_is_inside() -> None:
    class Around(Own):
        def __init__(self, inner: Any) -> None:
            self._dataset = inner

    inner = SparkDataSet("t", "delta", save_args={"mode": "append"})
    around = Around(inner)
    assert declared.unwrapped(around) is inner
    assert declared.is_single_process(around)
    assert declared.is_transactional(around)
    assert declared.save_effect(around) == "append"


# The pre-flight


def test_what_can_only_be_written_or_read_is_refused_before_the_run() -> None:
    query = SQLQueryDataSet("select 1", {"con": "sqlite://"})
    for wrap in (lambda one: one, CachedDataSet):
        catalog = DataCatalog(
            {
                "plot": wrap(MatplotlibWriter("plot.png")),
                "query": wrap(query),
                "functions": wrap(LambdaDataSet(dict)),
                "deaf": wrap(LambdaDataSet(None, print)),
            }
        )
        nodes = [
            node(lambda x: x, "plot", "query", name="a"),
            node(lambda x: x, "deaf", "functions", name="b"),
        ]
        with pytest.raises(PreflightError) as caught:
            SequentialRunner().run(pipeline(nodes), catalog)
        told = [line.strip(" -*•") for line in str(caught.value).splitlines()]
        assert len([line for line in told if "put '" in line]) == 4, told
        text = str(caught.value)
        assert "Input 'plot' of node 'a' (MatplotlibWriter, plot.png): a figure that was" in text
        assert "Read the figure under a name of its own" in text
        assert "Output 'query' of node 'a' (SQLQueryDataSet): a query cannot be saved to." in text
        assert "Use pandas.SQLTableDataSet" in text
        assert "Output 'functions' of node 'b' (LambdaDataSet" in text
        assert "it has no 'save' function. Give LambdaDataSet a 'save'." in text
        assert "it has no 'load' function" in text


def test_a_query_over_jdbc_is_no_output() -> None:
    from sparkpipe.datasets.spark import SparkJDBCDataSet

    query = SparkJDBCDataSet("jdbc:derby:a", "(select 1) as q")
    assert "is a query" in declared.why_unwritable(query)


# By name


def test_a_catalog_gives_a_data_set_or_a_default() -> None:
    catalog = DataCatalog.from_config_lazily(
        {"{x}_a": {"type": "MemoryDataSet"}, "bad": {"type": "no.Such"}}
    )
    catalog.add_feed_dict({"n": 1})
    assert catalog.get("n") is catalog["n"] is catalog._get_dataset("n")
    assert catalog.get("k_a") is catalog["k_a"]
    assert catalog.get("nowhere") is None
    assert catalog.get("nowhere", 3) == 3
    with pytest.raises(DataSetNotFoundError, match="no data set 'nowhere'"):
        catalog["nowhere"]
    with pytest.raises(DataSetError, match="'bad'"):
        catalog.get("bad")


def test_a_catalog_of_the_users_answers_by_kedros_name() -> None:
    class Counting(DataCatalog):
        asked: tuple[str, ...] = ()

        def _get_dataset(self, name: str) -> Any:
            self.asked = (*self.asked, name)
            return super()._get_dataset(name)

    catalog = Counting(feed_dict={"n": 1})
    catalog.load("n")
    catalog.save("n", 2)
    assert catalog["n"] is catalog.get("n")
    assert catalog.asked == ("n",) * 4


# States


def test_the_state_of_files_elsewhere(tmp_path: Path) -> None:
    one = TextDataSet(f"memory://{tmp_path.name}/a.txt")
    assert declared.state_of(one) is None
    one.save("a")
    state = declared.state_of(one)
    assert state is not None
    one.save("other")
    assert declared.state_of(one) != state
    parts = PartitionedDataSet(f"memory://{tmp_path.name}", "text.TextDataSet")
    before = declared.state_of(parts)
    parts.save({"b": "1"})
    assert declared.state_of(parts) != before


def test_the_state_of_a_version_that_was_asked_for(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        TextDataSet(tmp_path / "a", version=Version(None, version)).save("a")
    assert declared.state_of(TextDataSet(tmp_path / "a", version=Version(None, None))) == "v2"
    assert declared.state_of(TextDataSet(tmp_path / "a", version=Version("v1", None))) == "v1"
    assert declared.state_of(TextDataSet(tmp_path / "a", version=Version("v0", None))) is None


def test_another_process_sees_a_version_that_was_saved_meanwhile(tmp_path: Path) -> None:
    one = TextDataSet(tmp_path / "a", version=Version(None, "v1"))
    one.save("a")
    assert (one.load(), declared.state_of(one)) == ("a", "v1")
    TextDataSet(tmp_path / "a", version=Version(None, "v2")).save("b")
    assert declared.state_of(one) == "v2"


@pytest.mark.parametrize(
    ("file_format", "log", "name"),
    [
        ("delta", "_delta_log", "{0:020}.json"),
        ("iceberg", "metadata", "v{0}.metadata.json"),
        ("hudi", ".hoodie", "{0}.commit"),
        ("parquet", ".", "part-{0}.parquet"),
    ],
)
def test_the_state_of_a_table_is_that_of_its_log(
    tmp_path: Path, file_format: str, log: str, name: str
) -> None:
    one = SparkDataSet(str(tmp_path / "t"), file_format)
    assert declared.state_of(one) is None
    states = set()
    for number in range(3):
        (tmp_path / "t" / log).mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / log / name.format(number)).touch()
        (tmp_path / "t" / "_SUCCESS").write_text(str(number))
        states.add(declared.state_of(one))
    assert len(states) == 3
    assert None not in states
    assert declared.state_of(SparkDataSet("s3a://nowhere/t", file_format)) is None


def test_a_delta_table_that_was_made_anew_is_another_one(tmp_path: Path) -> None:
    log = tmp_path / "_delta_log" / f"{0:020}.json"
    log.parent.mkdir()
    states = set()
    for seconds in (1, 2):
        log.touch()
        os.utime(log, (seconds, seconds))
        states.add(declared.state_of(SparkDataSet(str(tmp_path), "delta")))
        log.unlink()
    assert len(states) == 2


# Facts


def test_files_tell_bytes_and_versions_and_frames_their_rows(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"n": [1, 2, 3]})
    config = {
        "csv": {"type": "pandas.CSVDataSet", "filepath": str(tmp_path / "a.csv")},
        "text": {"type": "text.TextDataSet", "filepath": str(tmp_path / "a"), "versioned": True},
        "parts": {
            "type": "PartitionedDataSet",
            "path": str(tmp_path / "p"),
            "dataset": "text.TextDataSet",
        },
    }
    catalog = DataCatalog.from_config(config, save_version="v1")
    with gathering() as saved:
        catalog.save("csv", frame)
    size = (tmp_path / "a.csv").stat().st_size
    assert (saved.rows, saved.bytes, saved.version) == (3, size, None)
    with gathering() as loaded:
        catalog.load("csv")
    assert (loaded.rows, loaded.bytes, loaded.version) == (None, size, None)
    with gathering() as saved:
        catalog.save("text", "four")
    with gathering() as loaded:
        catalog.load("text")
    assert (saved.rows, saved.bytes, saved.version) == (None, 4, "v1")
    assert loaded == saved
    with gathering() as saved:
        catalog.save("parts", {"a": "1", "b": "22"})
    assert (saved.rows, saved.bytes, saved.version) == (None, 3, None)


def test_a_save_that_fails_tells_nothing(tmp_path: Path) -> None:
    with gathering() as facts, pytest.raises(DataSetError):
        TextDataSet(tmp_path / "a", version=Version(None, "v1")).save(1)
    assert (facts.rows, facts.bytes, facts.version) == (None, None, None)


def test_a_versioned_data_set_of_ones_own_tells_its_version(tmp_path: Path) -> None:
    from pathlib import PurePosixPath

    class Lines(AbstractVersionedDataSet):
        def _load(self) -> str:
            return Path(self._get_load_path()).read_text()

        def _save(self, data: str) -> None:
            path = Path(self._get_save_path())
            path.parent.mkdir(parents=True)
            path.write_text(data)

        def _describe(self) -> dict[str, Any]:
            return {"filepath": self._filepath}

    one = Lines(PurePosixPath(tmp_path / "a"), Version(None, "v3"))
    with gathering() as saved:
        one.save("a")
    with gathering() as loaded:
        one.load()
    assert saved.version == loaded.version == declared.state_of(one) == "v3"
    assert declared.save_effect(one) == "keep"


# A data set of the project, in a test


def test_a_data_set_in_a_test_refuses_what_the_project_would_refuse(tmp_path: Path) -> None:
    query = SQLQueryDataSet("select 1", {"con": "sqlite://"})
    plot = MatplotlibWriter(tmp_path / "plot.png")
    catalog = DataCatalog(
        {
            "query": TemporaryDataSet(query, MemoryDataSet(), "query"),
            "plot": TemporaryDataSet(plot, MemoryDataSet(), "plot"),
        }
    )
    catalog.save("query", 1)  # so a test prepares what the project only reads
    assert catalog.load("query") == 1
    with pytest.raises(DataSetError, match=r"'plot' \(TemporaryDataSet.*cannot be loaded again"):
        catalog.load("plot")
    problems = find_problems(pipeline([node(lambda x: x, "plot", "query", name="a")]), catalog)
    assert len(problems) == 2
    assert declared.target_of(catalog["plot"]) == ""
