"""The settings of a session: the local profile, Delta, and the user's own on top."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from sparkpipe.spark import session as spark_session
from sparkpipe.spark.session import effective_settings, local_profile

DELTA = "io.delta.sql.DeltaSparkSessionExtension"


@pytest.fixture
def without_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    real = spark_session.find_spec
    monkeypatch.setattr(
        spark_session, "find_spec", lambda name: None if name == "delta" else real(name)
    )


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
    monkeypatch.setattr(spark_session, "installed_version", versions.__getitem__)
    assert effective_settings({})["spark.jars.packages"] == "io.delta:delta-spark_4.9_2.13:4.7.1"


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
    assert settings == {**local_profile(), "spark.app.name": "x"}
    assert "delta" not in str({k: v for k, v in settings.items() if "databricks" not in k})


def test_the_users_settings_are_not_changed() -> None:
    own = {"spark.sql.extensions": "my.Extension"}
    effective_settings(own)
    assert own == {"spark.sql.extensions": "my.Extension"}


def test_numbers_and_booleans_of_yaml_become_properties() -> None:
    from sparkpipe.spark.session import SparkProvider

    provider = SparkProvider({"spark.ui.enabled": False, "spark.sql.shuffle.partitions": 8})
    assert provider._settings == {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "8",
    }
