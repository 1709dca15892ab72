"""Names of tables: in one to three parts, quoted, and none that leads elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.datasets.databricks import ManagedTableDataSet
from sparkpipe.datasets.spark import SparkHiveDataSet, SparkTableDataSet
from sparkpipe.datasets.spark.names import TableName, quoted
from sparkpipe.errors import DataSetError, PreflightError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import is_transactional, save_effect, target_of
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

HOSTILE = [
    *("", " ", "a b", "../a", "/etc/passwd", "a/b", "a\\b", "a\0b", "a\nb", "a\x7f", "a`b", "`"),
    *("a..b", ".a", "a.", "a.b.c.d", "x" * 256, "orders; DROP TABLE orders", "a.`b", "a -- b"),
]


def names() -> st.SearchStrategy[str]:
    allowed = st.characters(exclude_characters="./\\`", exclude_categories=("C", "Z"))
    return st.text(allowed, min_size=1, max_size=30)


@given(st.lists(names(), min_size=1, max_size=3))
def test_a_name_is_the_same_in_parts_as_a_whole_and_quoted(parts: list[str]) -> None:
    whole = TableName.of(".".join(parts))
    assert whole.parts == tuple(parts)
    assert TableName.of(str(whole)) == TableName.of(whole.sql) == whole
    table, *others = reversed(parts)
    assert TableName.of(table, *others) == whole


@given(st.lists(names(), min_size=1, max_size=3))
def test_nothing_in_a_name_ends_its_quotes(parts: list[str]) -> None:
    assert re.sub(r"`[^`]*`", "x", TableName.of(".".join(parts)).sql) == ".".join("x" * len(parts))


@given(st.text())
def test_any_text_is_a_name_that_may_be_a_folder_or_is_refused(text: str) -> None:
    try:
        name = TableName.of(text)
    except DataSetError:
        return
    for part in name.parts:
        assert part
        assert part not in (".", "..")
        assert not set(part) & set("/\\`\0 ")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name: str) -> None:
    for make in (
        lambda: SparkTableDataSet(name),
        lambda: SparkTableDataSet("t", database=name or "a b"),
        lambda: SparkTableDataSet("t", database="d", catalog=name or "a b"),
        lambda: ManagedTableDataSet(name),
        lambda: SparkHiveDataSet("d", name),
    ):
        with pytest.raises(DataSetError, match=r"cannot be a name|more than three parts"):
            make()


def test_columns_of_any_name_are_quoted() -> None:
    assert quoted("a`b") == "`a``b`"


def test_a_catalog_needs_a_database() -> None:
    with pytest.raises(DataSetError, match=r"'main' needs a database, too.*catalog.database.table"):
        SparkTableDataSet("orders", catalog="main")


@pytest.mark.parametrize(
    ("data_set", "name"),
    [
        (SparkTableDataSet("orders"), "orders"),
        (SparkTableDataSet("main.sales.orders"), "main.sales.orders"),
        (SparkTableDataSet("sales.orders", catalog="main"), "main.sales.orders"),
        (SparkTableDataSet("orders", "main", "sales"), "main.sales.orders"),
        (ManagedTableDataSet("orders"), "default.orders"),
        (ManagedTableDataSet("orders", "main"), "main.default.orders"),
        (ManagedTableDataSet("orders", database="sales"), "sales.orders"),
        (ManagedTableDataSet("sales.orders"), "sales.orders"),
        (SparkHiveDataSet("sales", "orders"), "sales.orders"),
    ],
)
def test_what_table_is_meant(data_set: SparkTableDataSet, name: str) -> None:
    assert data_set._describe()["table"] == name
    assert name in str(data_set)


# What else uses the table


def test_one_table_is_seen_as_one() -> None:
    same = [
        SparkTableDataSet("orders"),
        SparkTableDataSet("`Orders`"),
        SparkTableDataSet("spark_catalog.default.ORDERS"),
        ManagedTableDataSet("orders"),
        SparkHiveDataSet("default", "orders"),
    ]
    assert {target_of(one) for one in same} == {"table:orders"}
    others = [SparkTableDataSet("a.orders"), SparkTableDataSet("main.default.orders")]
    assert len({target_of(one) for one in (*same, *others)}) == 3


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ({}, "keep"),
        ({"write_mode": "append"}, "append"),
        ({"write_mode": "overwrite"}, "replace"),
        ({"write_mode": "upsert", "primary_key": "id"}, "merge"),
        ({"write_mode": "ignore"}, "keep"),
    ],
)
def test_what_a_save_does_with_what_is_there(options: dict[str, Any], mode: str) -> None:
    entry = {"type": "spark.SparkTableDataSet", "table": "t", **options}
    for versioned in (False, True):
        catalog = DataCatalog.from_config({"t": {**entry, "versioned": versioned}})
        assert save_effect(catalog["t"]) == mode


def test_tables_of_delta_are_transactional_and_those_of_hive_are_not() -> None:
    assert is_transactional(SparkTableDataSet("t"))
    assert not is_transactional(SparkHiveDataSet("d", "t"))


def test_two_nodes_that_write_one_table_are_found_before_the_run() -> None:
    catalog = DataCatalog(
        {
            "one": SparkTableDataSet("sales.orders", write_mode="overwrite"),
            "other": ManagedTableDataSet("Orders", database="sales", write_mode="overwrite"),
        },
        feed_dict={"x": 1},
    )
    pipe = pipeline([node(id, "x", "one", name="a"), node(id, "x", "other", name="b")])
    with pytest.raises(PreflightError, match=r"'a' and 'b' both write sales.orders"):
        SequentialRunner().run(pipe, catalog)


def test_an_output_for_reading_only_is_found_before_the_run() -> None:
    entry = {"type": "databricks.ManagedTableDataSet", "table": "orders"}
    for entries in ({"orders": entry}, {"orders": {"type": "CachedDataSet", "dataset": entry}}):
        catalog = DataCatalog.from_config(entries)
        catalog.add_feed_dict({"x": 1})
        pipe = pipeline([node(id, "x", "orders", name="make")])
        with pytest.raises(PreflightError) as caught:
            SequentialRunner().run(pipe, catalog)
        assert str(caught.value) == (
            "Output 'orders' of node 'make' (ManagedTableDataSet): the table default.orders is "
            "for reading only, as it has no write_mode. "
            "Give write_mode: overwrite, append or upsert."
        )
