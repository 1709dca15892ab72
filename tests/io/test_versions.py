"""Versioned data sets: each save is kept, and a version is never written twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import DataSetError, DataSetNotFoundError, VersionNotFoundError
from sparkpipe.io import DataCatalog, Version
from sparkpipe.io.core import generate_timestamp
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

HOSTILE = ["../v1", "..", ".", "/etc", "a/b", "a\\b", "", " ", "v1\n", "*", "v?", "[a]", "~", "v 1"]


@pytest.fixture(params=["local", "memory"])
def entry(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    folder = str(tmp_path) if request.param == "local" else f"memory://{uuid4().hex}"
    return {"notes": {"type": "text.TextDataSet", "filepath": f"{folder}/n.txt", "versioned": True}}


def save(entry: Any, version: str | None, data: str) -> None:
    DataCatalog.from_config(entry, save_version=version).save("notes", data)


def test_latest_version_is_loaded_unless_another_is_asked_for(entry: Any) -> None:
    save(entry, "2024-01-02", "new")
    save(entry, "2024-01-01", "old")
    assert DataCatalog.from_config(entry).load("notes") == "new"
    asked = DataCatalog.from_config(entry, load_versions={"notes": "2024-01-01"})
    assert asked.load("notes") == "old"
    assert DataCatalog.from_config(entry).load("notes", version="2024-01-01") == "old"


def test_each_version_has_its_own_folder(tmp_path: Path) -> None:
    entry = {"type": "text.TextDataSet", "filepath": str(tmp_path / "n.txt"), "versioned": True}
    save({"notes": entry}, "v1", "one")
    assert (tmp_path / "n.txt" / "v1" / "n.txt").read_text() == "one"


def test_version_is_never_overwritten(entry: Any) -> None:
    save(entry, "v1", "one")
    with pytest.raises(DataSetError, match=r"'notes'.*v1 is there already.*never overwritten"):
        save(entry, "v1", "two")
    assert DataCatalog.from_config(entry).load("notes") == "one"


def test_one_catalog_saves_all_under_one_version(tmp_path: Path) -> None:
    config = {
        name: {"type": "text.TextDataSet", "filepath": str(tmp_path / name), "versioned": True}
        for name in ("a", "b")
    }
    catalog = DataCatalog.from_config(config)
    catalog.save("a", "1")
    catalog.save("b", "1")
    (version_of_a,), (version_of_b,) = ((tmp_path / name).iterdir() for name in ("a", "b"))
    assert version_of_a.name == version_of_b.name


def test_saved_version_is_the_latest_for_the_same_catalog(entry: Any) -> None:
    save(entry, "2024-01-01", "old")
    catalog = DataCatalog.from_config(entry, save_version="2024-01-02")
    assert catalog.load("notes") == "old"
    catalog.save("notes", "new")
    assert catalog.load("notes") == "new"


def test_version_saved_by_another_run_is_found_after_release(entry: Any) -> None:
    save(entry, "2024-01-01", "old")
    catalog = DataCatalog.from_config(entry)
    assert catalog.load("notes") == "old"
    save(entry, "2024-01-02", "new")
    catalog.release("notes")
    assert catalog.load("notes") == "new"


def test_nothing_saved_yet_is_told(entry: Any) -> None:
    catalog = DataCatalog.from_config(entry)
    assert not catalog.exists("notes")
    with pytest.raises(VersionNotFoundError, match=r"'notes'.*No version"):
        catalog.load("notes")


def test_absent_version_is_told(entry: Any) -> None:
    save(entry, "v1", "one")
    catalog = DataCatalog.from_config(entry, load_versions={"notes": "v9"})
    assert not catalog.exists("notes")
    with pytest.raises(DataSetError, match=r"'notes'.*v9"):
        catalog.load("notes")


@pytest.mark.parametrize("version", HOSTILE)
def test_version_that_leads_elsewhere_is_refused(tmp_path: Path, version: str) -> None:
    (tmp_path / "n.txt").mkdir()
    entry = {
        "notes": {
            "type": "text.TextDataSet",
            "filepath": str(tmp_path / "n.txt"),
            "versioned": True,
        }
    }
    for use in (
        lambda: TextDataSet("n.txt", version=Version(version, None)),
        lambda: TextDataSet("n.txt", version=Version(None, version)),
        lambda: DataCatalog.from_config(entry, load_versions={"notes": version}),
        lambda: DataCatalog.from_config(entry).load("notes", version=version),
    ):
        with pytest.raises(DataSetError, match="cannot be a version"):
            use()
    assert [p.name for p in tmp_path.rglob("*")] == ["n.txt"]


def test_load_version_of_an_unknown_data_set_is_told(entry: Any) -> None:
    with pytest.raises(DataSetNotFoundError, match=r"'note'.*Did you mean 'notes'"):
        DataCatalog.from_config(entry, load_versions={"note": "v1"})


def test_load_version_of_what_has_none_is_told() -> None:
    entry = {"notes": {"type": "text.TextDataSet", "filepath": "n.txt"}}
    with pytest.raises(DataSetError, match=r"'notes', which is not versioned.*versioned: true"):
        DataCatalog.from_config(entry, load_versions={"notes": "v1"})
    with pytest.raises(DataSetError, match="not versioned"):
        DataCatalog.from_config(entry).load("notes", version="v1")


def test_glob_characters_in_the_path_are_taken_literally(tmp_path: Path) -> None:
    path = tmp_path / "[a]*?.txt"
    TextDataSet(path, version=Version(None, "v1")).save("one")
    assert TextDataSet(path, version=Version(None, None)).load() == "one"


def test_failed_save_makes_no_version(tmp_path: Path) -> None:
    data_set = TextDataSet(tmp_path / "n.txt", version=Version(None, "v1"))
    with pytest.raises(DataSetError, match="a string is needed"):
        data_set.save(object())
    assert not data_set.exists()
    data_set.save("one")
    assert data_set.load() == "one"


def test_runs_of_one_moment_save_versions_of_their_own(tmp_path: Path) -> None:
    entry = {"type": "text.TextDataSet", "filepath": str(tmp_path / "n.txt"), "versioned": True}
    steps = pipeline([node(str, "x", "notes", name="note")])

    def run(number: int) -> None:
        catalog = DataCatalog.from_config({"notes": entry})
        catalog.add_feed_dict({"x": number})
        SequentialRunner().run(steps, catalog)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(20)))
    assert len(list((tmp_path / "n.txt").iterdir())) == 20


def test_names_of_runs_are_never_given_twice_nor_ahead_of_time() -> None:
    with ThreadPoolExecutor(4) as pool:
        names = list(pool.map(lambda _: generate_timestamp(), range(100)))
    assert len({*names}) == 100
    assert max(names) < generate_timestamp()
