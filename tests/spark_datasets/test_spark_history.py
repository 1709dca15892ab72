"""Tables of Delta over several runs: no save twice, what a run left, what has changed since."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkTableDataSet
from sparkpipe.datasets.spark.delta_log import versions
from sparkpipe.datasets.spark.maintaining import (
    clone,
    find_tables,
    find_there,
    optimize,
    read_history,
    restore,
    telling_which,
    vacuum,
)
from sparkpipe.description import ReadBefore, RunDescription, describing
from sparkpipe.errors import DataSetError, RunFailedError
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import JournalSettings, JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.session.remembering import Memory
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.delta


@pytest.fixture
def classic(spark: SparkSession) -> Iterator[SparkSession]:
    """The session of the tests, which data sets of the test use."""
    with activated(SparkProvider(session=spark)):
        yield spark


def make_catalog(folder: Path) -> DataCatalog:
    delta = {"type": "spark.DeltaTableDataSet"}
    merge = {"mode": "merge", "keys": "id", "sequence_by": "id", "delete_when": "s.id < 0"}
    return DataCatalog.from_config(
        {
            "added": {
                **delta,
                "filepath": f"{folder}/added",
                "save_args": {
                    "mode": "append",
                    "table_properties": {"delta.enableChangeDataFeed": True},
                },
            },
            "merged": {**delta, "filepath": f"{folder}/merged", "save_args": merge},
            "news": {
                **delta,
                "filepath": f"{folder}/added",
                "load_args": {"changes": {"since": "last_run"}},
            },
        }
    )


def run(catalog: DataCatalog, run_id: str, function: Any, code: str, **about: Any) -> None:
    identities = {"add": {"code": code}}
    inputs = ["news"] if about.get("read_before") else None
    pipe = pipeline([node(function, inputs, ["added", "merged"], name="add")])
    with describing(RunDescription(identities=identities, **about)):
        SequentialRunner().run(pipe, catalog, session_id=run_id)


def test_a_save_of_a_run_has_no_effect_when_it_is_made_again(
    classic: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def make() -> Iterator[tuple[DataFrame, DataFrame]]:
        for number in range(2):
            yield (one := classic.range(number, number + 1)), one

    catalog = make_catalog(tmp_path)
    added, merged = tmp_path / "added", tmp_path / "merged"
    run(catalog, "one", make, "old", slices={"day": "2024-01-31"})
    before = versions(added), versions(merged)
    run(catalog, "two", make, "old", slices={"day": "2024-01-31"}, resumes="one", origin="one")
    assert (versions(added), versions(merged)) == before
    assert [row.id for row in catalog.load("added").orderBy("id").collect()] == [0, 1]
    told = (merged / "_delta_log" / f"{before[1][-1]:020}.json").read_text()
    mark = json.loads(json.loads(told.splitlines()[0])["commitInfo"]["userMetadata"])
    assert (mark["run"], mark["node"], mark["slice"]) == ("one", "add", {"day": "2024-01-31"})
    run(catalog, "three", make, "new", resumes="one", origin="one")
    assert versions(added) != before[0]

    (table,) = find_tables(catalog, ["add*"])
    last = read_history(classic, table, 1)[0]
    assert (last.run, last.node, last.operation, last.rows) == ("three", "add", "WRITE", 1)
    load = DeltaTableDataSet(str(added), load_args={"version": "as of run one"}).load
    assert load().count() == 2
    with pytest.raises(DataSetError, match=r"does not reach back to the run 'none', and no com"):
        DeltaTableDataSet(str(added), load_args={"version": "as of run none"}).load()

    with pytest.raises(DataSetError, match="for 168 hours; a vacuum after 1 hours takes"):
        vacuum(classic, table, 1, below=False, dry_run=True)
    assert "files" in vacuum(classic, table, None, below=False, dry_run=True)
    assert optimize(classic, table, dry_run=True).startswith("would be compacted: ")
    assert "files became 1" in optimize(classic, table, dry_run=False)
    assert "would be cloned" in clone(classic, table, "a.b", None, dry_run=True)
    clone(classic, table, f"{tmp_path}/copy", "as of run one", dry_run=False)
    assert DeltaTableDataSet(f"{tmp_path}/copy").load().count() == 2
    assert "would be restored to" in restore(classic, table, "as of run one", dry_run=True)
    restore(classic, table, "as of run one", dry_run=False)
    assert catalog.load("added").count() == 2
    with caplog.at_level("WARNING"):
        wanted = {"mode": "append", "cluster_by": "id", "constraints": {"few": "id < 9"}}
        DeltaTableDataSet(str(added), save_args=wanted).save(classic.range(0))
    assert "it is not clustered, not by id (cluster_by)" in caplog.text
    assert "it lacks the constraint few (id < 9)" in caplog.text


def test_what_cannot_be_done_with_a_table_is_told_before_it_is_tried(
    classic: SparkSession, tmp_path: Path
) -> None:
    catalog = make_catalog(tmp_path)
    with pytest.raises(DataSetError, match=r"'added' \(DeltaTableDataSet, .*\) is not there yet"):
        find_there(catalog, find_tables(catalog, ["added"]))
    assert find_there(catalog, find_tables(catalog, ["add*"])) == []
    catalog.save("added", classic.range(2))
    (table,) = find_there(catalog, find_tables(catalog, ["added"]))

    for work in (
        lambda: restore(classic, table, "9", dry_run=True),
        lambda: clone(classic, table, f"{tmp_path}/copy", "9", dry_run=True),
    ):
        with (
            pytest.raises(DataSetError, match=r"'added': .* version 9.*") as told,
            telling_which(table),
        ):
            work()
        assert "\tat " not in str(told.value)  # Java's stack says nothing to a reader
    with pytest.raises(DataSetError, match="where there is a table already"):
        clone(classic, table, f"{tmp_path}/added", None, dry_run=True)
    with pytest.raises(DataSetError, match="cannot keep files for nan hours"):
        vacuum(classic, table, float("nan"), below=True, dry_run=True)


def test_an_overwrite_leaves_a_table_clustered(
    classic: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def clustered(table: str) -> list[str]:
        (row,) = classic.sql(f"DESCRIBE DETAIL {table}").select("clusteringColumns").collect()
        return list(row[0])

    made, given = f"delta.`{tmp_path}/made`", f"delta.`{tmp_path}/given`"
    classic.sql(f"CREATE TABLE {made} (id BIGINT, other BIGINT) USING delta CLUSTER BY (other, id)")
    frame = classic.range(3).selectExpr("id", "-id AS other")
    options = {"cluster_by": "id", "mode": "overwrite"}
    with caplog.at_level("WARNING"):
        for _ in range(2):
            DeltaTableDataSet(f"{tmp_path}/made").save(frame)
            DeltaTableDataSet(f"{tmp_path}/given", save_args=options).save(frame)
    assert (clustered(made), clustered(given)) == (["other", "id"], ["id"])
    assert "cluster" not in caplog.text
    anew = {"mode": "overwrite", "overwriteSchema": True}
    with caplog.at_level("WARNING"):
        DeltaTableDataSet(f"{tmp_path}/made", save_args=anew).save(frame.select("id"))
    assert "is no longer clustered by other, id" in caplog.text
    assert DeltaTableDataSet(f"{tmp_path}/made").load().columns == ["id"]

    classic.sql("CREATE TABLE of_clusters (id BIGINT, other BIGINT) USING delta CLUSTER BY (id)")
    try:
        SparkTableDataSet("of_clusters", write_mode="overwrite", file_format="delta").save(frame)
        assert clustered("of_clusters") == ["id"]
    finally:
        classic.sql("DROP TABLE of_clusters")


def test_a_node_reads_what_has_changed_since_it_last_ran_well(
    classic: SparkSession, tmp_path: Path
) -> None:
    catalog = make_catalog(tmp_path)
    added = str(tmp_path / "added")
    catalog.save("added", classic.range(1))
    catalog.save("added", classic.range(1, 2))
    seen: list[list[tuple[int, str]]] = []

    def look(news: DataFrame) -> None:
        seen.append([tuple(row) for row in news.select("id", "_change_type").collect()])  # type: ignore[misc]

    def read(before: ReadBefore | None = None) -> None:
        pipe = pipeline([node(look, "news", None, name="look")])
        read_before = {"look": {added: before}} if before else {}
        with describing(RunDescription(read_before=read_before)):
            SequentialRunner().run(pipe, catalog, session_id="run")

    last, now = versions(Path(added))[-1], time.time()
    read()
    for number in (last - 1, last):
        read(ReadBefore(str(number), None, now))
    assert [sorted(one) for one in seen] == [
        [(0, "insert"), (1, "insert")],
        [(1, "insert")],
        [],
    ]
    with pytest.raises(RunFailedError, match=r"has read version 9.*made anew"):
        read(ReadBefore("9", None, now))
    classic.range(1).write.format("delta").save(f"{tmp_path}/plain")
    off = DeltaTableDataSet(f"{tmp_path}/plain", load_args={"changes": {"since": 0}})
    with pytest.raises(DataSetError, match=r"change data feed is off\. Turn it on: ALTER TABLE"):
        off.load()


class Reader:
    """A node that reads what has changed, run again and again with a journal."""

    def __init__(self, folder: Path, **entry: Any) -> None:
        self._journal = JournalSettings(path=str(folder / "runs"))
        self._news = {**entry, "load_args": {"changes": {"since": "last_run"}}}
        self._runs = 0

    def read(self) -> list[int]:
        """Return the rows that one more run is given."""
        seen: list[int] = []

        def look(news: DataFrame) -> None:
            seen.extend(row.id for row in news.where("_change_type != 'delete'").collect())

        self._runs += 1
        pipe = pipeline([node(look, "news", None, name="look")])
        memory = Memory(self._journal, f"run-{self._runs}", None)
        memory.recall(pipe)
        with (
            describing(RunDescription(read_before=memory.versions_read())),
            observing(JournalWriter(self._journal.path)),
        ):
            catalog = DataCatalog.from_config({"news": self._news})
            SequentialRunner().run(pipe, catalog, session_id=f"run-{self._runs}")
        return sorted(seen)


_FEED = "TBLPROPERTIES (delta.enableChangeDataFeed = true)"


@pytest.mark.parametrize("kind", ["path", "name"])
@pytest.mark.parametrize("commits", [2, 3])
def test_a_table_that_was_made_anew_is_no_longer_the_one_that_was_read(
    classic: SparkSession, tmp_path: Path, kind: str, commits: int
) -> None:
    name = f"made_anew_{commits}" if kind == "name" else f"delta.`{tmp_path}/t`"
    entry = {
        "path": {"type": "spark.DeltaTableDataSet", "filepath": f"{tmp_path}/t"},
        "name": {"type": "spark.SparkTableDataSet", "table": name, "file_format": "delta"},
    }
    reader = Reader(tmp_path, **entry[kind])

    def make(*numbers: int) -> None:
        classic.sql(f"CREATE TABLE {name} (id BIGINT) USING delta {_FEED}")
        for number in numbers:
            classic.sql(f"INSERT INTO {name} VALUES ({number})")

    try:
        make(1, 2)
        assert reader.read() == [1, 2]
        classic.sql(f"INSERT INTO {name} VALUES (3)")
        assert reader.read() == [3]
        classic.sql(f"DROP TABLE {name}") if kind == "name" else shutil.rmtree(tmp_path / "t")
        make(*range(4, 5 + commits))
        with pytest.raises(RunFailedError, match=r"version 3 of another table.*\{since: start\}"):
            reader.read()
    finally:
        classic.sql(f"DROP TABLE IF EXISTS {name}")


def test_a_table_that_was_replaced_or_restored_goes_on(
    classic: SparkSession, tmp_path: Path
) -> None:
    name = f"delta.`{tmp_path}/t`"
    reader = Reader(tmp_path, type="spark.DeltaTableDataSet", filepath=f"{tmp_path}/t")
    replace = f"CREATE OR REPLACE TABLE {name} USING delta {_FEED} AS SELECT CAST"
    classic.sql(f"{replace}(1 AS BIGINT) AS id")
    assert reader.read() == [1]
    classic.sql(f"{replace}(2 AS BIGINT) AS id")
    classic.sql(f"INSERT INTO {name} VALUES (3)")
    assert reader.read() == [2, 3]
    classic.sql(f"RESTORE TABLE {name} TO VERSION AS OF 0")
    assert (reader.read(), reader.read()) == ([1], [])


def test_changes_are_told_since_the_start_a_time_or_a_version(
    classic: SparkSession, tmp_path: Path
) -> None:
    name = f"delta.`{tmp_path}/t`"
    classic.sql(f"CREATE TABLE {name} USING delta {_FEED} AS SELECT 1 AS id")
    classic.sql(f"INSERT INTO {name} VALUES (2)")

    def since(given: Any) -> list[int]:
        asked = {"changes": {"since": given}}
        frame = DeltaTableDataSet(f"{tmp_path}/t", load_args=asked).load()
        return sorted(row.id for row in frame.where("_change_type = 'insert'").collect())

    told = [since(one) for one in ("start", 0, 1, "2024-01-31", "2124-01-31 06:00:00")]
    assert told == [[1, 2], [2], [], [1, 2], []]
    with pytest.raises(DataSetError, match="since version 9, and the last version is 1"):
        since(9)


def test_a_version_that_vacuum_has_taken_is_refused_before_any_job(
    classic: SparkSession, tmp_path: Path
) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"))
    table.save(classic.range(3))
    table.save(classic.range(4))
    first = DeltaTableDataSet(str(tmp_path / "t"), load_args={"version": 0})
    assert first.load().count() == 3
    (found,) = find_tables(DataCatalog({"t": table}), ["t"])
    vacuum(classic, found, 0, below=True, dry_run=False)
    with pytest.raises(DataSetError, match=r"vacuum has removed \d of its \d files"):
        first.load()
    assert table.load().count() == 4
    files = {
        "type": "spark.SparkDataSet",
        "filepath": f"{tmp_path}/f",
        "checks": [{"not_null": "id"}],
    }
    other = DataCatalog.from_config({"f": files})
    with pytest.raises(DataSetError, match=r"'f' \(SparkDataSet, .*\) is no table of Delta"):
        find_tables(other, ["f"])
    with pytest.raises(DataSetError, match="no table of Delta in the catalog is called 'x\\*'"):
        find_tables(DataCatalog({"t": table}), ["x*"])
