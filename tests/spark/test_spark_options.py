"""What spark.yml may say beside Spark's own properties."""

from __future__ import annotations

from typing import Any

import pytest

from sparkpipe.config import Configuration
from sparkpipe.errors import ConfigError, PreflightError
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.start.properties import Pool, SparkOptions, read_settings


def _refused(key: str, value: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read_settings({key: value})
    assert f"'{key}'" in str(caught.value)
    return str(caught.value)


def test_by_default_there_are_no_pools_and_shared_frames_are_persisted() -> None:
    assert SparkProvider().options == SparkOptions((), "MEMORY_AND_DISK_DESER", "local", None)


def test_numbers_booleans_and_lists_of_yaml_become_properties() -> None:
    _, properties = read_settings(
        {
            "spark.ui.enabled": False,
            "spark.sql.shuffle.partitions": 8,
            "spark.jars.packages": ["org.a:a:1", "org.b:b:2"],
            "spark.jars": None,
        }
    )
    assert properties == {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "8",
        "spark.jars.packages": "org.a:a:1,org.b:b:2",
    }


@pytest.mark.parametrize(
    ("value", "pools"),
    [
        ({"heavy": 1, "light": 3}, (Pool("heavy", 1), Pool("light", 3))),
        ({"heavy": {"weight": 2, "minShare": 4}}, (Pool("heavy", 2, 4),)),
        ({"heavy": {"minShare": 1}}, (Pool("heavy", 1, 1),)),
        (["heavy", "light"], (Pool("heavy"), Pool("light"))),
        (None, ()),
    ],
)
def test_pools_are_given_as_a_mapping_or_a_list(value: Any, pools: tuple[Pool, ...]) -> None:
    options = SparkProvider({"spark.pools": value}).options
    assert options.pools == pools
    assert options.pool_names == tuple(pool.name for pool in pools)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("disk_only", "DISK_ONLY"),
        ("MEMORY_ONLY_2", "MEMORY_ONLY_2"),
        (True, "MEMORY_AND_DISK_DESER"),
        (False, None),
        (None, None),
    ],
)
def test_persist_is_a_storage_level_or_off(value: Any, level: str | None) -> None:
    assert SparkProvider({"spark.persist": value}).options.persist == level


def test_every_storage_level_is_one_of_sparks() -> None:
    from pyspark import StorageLevel

    from sparkpipe.spark.start.properties import STORAGE_LEVELS

    known = {name for name in vars(StorageLevel) if name.isupper()} - {"NONE"}
    assert set(STORAGE_LEVELS) == known


def test_our_options_never_reach_spark() -> None:
    _, properties = read_settings(
        {
            "spark.pools": ["a"],
            "spark.persist": False,
            "spark.profile": "dev",
            "spark.remote": "sc://host",
        }
    )
    assert properties == {}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("spark.pools", "heavy", "must be a mapping of names to weights"),
        ("spark.pools", {"a b": 1}, "has a pool named 'a b'"),
        ("spark.pools", {"<x>": 1}, "has a pool named '<x>'"),
        ("spark.pools", ["a", 3], "has a pool named 3"),
        ("spark.pools", {"a": 0}, "gives pool 'a' the weight 0"),
        ("spark.pools", {"a": 1.5}, "gives pool 'a' the weight 1.5"),
        ("spark.pools", {"a": {"minShare": -1}}, "gives pool 'a' the minShare -1"),
        ("spark.pools", {"a": {"minshare": 1}}, "Did you mean 'minShare'?"),
        ("spark.persist", "MEMORY", "is 'MEMORY', which is no storage level"),
        ("spark.persist", "MEMORY_AND_DSK", "Did you mean 'MEMORY_AND_DISK'?"),
        ("spark.profile", "devel", "Did you mean 'dev'?"),
        ("spark.profile", True, "is True, which is no profile"),
        ("spark.remote", "host:15002", "must be the address of a Spark Connect server"),
        ("spark.pool", ["a"], "Did you mean 'spark.pools'?"),
        ("spark.pools.heavy", 1, "'spark.pools' takes its value as a whole"),
        ("pools", ["a"], "Did you mean 'spark.pools'?"),
        ("fs.s3a.path", "x", "For Hadoop write spark.hadoop.<name>"),
        ("spark.sql", {"shuffle": 1}, "must be a single value"),
    ],
)
def test_what_is_wrong_is_told_with_the_way_out(key: str, value: Any, told: str) -> None:
    assert told in _refused(key, value)


@pytest.mark.parametrize("key", ["spark.jars", "spark.home", "spark.plugins", "spark.files"])
def test_short_properties_of_spark_are_no_misspellings(key: str) -> None:
    assert read_settings({key: "x"})[1] == {key: "x"}


@pytest.mark.parametrize(
    ("key", "value"),
    [("spark.scheduler.mode", "FIFO"), ("spark.scheduler.allocation.file", "/etc/pools.xml")],
)
def test_pools_are_refused_beside_what_would_void_them(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=r"spark\.pools"):
        read_settings({"spark.pools": ["a"], key: value})
    read_settings({key: value})


def test_all_problems_are_told_at_once_with_file_and_line() -> None:
    settings = Configuration(
        {"spark.persist": "no", "spark.profile": "no"}, {"spark.persist": "conf/base/spark.yml:3"}
    )
    with pytest.raises(PreflightError) as caught:
        read_settings(settings)
    first, second = caught.value.problems
    assert first.startswith("conf/base/spark.yml:3: 'spark.persist' is 'no'")
    assert second.startswith("'spark.profile'")
