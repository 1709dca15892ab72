"""The settings of a session: the local profile, Delta, and the user's own on top."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sparkpipe.spark.start import jars
from sparkpipe.spark.start.profile import effective_settings, local_profile
from sparkpipe.spark.start.properties import SparkOptions

DELTA = "io.delta.sql.DeltaSparkSessionExtension"


JAVA_OPTIONS = "spark.driver.extraJavaOptions"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder in which nothing is kept yet."""
    monkeypatch.setenv(jars.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def without_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    real = jars.find_spec
    monkeypatch.setattr(jars, "find_spec", lambda name: None if name == "delta" else real(name))


def test_by_default_the_local_profile_with_delta() -> None:
    settings = effective_settings({})
    assert local_profile().items() <= settings.items()
    assert settings["spark.sql.extensions"] == DELTA
    assert settings["spark.sql.catalog.spark_catalog"].startswith("org.apache.spark.sql.delta.")
    assert settings["spark.jars.packages"].startswith("io.delta:delta-spark_")


def test_servers_listen_on_loopback_and_the_console_stays_free() -> None:
    settings = effective_settings({})
    assert settings["spark.driver.bindAddress"] == settings["spark.driver.host"] == "127.0.0.1"
    assert settings["spark.ui.showConsoleProgress"] == "false"


def test_the_package_of_delta_fits_the_versions_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"pyspark": "4.9.3", "delta-spark": "4.7.1"}
    monkeypatch.setattr(jars, "installed_version", versions.__getitem__)
    assert effective_settings({})["spark.jars.packages"] == "io.delta:delta-spark_4.9_2.13:4.7.1"


def test_few_tasks_list_a_folder_where_there_is_one_machine() -> None:
    name = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
    assert int(effective_settings({})[name]) <= 16
    assert effective_settings({name: "500"})[name] == "500"
    assert name not in effective_settings({"spark.master": "spark://host:7077"})


def test_hive_makes_partitions_unless_the_user_says_otherwise() -> None:
    mode = "spark.hadoop.hive.exec.dynamic.partition.mode"
    assert effective_settings({})[mode] == "nonstrict"
    assert effective_settings({mode: "strict"})[mode] == "strict"


def test_the_users_settings_win() -> None:
    own = {
        "spark.master": "spark://host:7077",
        "spark.scheduler.mode": "FIFO",
        "spark.sql.catalog.spark_catalog": "my.Catalog",
        "spark.jars.ivySettings": "/etc/ivy.xml",
        "spark.executor.memory": "4g",
    }
    assert own.items() <= effective_settings(own).items()


def test_extensions_and_packages_of_the_user_are_kept_beside_those_of_delta() -> None:
    settings = effective_settings(
        {"spark.sql.extensions": "my.Extension", "spark.jars.packages": "org.my:package:1.0"}
    )
    assert settings["spark.sql.extensions"] == f"my.Extension,{DELTA}"
    first, second = settings["spark.jars.packages"].split(",")
    assert first == "org.my:package:1.0"
    assert second.startswith("io.delta:delta-spark_")


def test_nothing_of_delta_is_named_twice() -> None:
    own = {
        "spark.sql.extensions": DELTA,
        "spark.jars.packages": "io.delta:delta-spark_4.0_2.13:4.0.0",
    }
    settings = effective_settings(own)
    assert settings["spark.sql.extensions"] == DELTA
    assert settings["spark.jars.packages"] == own["spark.jars.packages"]


def test_jars_of_delta_replace_the_package() -> None:
    jars = "/jars/delta-spark_4.2_2.13-4.4.0.jar,/jars/delta-storage-4.4.0.jar"
    settings = effective_settings({"spark.jars": jars})
    assert settings["spark.jars"] == jars
    assert "spark.jars.packages" not in settings
    assert settings["spark.sql.extensions"] == DELTA


def test_other_jars_do_not() -> None:
    assert "io.delta" in effective_settings({"spark.jars": "/jars/my.jar"})["spark.jars.packages"]


def test_packages_come_from_maven_central_only() -> None:
    path = Path(effective_settings({})["spark.jars.ivySettings"])
    document = ElementTree.parse(path)
    roots = [e.get("root", "") for e in document.iter() if e.tag in ("ibiblio", "url")]
    assert all("spark-packages" not in root for root in roots)
    assert "spark-packages" not in path.read_text()


def test_repositories_of_the_user_are_not_hidden_by_our_ivy_settings() -> None:
    settings = effective_settings({"spark.jars.repositories": "https://maven.example.org"})
    assert "spark.jars.ivySettings" not in settings


def test_without_delta_nothing_of_it_is_set(without_delta: None) -> None:
    settings = effective_settings({"spark.app.name": "x"})
    listing = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
    tasks = {listing: local_profile()["spark.sql.shuffle.partitions"]}
    assert settings == {**local_profile(), **tasks, "spark.app.name": "x"}
    assert "delta" not in str({k: v for k, v in settings.items() if "databricks" not in k})


def test_the_users_settings_are_not_changed() -> None:
    own = {"spark.sql.extensions": "my.Extension"}
    effective_settings(own)
    assert own == {"spark.sql.extensions": "my.Extension"}


# Delta's jars, once they are kept


def _resolved(folder: Path) -> list[str]:
    """Jars as Spark's resolver leaves them."""
    _, artifact, version = str(jars.delta_package()).split(":")
    names = [
        f"io.delta_{artifact}-{version}.jar",
        f"io.delta_delta-storage-{version}.jar",
        "org.roaringbitmap_shims-0.9.25.jar",
    ]
    for name in names:
        (folder / name).write_text(name)
    return [(folder / name).as_uri() for name in names]


@pytest.fixture
def kept(tmp_path: Path) -> list[str]:
    """The jars of Delta as they lie in the cache."""
    package = str(jars.delta_package())
    jars.keep_jars(package, _resolved(tmp_path))
    return [str(path) for path in jars.kept_jars(package)]


def test_jars_that_are_kept_go_on_the_class_path(kept: list[str]) -> None:
    settings = effective_settings({})
    assert settings["spark.driver.extraClassPath"] == os.pathsep.join(kept)
    assert "spark.jars.packages" not in settings
    assert settings["spark.sql.extensions"] == DELTA


def test_only_jars_of_delta_itself_are_kept(kept: list[str]) -> None:
    assert len(kept) == 2
    assert all(Path(path).name.startswith("io.delta_") for path in kept)


def test_the_users_class_path_stays_beside_them(kept: list[str]) -> None:
    settings = effective_settings({"spark.driver.extraClassPath": "/my/classes"})
    assert settings["spark.driver.extraClassPath"] == os.pathsep.join([*kept, "/my/classes"])


@pytest.mark.parametrize("master", ["spark://host:7077", "local-cluster[2,1,1024]", "yarn"])
def test_where_executors_need_the_jars_too_they_stay_a_package(
    kept: list[str], master: str
) -> None:
    settings = effective_settings({"spark.master": master})
    assert settings["spark.jars.packages"] == jars.delta_package()
    assert "spark.driver.extraClassPath" not in settings


def test_beside_packages_of_the_user_they_stay_a_package(kept: list[str]) -> None:
    # The class loader of packages sees Delta, but the class path would not see them.
    settings = effective_settings({"spark.jars.packages": "org.my:package:1.0"})
    assert settings["spark.jars.packages"] == f"org.my:package:1.0,{jars.delta_package()}"
    assert "spark.driver.extraClassPath" not in settings


def test_jars_of_another_version_are_not_taken(
    kept: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"pyspark": "4.9.3", "delta-spark": "4.7.1"}
    monkeypatch.setattr(jars, "installed_version", versions.__getitem__)
    assert effective_settings({})["spark.jars.packages"] == "io.delta:delta-spark_4.9_2.13:4.7.1"


def test_nothing_is_kept_of_a_resolution_without_delta(tmp_path: Path, cache: Path) -> None:
    package = str(jars.delta_package())
    jars.keep_jars(package, [*_resolved(tmp_path)[1:], ""])
    assert jars.kept_jars(package) == ()
    assert not cache.exists()


def test_keeping_them_twice_changes_nothing(tmp_path: Path, kept: list[str], cache: Path) -> None:
    package = str(jars.delta_package())
    jars.keep_jars(package, _resolved(tmp_path))
    assert [str(path) for path in jars.kept_jars(package)] == kept
    assert len(list((cache / "jars").iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_left_out(tmp_path: Path, cache: Path) -> None:
    cache.write_text("a file in the way")
    jars.keep_jars(str(jars.delta_package()), _resolved(tmp_path))
    assert effective_settings({})["spark.jars.packages"] == jars.delta_package()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_packages_are_resolved_by_one_process_at_a_time(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sparkpipe.spark.start.jars")
    order: list[str] = []

    def resolve() -> None:
        with jars.resolving({"spark.jars.packages": "a:b:1"}):
            order.append("second")

    with jars.resolving({"spark.jars.packages": "a:b:1"}):
        other = threading.Thread(target=resolve)
        other.start()
        with jars.resolving({}):  # resolves nothing: need not wait
            pass
        while not caplog.messages and other.is_alive():
            time.sleep(0.01)
        order.append("first")
    other.join(timeout=10)
    assert order == ["first", "second"]
    assert caplog.messages == ["Waiting for another process that resolves packages of Spark..."]


def test_a_cache_that_cannot_be_written_keeps_nothing_from_being_resolved(cache: Path) -> None:
    cache.write_text("a file in the way")
    with jars.resolving({"spark.jars.packages": "a:b:1"}):
        pass


# Profiles


def test_the_dev_profile_is_for_short_work() -> None:
    options = effective_settings({}, SparkOptions(profile="dev"))[JAVA_OPTIONS].split()
    assert "-XX:TieredStopAtLevel=1" in options
    assert "-XX:+UseSerialGC" in options
    assert JAVA_OPTIONS not in effective_settings({})


def test_the_users_options_of_java_come_last() -> None:
    own = {JAVA_OPTIONS: "-XX:TieredStopAtLevel=4 -Da=b"}
    settings = effective_settings(own, SparkOptions(profile="dev"))
    assert settings[JAVA_OPTIONS].startswith("-XX:TieredStopAtLevel=1 ")
    assert settings[JAVA_OPTIONS].endswith(" -XX:TieredStopAtLevel=4 -Da=b")
    assert effective_settings(own)[JAVA_OPTIONS] == own[JAVA_OPTIONS]


def test_a_collector_of_the_user_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    dev = SparkOptions(profile="dev")
    settings = effective_settings({JAVA_OPTIONS: "-XX:+UseZGC"}, dev)
    assert "Serial" not in settings[JAVA_OPTIONS]
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:+UseParallelGC")
    assert "Serial" not in effective_settings({}, dev)[JAVA_OPTIONS]
