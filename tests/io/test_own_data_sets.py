"""Data sets of the user's own, written as those of Kedro 0.18 are."""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.errors import DataSetError, RunFailedError
from sparkpipe.io import (
    AbstractDataSet,
    AbstractVersionedDataSet,
    DataCatalog,
    PartitionedDataSet,
    Version,
)
from sparkpipe.io.core import get_filepath_str, get_protocol_and_path
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner


class Upper(AbstractVersionedDataSet[str, str]):
    """Keeps versions with nothing but the base class and fsspec."""

    def __init__(self, filepath: str, version: Version | None = None) -> None:
        import fsspec

        protocol, path = get_protocol_and_path(filepath, version)
        self._protocol = protocol
        self._fs = fsspec.filesystem(protocol)
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    def _load(self) -> str:
        path = get_filepath_str(self._get_load_path(), self._protocol)
        with self._fs.open(path, "r") as file:
            return str(file.read())

    def _save(self, data: str) -> None:
        path = get_filepath_str(self._get_save_path(), self._protocol)
        self._fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        with self._fs.open(path, "w") as file:
            file.write(data.upper())
        self._logger.info("saved %s", path)

    def _exists(self) -> bool:
        return bool(self._fs.exists(get_filepath_str(self._get_load_path(), self._protocol)))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "protocol": self._protocol, "version": self._version}


class AlwaysVersioned(Upper):
    versioned = True


def entry(path: Path, **options: Any) -> dict[str, Any]:
    return {"x": {"type": Upper, "filepath": str(path), **options}}


@pytest.mark.parametrize("versioned", [False, True])
def test_own_data_set_is_saved_and_loaded(tmp_path: Path, versioned: bool) -> None:
    catalog = DataCatalog.from_config(entry(tmp_path / "a.txt", versioned=versioned))
    assert not catalog.exists("x")
    catalog.save("x", "a")
    assert catalog.exists("x")
    assert catalog.load("x") == "A"


def test_versions_of_an_own_data_set(tmp_path: Path) -> None:
    config = entry(tmp_path / "a.txt", versioned=True)
    for version in ("v1", "v2"):
        DataCatalog.from_config(config, save_version=version).save("x", version)
    assert DataCatalog.from_config(config).load("x") == "V2"
    assert DataCatalog.from_config(config, load_versions={"x": "v1"}).load("x") == "V1"
    assert DataCatalog.from_config(config).load("x", version="v1") == "V1"
    with pytest.raises(DataSetError, match=r"'x'.*v2 is there already"):
        DataCatalog.from_config(config, save_version="v2").save("x", "again")


@pytest.mark.parametrize("kind", [Upper, "text.TextDataSet"])
def test_version_that_cannot_be_loaded_is_not_the_latest(tmp_path: Path, kind: Any) -> None:
    config = {"x": {"type": kind, "filepath": str(tmp_path / "a.txt"), "versioned": True}}
    DataCatalog.from_config(config, save_version="v1").save("x", "OLD")
    (tmp_path / "a.txt" / "v2").mkdir()
    (tmp_path / "a.txt" / "v3").mkdir()
    (tmp_path / "a.txt" / "v3" / "a.txt").symlink_to(tmp_path / "gone")
    assert DataCatalog.from_config(config).load("x") == "OLD"


def test_class_may_say_that_it_is_always_versioned(tmp_path: Path) -> None:
    config = {"x": {"type": AlwaysVersioned, "filepath": str(tmp_path / "a.txt")}}
    DataCatalog.from_config(config, save_version="v1").save("x", "one")
    assert (tmp_path / "a.txt" / "v1" / "a.txt").read_text() == "ONE"
    assert DataCatalog.from_config(config, load_versions={"x": "v1"}).load("x") == "ONE"


@pytest.mark.parametrize("kind", [Upper, "text.TextDataSet"])
def test_file_in_the_way_of_versions_is_told(tmp_path: Path, kind: Any) -> None:
    (tmp_path / "a.txt").write_text("from before")
    catalog = DataCatalog.from_config(
        {"x": {"type": kind, "filepath": str(tmp_path / "a.txt"), "versioned": True}}
    )
    with pytest.raises(DataSetError, match=r"'x'.*there is a file .*a\.txt.*folder of that name"):
        catalog.save("x", "new")
    assert (tmp_path / "a.txt").read_text() == "from before"


@pytest.mark.parametrize("load", ["v1", None])
def test_saving_what_a_load_would_not_read_is_warned_of(
    tmp_path: Path, load: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    for version in ("v1", "v9"):
        Upper(str(tmp_path / "a.txt"), Version(None, version)).save("old")
    caplog.clear()
    Upper(str(tmp_path / "a.txt"), Version(load, "v5")).save("new")
    reads = load or "v9"
    (told,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "Version v5" in told
    assert told.endswith(f"a load reads version {reads}.")


def test_own_data_set_logs_under_the_name_of_its_module(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        Upper(str(tmp_path / "a.txt")).save("a")
    assert caplog.records[-1].name == Upper.__module__


def test_data_set_is_made_of_its_entry(tmp_path: Path) -> None:
    config = {"type": "text.TextDataSet", "filepath": str(tmp_path / "a"), "versioned": True}
    AbstractDataSet.from_config("x", config, save_version="v1").save("1")
    assert AbstractDataSet.from_config("x", config, load_version="v1").load() == "1"
    with pytest.raises(DataSetError, match=r"Data set 'x': .*no option 'filepaht'"):
        AbstractDataSet.from_config("x", {"type": "text.TextDataSet", "filepaht": "a"})


def test_version_in_an_entry_is_refused_with_the_right_way() -> None:
    with pytest.raises(DataSetError, match=r"'version' cannot stand.*versioned: true"):
        DataCatalog.from_config(entry(Path("a.txt"), version="v1"))


def test_what_lies_on_the_web_cannot_be_versioned() -> None:
    path = {"x": {"type": "text.TextDataSet", "filepath": "https://host/a", "versioned": True}}
    with pytest.raises(DataSetError, match=r"https:// cannot be versioned"):
        DataCatalog.from_config(path)


def test_metadata_is_kept_also_where_the_class_does_not_take_it(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {
            **entry(tmp_path / "a.txt", metadata={"owner": "us"}),
            "m": {"type": "MemoryDataSet", "metadata": {"owner": "them"}},
        }
    )
    assert catalog["x"].metadata == {"owner": "us"}
    assert catalog["m"].metadata == {"owner": "them"}


def test_an_error_of_a_load_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    data_set = JSONDataSet(path)
    with pytest.raises(DataSetError) as caught:
        data_set.load()
    assert str(caught.value).startswith(f"JSONDataSet, {path}: JSONDecodeError: ")
    assert str(caught.value).count(str(path)) == 1
    with pytest.raises(DataSetError) as caught:
        DataCatalog({"x": data_set}).load("x")
    assert str(caught.value).startswith(f"Could not load 'x' (JSONDataSet, {path}): JSONDecode")
    assert str(caught.value).count(str(path)) == 1
    parts = DataCatalog({"p": PartitionedDataSet(str(tmp_path), "json.JSONDataSet")})
    steps = pipeline([node(lambda p: p["broken.json"](), "p", "out", name="reads")])
    with pytest.raises(RunFailedError) as failed:
        SequentialRunner().run(steps, parts)
    assert str(path) in str(failed.value)
