"""CSV, JSON, Parquet, text, pickle and pictures: no Spark, and all through fsspec."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.matplotlib import MatplotlibWriter
from sparkpipe.datasets.pandas import CSVDataSet, ExcelDataSet, FeatherDataSet, ParquetDataSet
from sparkpipe.datasets.pandas import JSONDataSet as TableJSONDataSet
from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.datasets.yaml import YAMLDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, Version
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import SequentialRunner

TABLE = pd.DataFrame({"name": ['é, "x"', "b\nc", ""], "n": [1, -2, 3], "x": [0.5, 1e300, 2.0]})


@pytest.fixture(params=["local", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = str(tmp_path / "deep" / "er")
    return {"local": path, "file": f"file://{path}", "memory": f"memory://{uuid4().hex}"}[
        request.param
    ]


# One contract for all that can be saved and loaded

ROUND_TRIPS: list[Any] = [
    pytest.param(CSVDataSet, {"load_args": {"keep_default_na": False}}, TABLE, id="csv"),
    pytest.param(TableJSONDataSet, {}, TABLE, id="table as json"),
    pytest.param(ParquetDataSet, {}, TABLE, id="parquet"),
    pytest.param(FeatherDataSet, {}, TABLE, id="feather"),
    pytest.param(ExcelDataSet, {"load_args": {"keep_default_na": False}}, TABLE, id="excel"),
    pytest.param(YAMLDataSet, {}, {"a": [1, None, "é: #"], "b": {"c": 0.1}}, id="yaml"),
    pytest.param(JSONDataSet, {}, {"a": [1, None, "é"], "b": {"c": 0.1}}, id="json"),
    pytest.param(TextDataSet, {}, "é\r\nb\rc\n", id="text"),
    pytest.param(TextDataSet, {}, "", id="empty text"),
    pytest.param(PickleDataSet, {}, {"a": {1, 2}, "b": range(3)}, id="pickle"),
    pytest.param(PickleDataSet, {"backend": "joblib"}, [1, "a"], id="joblib"),
    pytest.param(PickleDataSet, {"backend": "cloudpickle"}, [1, "a"], id="cloudpickle"),
    pytest.param(PickleDataSet, {"backend": "dill"}, [1, "a"], id="dill"),
]
round_trips = pytest.mark.parametrize(("cls", "options", "data"), ROUND_TRIPS)


def assert_same(left: Any, right: Any) -> None:
    if isinstance(right, pd.DataFrame):
        assert_frame_equal(left, right)
    else:
        assert left == right


@round_trips
def test_saved_data_is_loaded(folder: str, cls: Any, options: Any, data: Any) -> None:
    data_set = cls(f"{folder}/data.bin", **options)
    assert not data_set.exists()
    data_set.save(data)
    assert data_set.exists()
    assert_same(data_set.load(), data)
    data_set.save(data)
    assert_same(cls(f"{folder}/data.bin", **options).load(), data)


@round_trips
def test_versions_are_kept(folder: str, cls: Any, options: Any, data: Any) -> None:
    data_set = cls(f"{folder}/data.bin", version=Version(None, "v1"), **options)
    data_set.save(data)
    assert_same(cls(f"{folder}/data.bin", version=Version("v1", None), **options).load(), data)
    with pytest.raises(DataSetError, match="never overwritten"):
        data_set.save(data)


@round_trips
def test_data_set_crosses_processes(tmp_path: Path, cls: Any, options: Any, data: Any) -> None:
    data_set = cls(tmp_path / "data.bin", **options)
    data_set.save(data)
    assert_same(pickle.loads(pickle.dumps(data_set)).load(), data)


@round_trips
def test_none_is_refused(tmp_path: Path, cls: Any, options: Any, data: Any) -> None:
    data_set = cls(tmp_path / "data.bin", **options)
    with pytest.raises(DataSetError, match="None cannot be saved"):
        data_set.save(None)
    assert not data_set.exists()


@pytest.mark.parametrize(
    ("cls", "content"),
    [
        (JSONDataSet, b"{"),
        (TableJSONDataSet, b"{"),
        (CSVDataSet, b""),
        (ParquetDataSet, b"not parquet"),
        (FeatherDataSet, b"not feather"),
        (ExcelDataSet, b"not a workbook"),
        (YAMLDataSet, b"a: [1"),
        (PickleDataSet, b"not a pickle"),
        (TextDataSet, b"\xff\xfe\xfa"),
    ],
)
def test_broken_file_is_told_with_the_reason(tmp_path: Path, cls: Any, content: bytes) -> None:
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(DataSetError) as error:
        cls(tmp_path / "data").load()
    assert error.value.__cause__ is not None
    assert type(error.value.__cause__).__name__ in str(error.value)


@pytest.mark.parametrize(
    "cls", [CSVDataSet, TableJSONDataSet, ParquetDataSet, FeatherDataSet, TextDataSet]
)
def test_data_of_the_wrong_kind_is_refused(tmp_path: Path, cls: Any) -> None:
    (tmp_path / "data").write_text("old")
    with pytest.raises(DataSetError, match="not dict"):
        cls(tmp_path / "data").save({"a": 1})
    assert (tmp_path / "data").read_text() == "old"


# Tables


def test_csv_is_written_without_the_index_unless_asked_for(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1]})
    CSVDataSet(tmp_path / "a.csv").save(frame)
    assert (tmp_path / "a.csv").read_text() == "a\n1\n"
    CSVDataSet(tmp_path / "a.csv", save_args={"index": True, "sep": ";"}).save(frame)
    assert (tmp_path / "a.csv").read_text() == ";a\n0;1\n"


def test_load_args_reach_pandas(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a|b\n1|2\n")
    data_set = CSVDataSet(tmp_path / "a.csv", load_args={"sep": "|", "usecols": ["b"]})
    assert_frame_equal(data_set.load(), pd.DataFrame({"b": [2]}))


@pytest.mark.parametrize(
    ("suffix", "opened"), [("csv.gz", gzip.open), ("csv.bz2", bz2.open), ("csv", open)]
)
def test_compression_is_that_of_the_name(tmp_path: Path, suffix: str, opened: Any) -> None:
    data_set = CSVDataSet(tmp_path / f"a.{suffix}")
    data_set.save(pd.DataFrame({"a": [1]}))
    with opened(tmp_path / f"a.{suffix}", "rt") as file:
        assert file.read() == "a\n1\n"
    assert_frame_equal(data_set.load(), pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize(
    ("cls", "name"),
    [(CSVDataSet, "a.csv.zip"), (TableJSONDataSet, "a.json.gz"), (ParquetDataSet, "a.parquet.gz")],
)
def test_compressed_tables_come_back(folder: str, cls: Any, name: str) -> None:
    data_set = cls(f"{folder}/{name}")
    data_set.save(pd.DataFrame({"a": [1, 2]}))
    assert_frame_equal(data_set.load(), pd.DataFrame({"a": [1, 2]}))


def test_folder_of_parquet_files_is_one_table(folder: str) -> None:
    import fsspec

    ParquetDataSet(f"{folder}/table/part-0.parquet").save(pd.DataFrame({"a": [1]}))
    ParquetDataSet(f"{folder}/table/part-1.parquet").save(pd.DataFrame({"a": [2]}))
    for marker in ("_SUCCESS", ".part-0.parquet.crc"):
        with fsspec.open(f"{folder}/table/{marker}", "w") as file:
            file.write("")
    loaded = ParquetDataSet(f"{folder}/table").load()
    assert sorted(loaded["a"]) == [1, 2]
    assert list(ParquetDataSet(f"{folder}/table", load_args={"columns": []}).load().columns) == []


@pytest.mark.spark
def test_folder_that_spark_wrote_is_one_table(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame([(1, "x"), (2, "y"), (3, "x")], "n bigint, kind string")
    frame.repartition(2).write.parquet(str(tmp_path / "plain"))
    frame.write.partitionBy("kind").parquet(str(tmp_path / "parted"))
    for name in ("plain", "parted"):
        loaded = ParquetDataSet(tmp_path / name).load().sort_values("n", ignore_index=True)
        assert loaded["n"].tolist() == [1, 2, 3]
        assert loaded["kind"].astype(str).tolist() == ["x", "y", "x"]
    some = ParquetDataSet(tmp_path / "parted", load_args={"filters": [("kind", "=", "y")]}).load()
    assert some["n"].tolist() == [2]


def test_parquet_options_reach_pandas(tmp_path: Path) -> None:
    ParquetDataSet(tmp_path / "a.parquet").save(TABLE)
    loaded = ParquetDataSet(tmp_path / "a.parquet", load_args={"columns": ["n"]}).load()
    assert list(loaded.columns) == ["n"]


def test_table_is_not_replaced_by_a_file_where_a_folder_is(tmp_path: Path) -> None:
    (tmp_path / "table.parquet").mkdir()
    with pytest.raises(DataSetError, match="is a folder"):
        ParquetDataSet(tmp_path / "table.parquet").save(TABLE)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {"type": "pandas.CSVDataSet", "load_args": {"sepp": ";"}},
            "load_args: read_csv has no option 'sepp'. Did you mean 'sep'?",
        ),
        (
            {"type": "pandas.CSVDataSet", "save_args": {"indx": False}},
            "save_args: to_csv has no option 'indx'. Did you mean 'index'?",
        ),
        (
            {"type": "pandas.JSONDataSet", "load_args": {"orientation": "records"}},
            "load_args: read_json has no option 'orientation'. Did you mean 'orient'?",
        ),
        (
            {"type": "pandas.ExcelDataSet", "load_args": {"sheet": 1}},
            "load_args: read_excel has no option 'sheet'",
        ),
        (
            {"type": "pandas.ExcelDataSet", "save_args": {"writer": {"mode": "a"}}},
            "sheets cannot be added to a workbook. Save all its sheets together",
        ),
        (
            {"type": "pandas.ExcelDataSet", "engine": "xlsxwriter"},
            "the package xlsxwriter is not installed",
        ),
        (
            {"type": "pandas.ParquetDataSet", "save_args": {"partition_cols": ["a"]}},
            "save_args: ParquetDataSet writes one file, which has no partition_cols",
        ),
        (
            {"type": "yaml.YAMLDataSet", "load_args": {"x": 1}},
            "load_args: YAMLDataSet has none",
        ),
        (
            {"type": "pickle.PickleDataSet", "backend": "picle"},
            "backend 'picle' is not known. It is one of pickle,",
        ),
        (
            {"type": "pickle.PickleDataSet", "backend": "dill"},
            "backend dill is not installed",
        ),
    ],
)
def test_misspelt_options_are_found_before_loading(
    entry: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkpipe.datasets.pickle import pickle_data_set

    monkeypatch.setattr(pickle_data_set, "is_installed", lambda name: name != "dill")
    catalog = DataCatalog.from_config_lazily({"x": {**entry, "filepath": "nowhere/a"}})
    (problem,) = catalog.problems()
    assert "'x'" in problem
    assert told in problem


def test_right_options_are_no_problem() -> None:
    catalog = DataCatalog.from_config_lazily(
        {
            "a": {
                "type": "pandas.CSVDataSet",
                "filepath": "a.csv",
                "load_args": {"sep": ";", "dtype": {"a": "str"}},
                "save_args": {"sep": ";"},
            },
            "b": {
                "type": "pandas.ParquetDataSet",
                "filepath": "a",
                "load_args": {"filters": []},
                "save_args": {"compression": "zstd"},
            },
        }
    )
    assert catalog.problems() == []


# What is one piece

_ADDED: Any = {"fs_args": {"open_args_save": {"mode": "ab"}}}


@pytest.mark.parametrize(
    "kind",
    [
        "pickle.PickleDataSet",
        "json.JSONDataSet",
        "pandas.ParquetDataSet",
        "pandas.FeatherDataSet",
        "pandas.ExcelDataSet",
        "matplotlib.MatplotlibWriter",
    ],
)
def test_nothing_is_added_where_a_load_would_not_find_it(tmp_path: Path, kind: str) -> None:
    entry = {"type": kind, "filepath": str(tmp_path / "x.png"), **_ADDED}
    catalog = DataCatalog.from_config_lazily({"x": entry})
    (problem,) = catalog.problems()
    assert "nothing can be added to the file of a" in problem
    # Each version is a file of its own.
    versions = DataCatalog.from_config_lazily({"x": {**entry, "versioned": True}})
    assert versions.problems() == []


def test_what_is_there_stays_where_nothing_can_be_added(tmp_path: Path) -> None:
    PickleDataSet(str(tmp_path / "x")).save("first")
    with pytest.raises(DataSetError, match="nothing can be added to the file of a PickleDataSet"):
        PickleDataSet(str(tmp_path / "x"), **_ADDED).save("second")
    assert PickleDataSet(str(tmp_path / "x")).load() == "first"


class _AllPickles(PickleDataSet):
    """Knows what to do with pickles one after the other."""

    def _read(self, file: Any) -> Any:
        found = []
        while file.peek(1):
            found.append(pickle.load(file))
        return found


def test_class_that_reads_in_its_own_way_may_add(tmp_path: Path) -> None:
    data_set = _AllPickles(str(tmp_path / "x"), **_ADDED)
    data_set.save(1)
    data_set.save(2)
    assert data_set.load() == [1, 2]


# Chunks


def test_generator_node_appends_chunk_by_chunk(tmp_path: Path) -> None:
    def chunks() -> Iterator[pd.DataFrame]:
        for n in range(3):
            yield pd.DataFrame({"n": [n]})

    entry = {
        "type": "pandas.CSVDataSet",
        "filepath": str(tmp_path / "all.csv"),
        "save_args": {"header": False},
        "fs_args": {"open_args_save": {"mode": "a"}},
    }
    catalog = DataCatalog.from_config({"rows": entry})
    SequentialRunner().run(Pipeline([node(chunks, None, "rows")]), catalog)
    assert (tmp_path / "all.csv").read_text() == "0\n1\n2\n"


def test_text_chunks_are_appended_elsewhere_too() -> None:
    entry = {
        "type": "text.TextDataSet",
        "filepath": f"memory://{uuid4().hex}/log.txt",
        "fs_args": {"open_args_save": {"mode": "a"}},
    }
    catalog = DataCatalog.from_config({"log": entry})
    SequentialRunner().run(
        Pipeline([node(lambda: (line for line in ("a\n", "é\n")), None, "log")]), catalog
    )
    assert catalog.load("log") == "a\né\n"


# JSON, text


def test_json_is_written_for_readers(tmp_path: Path) -> None:
    JSONDataSet(tmp_path / "a.json").save({"b": 1})
    assert (tmp_path / "a.json").read_text() == '{\n  "b": 1\n}'


def test_json_options_reach_the_standard_library(tmp_path: Path) -> None:
    data_set = JSONDataSet(
        tmp_path / "a.json",
        save_args={"indent": None, "sort_keys": True, "ensure_ascii": False},
        load_args={"parse_float": str},
    )
    data_set.save({"b": 1.5, "a": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{"a": "é", "b": 1.5}'
    assert data_set.load() == {"a": "é", "b": "1.5"}


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    data_set = JSONDataSet(tmp_path / "a.json")
    data_set.save([1])
    with pytest.raises(DataSetError, match="not JSON serializable"):
        data_set.save([1, {2}])
    assert json.loads((tmp_path / "a.json").read_text()) == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


_ASCII = """
import sys
from sparkpipe.datasets.text import TextDataSet
data_set = TextDataSet(sys.argv[1])
data_set.save("\\u00e9")
assert data_set.load() == "\\u00e9", ascii(data_set.load())
TextDataSet(sys.argv[1], fs_args={"open_args_save": {"mode": "a"}}).save("\\u2603")
assert data_set.load() == "\\u00e9\\u2603"
"""


def test_text_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", _ASCII, str(tmp_path / "a.txt")],
        env={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        check=True,
    )
    assert (tmp_path / "a.txt").read_bytes() == "é☃".encode()


# Pickle


def test_what_cannot_be_pickled_says_so_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    PickleDataSet(path).save("old")
    with pytest.raises(DataSetError, match=r"a function cannot be pickled .*cloudpickle"):
        PickleDataSet(path).save(lambda: 1)
    assert PickleDataSet(path).load() == "old"
    PickleDataSet(path, backend="cloudpickle").save(lambda: 1)
    assert PickleDataSet(path, backend="cloudpickle").load()() == 1


def test_backend_options_reach_it(tmp_path: Path) -> None:
    PickleDataSet(tmp_path / "a", save_args={"protocol": 2}).save([1])
    assert (tmp_path / "a").read_bytes().startswith(b"\x80\x02")
    PickleDataSet(tmp_path / "b", backend="joblib", save_args={"compress": ("gzip", 3)}).save([1])
    assert (tmp_path / "b").read_bytes().startswith(b"\x1f\x8b")
    assert PickleDataSet(tmp_path / "b", backend="joblib").load() == [1]


_NO_SPARK = """
import sys
sys.modules["pyspark"] = None
sys.modules["delta"] = None
import pandas as pd
from sparkpipe.io import DataCatalog
catalog = DataCatalog.from_config({
    "p": {"type": "pickle.PickleDataSet", "filepath": sys.argv[1] + "/p"},
    "c": {"type": "pandas.CSVDataSet", "filepath": sys.argv[1] + "/c"},
    "q": {"type": "pandas.ParquetDataSet", "filepath": sys.argv[1] + "/q"},
    "m": {"type": "MemoryDataSet"},
})
for name in catalog:
    catalog.save(name, pd.DataFrame({"a": [1]}))
    assert list(catalog.load(name)["a"]) == [1]
try:
    DataCatalog.from_config({"s": {"type": "spark.SparkDataSet", "filepath": "x"}}).load("s")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_works_without_spark_installed(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", _NO_SPARK, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert shown.startswith("DataSetError")
    assert "pyspark" in shown
    assert "pip install 'sparkpipe[spark]'" in shown


# Pictures

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def figure() -> Any:
    from matplotlib.figure import Figure

    made = Figure(figsize=(1, 1))
    made.subplots().plot([1, 2])
    return made


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", PNG), ("a", PNG), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_picture_has_the_format_of_its_name(
    tmp_path: Path, figure: Any, name: str, start: bytes
) -> None:
    MatplotlibWriter(tmp_path / name).save(figure)
    assert (tmp_path / name).read_bytes().startswith(start)


def test_picture_options_reach_matplotlib(tmp_path: Path, figure: Any) -> None:
    MatplotlibWriter(tmp_path / "a.png", save_args={"dpi": 200}).save(figure)
    width = int.from_bytes((tmp_path / "a.png").read_bytes()[16:20], "big")
    assert width == 200


def test_picture_is_saved_through_fsspec(figure: Any) -> None:
    import fsspec

    path = f"memory://{uuid4().hex}/a.png"
    MatplotlibWriter(path).save(figure)
    with fsspec.open(path, "rb") as file:
        assert file.read(8) == PNG


def test_picture_cannot_be_loaded_and_takes_figures_only(tmp_path: Path, figure: Any) -> None:
    writer = MatplotlibWriter(tmp_path / "a.png")
    with pytest.raises(DataSetError, match="a matplotlib Figure is needed, not list"):
        writer.save([[figure]])
    with pytest.raises(DataSetError, match="a matplotlib Figure is needed, not int"):
        writer.save({"a.png": figure, "b.png": 1})
    assert not list(tmp_path.iterdir())
    writer.save(figure)
    with pytest.raises(DataSetError, match="cannot be loaded again"):
        writer.load()


def test_unknown_picture_format_is_told(tmp_path: Path, figure: Any) -> None:
    with pytest.raises(DataSetError, match="'foo' is not supported"):
        MatplotlibWriter(tmp_path / "a.foo").save(figure)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "figures", [lambda f: {"a.png": f, "deep/b.svg": f}, lambda f: [f, f], lambda f: (f,)]
)
@pytest.mark.parametrize("version", [None, Version(None, "v1")])
def test_many_pictures_are_saved_as_a_folder(
    folder: str, figure: Any, figures: Any, version: Any
) -> None:
    import fsspec

    data = figures(figure)
    MatplotlibWriter(f"{folder}/plots", version=version).save(data)
    names = list(data) if isinstance(data, dict) else [f"{i}.png" for i in range(len(data))]
    inside = f"{folder}/plots/v1/plots" if version else f"{folder}/plots"
    for name in names:
        with fsspec.open(f"{inside}/{name}", "rb") as file:
            assert file.read(5) == (b"<?xml" if name.endswith(".svg") else PNG[:5])


def test_parts_of_one_name_are_refused(tmp_path: Path, figure: Any) -> None:
    with pytest.raises(DataSetError, match="figures 1 and '1' would be the same file"):
        MatplotlibWriter(str(tmp_path / "figures")).save({1: figure, "1": figure})
    # Excel does not tell upper and lower case apart; what writes would call one of them A1.
    for names in ((1, "1"), ("a", "A")):
        with pytest.raises(DataSetError, match=r"sheets .* and .* would be the same sheet"):
            ExcelDataSet(str(tmp_path / "x.xlsx")).save(dict.fromkeys(names, TABLE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [{1: "a", "1": "b"}, [{"x": ({None: 1, "null": 2},)}]])
def test_keys_that_would_be_one_in_json_are_refused(tmp_path: Path, data: Any) -> None:
    with pytest.raises(DataSetError, match="would be the same in JSON"):
        JSONDataSet(str(tmp_path / "x.json")).save(data)
    assert list(tmp_path.iterdir()) == []


def test_keys_that_are_no_texts_become_texts_in_json(tmp_path: Path) -> None:
    data_set = JSONDataSet(str(tmp_path / "x.json"), save_args={"skipkeys": True})
    data_set.save({1: "a", None: "b", (1, 2): "left out", (3,): "left out"})
    assert data_set.load() == {"1": "a", "null": "b"}


def test_old_pictures_stay_unless_overwritten(folder: str, figure: Any) -> None:
    def saved(name: str, overwrite: bool) -> list[str]:
        writer = MatplotlibWriter(f"{folder}/plots", overwrite=overwrite)
        writer.save({name: figure})
        return sorted(str(path).rpartition("/")[2] for path in writer._fs.find(f"{folder}/plots"))

    assert saved("a.png", False) == ["a.png"]
    assert saved("b.png", False) == ["a.png", "b.png"]
    assert saved("c.png", True) == ["c.png"]


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/../../b.png", ""])
def test_pictures_never_leave_their_folder(tmp_path: Path, figure: Any, name: str) -> None:
    with pytest.raises(DataSetError, match="cannot be the name"):
        MatplotlibWriter(tmp_path / "in" / "plots").save({name: figure})
    assert not list(tmp_path.iterdir())


# Workbooks


def test_sheets_are_a_dictionary(folder: str) -> None:
    sheets = {"one": pd.DataFrame({"a": [1]}), "two": pd.DataFrame({"b": [2, 3]})}
    ExcelDataSet(f"{folder}/a.xlsx").save(sheets)
    loaded = ExcelDataSet(f"{folder}/a.xlsx", load_args={"sheet_name": None}).load()
    assert list(loaded) == ["one", "two"]
    for name, sheet in sheets.items():
        assert_frame_equal(loaded[name], sheet)
    second = ExcelDataSet(f"{folder}/a.xlsx", load_args={"sheet_name": "two"}).load()
    assert_frame_equal(second, sheets["two"])


def test_options_reach_the_sheet(tmp_path: Path) -> None:
    options = {"sheet_name": "mine", "startrow": 2, "writer": {"date_format": "YYYY"}}
    ExcelDataSet(tmp_path / "a.xlsx", save_args=options).save(pd.DataFrame({"a": [1]}))
    loaded = ExcelDataSet(tmp_path / "a.xlsx", load_args={"sheet_name": "mine", "header": 2}).load()
    assert_frame_equal(loaded, pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize("data", [{"a": 1}, {}, [1]])
def test_workbook_of_something_else_leaves_what_was_there(tmp_path: Path, data: Any) -> None:
    ExcelDataSet(tmp_path / "a.xlsx").save(TABLE)
    with pytest.raises(DataSetError, match=r"DataFrame is needed|at least one sheet"):
        ExcelDataSet(tmp_path / "a.xlsx").save(data)
    assert len(ExcelDataSet(tmp_path / "a.xlsx").load()) == 3


# YAML


def test_yaml_holds_plain_values_only(tmp_path: Path) -> None:
    data_set = YAMLDataSet(tmp_path / "a.yml")
    data_set.save({"b": [1], "a": "é"})
    assert (tmp_path / "a.yml").read_text(encoding="utf-8") == "a: é\nb:\n- 1\n"
    with pytest.raises(DataSetError, match="YAML cannot hold a PosixPath"):
        data_set.save({"a": tmp_path})
    assert data_set.load() == {"a": "é", "b": [1]}
    (tmp_path / "a.yml").write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(DataSetError, match="ConstructorError"):
        data_set.load()


def test_yaml_options_reach_the_writer(tmp_path: Path) -> None:
    YAMLDataSet(tmp_path / "a.yml", save_args={"sort_keys": False}).save({"b": 1, "a": 2})
    assert (tmp_path / "a.yml").read_text() == "b: 1\na: 2\n"
