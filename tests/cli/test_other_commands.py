"""``check``, ``registry``, ``catalog``, ``--version`` and ``--help``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_project import ShopProject, make_java

from sparkpipe import __version__


def test_version_and_help_need_no_project(tmp_path: Path) -> None:
    here = ShopProject(tmp_path)

    assert here.command("--version").out.strip() == f"sparkpipe {__version__}"
    said = here.command("--help")
    assert said.status == 0
    for command in ("run", "check", "registry", "catalog"):
        assert command in said.out


def test_version_and_help_load_neither_project_nor_library() -> None:
    code = (
        "import sys\n"
        "from sparkpipe.cli.main import cli\n"
        "try:\n    cli(['run', '--help'], prog_name='sparkpipe')\nexcept SystemExit:\n    pass\n"
        "print({'yaml', 'fsspec', 'pandas', 'pyspark', 'pluggy'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip().endswith("set()")


def test_installed_command_is_the_same() -> None:
    command = Path(sys.executable).with_name("sparkpipe")
    ended = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == f"sparkpipe {__version__}"


def test_check_of_a_sound_project(shop: ShopProject) -> None:
    ended = shop.command("check")

    assert ended.status == 0
    assert "No problems in 2 pipelines, 3 nodes and 3 catalog entries." in ended.out


def test_check_judges_entries_that_no_pipeline_uses(shop: ShopProject) -> None:
    shop.write("conf/base/catalog_more.yml", "spare:\n  type: json.JSONDataSet\n")

    assert shop.command("run").status == 0
    ended = shop.command("check")

    assert ended.status == 2
    assert "'spare' (conf/base/catalog_more.yml:1): JSONDataSet needs the option" in ended.err


def test_check_of_one_pipeline_judges_only_that(shop: ShopProject) -> None:
    shop.replace(
        "shop/nodes.py", "def shout(report)", "def shout(report):\n    pass\n\ndef spare(report)"
    )
    shop.replace("conf/base/catalog.yml", "filepath: data/report.json", "filepth: data/report.json")

    assert shop.command("check", "--pipeline", "first").status == 0
    assert shop.command("check").status == 2


def test_check_does_not_take_what_another_pipeline_makes_for_missing(shop: ShopProject) -> None:
    shop.replace(
        "shop/pipeline_registry.py",
        '"first": whole.only_nodes("double")',
        '"last": whole.only_nodes("total")',
    )

    assert shop.command("check").status == 0
    assert "the file does not exist" in shop.command("check", "-p", "last").err


def test_check_finds_spark_problems_without_starting_a_jvm(
    shop: ShopProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = shop.path / "started"
    home = make_java(shop.path / "jdk", 'JAVA_VERSION="17.0.9"\n', f"touch '{started}'; exit 1")
    monkeypatch.setenv("JAVA_HOME", str(home))
    shop.replace(
        "conf/base/catalog.yml",
        "doubled:\n  type: json.JSONDataSet\n  filepath: data/doubled.json",
        "doubled:\n  type: spark.SparkDataSet\n  filepath: data/doubled\n  file_format: parqet\n"
        "  save_args: {mode: overwrit}",
    )
    ended = shop.command("check")

    assert ended.status == 2
    assert "file_format 'parqet' is not known. Did you mean 'parquet'?" in ended.err
    assert "mode 'overwrit' is not known. Did you mean 'overwrite'?" in ended.err
    assert not started.exists()


def test_check_judges_for_a_runner(shop: ShopProject) -> None:
    shop.replace(
        "conf/base/catalog.yml",
        "doubled:\n  type: json.JSONDataSet\n  filepath: data/doubled.json",
        "doubled:\n  type: spark.SparkDataSet\n  filepath: data/doubled",
    )

    ended = shop.command("check", "--runner", "ParallelRunner")

    assert ended.status == 2
    assert "'doubled' (SparkDataSet)" in ended.err
    assert "ThreadRunner" in ended.err


def test_registry_list_and_describe(shop: ShopProject) -> None:
    assert shop.command("registry", "list").out == "__default__  3 nodes\nfirst        1 node\n"
    described = shop.command("registry", "describe", "first").out
    assert "Inputs: numbers, params:factor" in described
    assert "double: double([numbers,params:factor]) -> [doubled]" in described
    assert "Outputs: doubled" in described

    unknown = shop.command("registry", "describe", "frist")
    assert unknown.status == 2
    assert "Did you mean 'first'?" in unknown.err


def test_info_tells_versions_places_and_java_also_without_a_project(
    shop: ShopProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = shop.command("info")
    assert told.status == 0
    rows = dict(line.split(maxsplit=1) for line in told.out.splitlines() if "  " in line)
    assert rows["sparkpipe"] == __version__
    assert rows["Project"] == str(shop.path)
    assert rows["Configuration"] == str(shop.path / "conf")
    assert "Plugins" in told.out

    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("SPARK_REMOTE", "sc://host:443/;token=s3cr3t")
    elsewhere = ShopProject(tmp_path).command("info")
    assert elsewhere.status == 0
    assert "none: There is no sparkpipe project" in elsewhere.out
    assert "has no bin/java" in elsewhere.out
    assert "sc://host:443" in elsewhere.out
    assert "s3cr3t" not in elsewhere.text


def test_credentials_are_shown_nowhere(shop: ShopProject) -> None:
    shop.write("conf/local/credentials.yml", "store:\n  key: s3cr3t-value\n")
    shop.replace("conf/base/catalog.yml", "report.json", "report.json\n  credentials: store")
    shop.replace("shop/nodes.py", "sum(doubled)", "1 / 0")

    shown = [
        shop.command(*words).text
        for words in (
            ["run", "--verbose"],
            ["catalog", "list"],
            ["catalog", "describe", "report"],
            ["catalog", "resolve"],
            ["check"],
            ["registry", "list"],
            ["info"],
        )
    ]
    shown.append(shop.read("logs/sparkpipe.log"))

    assert "s3cr3t" not in "".join(shown)
