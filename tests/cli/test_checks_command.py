"""``sparkpipe checks``: what was found, and what would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml
from in_process import Ended, call

PIPELINES = """
from sparkpipe.pipeline import node, pipeline


def register_pipelines():
    return {"__default__": pipeline([node(lambda raw: raw, "raw", "trips", name="clean")])}
"""
CHECKS = [
    {"check": "fare >= 0", "name": "fare", "on_fail": "quarantine"},
    {"not_null": "id"},
    {"rows": {"min": 1, "change": 0.2}},
]


def _project(folder: Path, files: dict[str, str]) -> Callable[[str], Ended]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def do(command: str) -> Ended:
        return call("sparkpipe", command.split(), folder, {})

    return do


def test_checks_are_run_listed_suggested_and_compared_with_the_last_good_run(
    tmp_path: Path,
) -> None:
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "my_package"\n',
        "my_package/pipeline_registry.py": PIPELINES,
        "conf/base/catalog.yml": yaml.safe_dump(
            {
                "raw": {"type": "pandas.CSVDataSet", "filepath": "raw.csv"},
                "trips": {
                    "type": "pandas.CSVDataSet",
                    "filepath": "trips.csv",
                    "checks": CHECKS,
                },
            }
        ),
        "raw.csv": "id,fare,api_key\n1,5,a\n2,-1,b\n3,4,c\n",
    }
    do = _project(tmp_path, files)
    assert "There is no run in" in do("checks list").err
    ended = do("run")
    assert ended.status == 0, ended.text
    assert "'trips', check 'fare': 1 of 3 rows did not pass" in ended.text
    ended = do("checks list")
    assert "fare" in ended.text
    assert "not_null id" in ended.text
    ended = do("checks list --failed")
    assert "1 of 3 rows did not pass: fare >= 0; see" in ended.text
    assert "not_null id" not in ended.text
    assert "Checks that were not passed:" in do("runs show").text
    ended = do("checks rejected trips")
    assert "2" in ended.text
    assert "***" in ended.text
    assert "b" not in ended.text.splitlines()[1].split()
    ended = do("checks suggest raw")
    assert {"unique": ["id"]} in yaml.safe_load(ended.out)["checks"]
    assert do("checks run trips").status == 0
    assert "3 checks" in do("plan").text
    (tmp_path / "raw.csv").write_text("id,fare,api_key\n1,5,a\n")
    ended = do("run")
    assert ended.status == 1
    assert "1 row, more than 20% off the 3 of the last good run" in ended.text
    (tmp_path / "trips.csv").write_text("id,fare\n,5\n")
    ended = do("checks run trips")
    assert ended.status == 1
    assert "not_null id" in ended.text
    (tmp_path / "trips.csv").unlink()
    ended = do("checks run trips")
    assert ended.status == 2
    assert "Could not load 'trips' (CSVDataSet" in ended.text
    ended = do("checks run raw")
    assert "The entry of 'raw' has no checks. See: sparkpipe checks suggest raw" in ended.text


def test_what_is_only_read_is_compared_with_what_the_last_good_run_read(tmp_path: Path) -> None:
    raw = {"type": "pandas.CSVDataSet", "filepath": "raw.csv"}
    checked = {**raw, "checks": [{"rows": {"change": 0.2}}]}
    do = _project(
        tmp_path,
        {
            "pyproject.toml": '[tool.sparkpipe]\npackage_name = "my_package"\n',
            "my_package/pipeline_registry.py": PIPELINES,
            "conf/base/catalog.yml": yaml.safe_dump(
                {"raw": checked, "trips": {**raw, "filepath": "trips.csv"}}
            ),
            "raw.csv": "id\n1\n2\n3\n",
        },
    )
    assert do("run").status == 0
    (tmp_path / "raw.csv").write_text("id\n1\n")
    ended = do("run")
    assert ended.status == 1
    assert "1 row, more than 20% off the 3 of the last good run" in ended.text


def test_a_stream_that_has_no_end_to_look_at_is_told_without_spark(tmp_path: Path) -> None:
    stream = {
        "type": "spark.SparkStreamingDataSet",
        "filepath": "trips",
        "file_format": "delta",
        "save_args": {"checkpoint": "checkpoint"},
        "checks": [{"not_null": "id"}],
    }
    do = _project(
        tmp_path,
        {
            "pyproject.toml": '[tool.sparkpipe]\npackage_name = "my_package"\n',
            "my_package/pipeline_registry.py": PIPELINES,
            "conf/base/catalog.yml": yaml.safe_dump({"trips@stream": stream}),
        },
    )
    for command in ("run", "suggest"):
        ended = do(f"checks {command} trips@stream")
        assert ended.status != 0
        assert "'trips@stream' is a stream, which has no end to look at." in ended.text
