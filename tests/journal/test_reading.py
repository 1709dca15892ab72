"""Journals read again: torn, foreign, newer, and by node."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import SparkpipeError
from sparkpipe.journal import Journal
from sparkpipe.journal.reading import RunNotFoundError
from sparkpipe.report.runs import Runs

START = {
    "schema": 1,
    "kind": "run_started",
    "plan": [
        {"name": "a", "inputs": ["x"], "outputs": ["y"]},
        {"name": "b", "inputs": ["y"], "outputs": ["z"]},
    ],
    "time": 100.0,
}


def write(path: Path, run_id: str, *nodes: dict[str, Any], end: str = "done", **start: Any) -> None:
    lines: list[Any] = [START | {"run_id": run_id} | start]
    lines += [
        {"kind": "node_ended", "started": 1.0, "ended": 2.0, "attempts": 1} | n for n in nodes
    ]
    if end:
        lines.append(
            {"kind": "run_ended", "run_id": run_id, "outcome": end, "counts": {}, "seconds": 3}
        )
    path.mkdir(exist_ok=True)
    (path / f"{run_id}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def done(node: str, seconds: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"node": node, "status": "done", "ended": 1.0 + seconds, **more}


def unchanged(node: str, since: str, **more: Any) -> dict[str, Any]:
    return {"node": node, "status": "unchanged", "since": since, **more}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path))


def test_the_last_run_comes_first(tmp_path: Path, journal: Journal) -> None:
    for run_id in ("2024-01-02", "2024-01-01", "2024-01-03"):
        write(tmp_path, run_id, done("a"))
    assert [record.run_id for record in journal] == ["2024-01-03", "2024-01-02", "2024-01-01"]
    assert journal.run().run_id == "2024-01-03"
    assert journal.run("2024-01-02").run_id == "2024-01-02"


def test_a_run_is_found_by_the_beginning_of_its_name(tmp_path: Path, journal: Journal) -> None:
    write(tmp_path, "2024-01-02", done("a"))
    write(tmp_path, "2024-02-01", done("a"))
    assert journal.run("2024-02").run_id == "2024-02-01"
    with pytest.raises(SparkpipeError, match=r"no run '2024' .* 2 runs begin so"):
        journal.run("2024")
    with pytest.raises(SparkpipeError, match=r"no run '2024-01-03' .*Did you mean '2024-01-02'"):
        journal.run("2024-01-03")


@pytest.mark.parametrize("run_id", ["", "..", "../x", "a\0b", "x" * 500])
def test_a_name_that_no_run_has_is_told(journal: Journal, run_id: str) -> None:
    with pytest.raises(SparkpipeError, match="There is no run"):
        journal.run(run_id)


def test_a_name_that_is_no_text_is_told(journal: Journal) -> None:
    name: Any = 3
    with pytest.raises(RunNotFoundError, match="named by a text, not by 3"):
        journal.run(name)


def test_without_runs_that_is_said(journal: Journal) -> None:
    assert [*journal] == []
    with pytest.raises(SparkpipeError, match="There is no run in"):
        journal.run()


def test_the_run_before_has_a_node_in_common(tmp_path: Path, journal: Journal) -> None:
    plans = [[{"name": name, "inputs": [], "outputs": []} for name in names] for names in "ab"]
    for number, node in enumerate("abab"):
        write(tmp_path, f"{number}", done(node), plan=plans["ab".index(node)])
    assert journal.before(journal.run("3")).run_id == "1"
    with pytest.raises(RunNotFoundError, match="Before the run '1' there is none"):
        journal.before(journal.run("1"))


def test_torn_lines_are_left_out_with_a_word(tmp_path: Path, journal: Journal) -> None:
    write(tmp_path, "r", done("a"), end="")
    with (tmp_path / "r.jsonl").open("a") as file:
        file.write('\x00\x00{"kind": "node_en')
    record = journal.run()
    assert record.nodes["a"].status == "done"
    assert record.outcome == "died"
    assert record.notes == ("1 line(s) could not be read and are left out",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with the start of a run"),
        ("hello\n", "does not begin with the start of a run"),
        ('{"kind": "node_started"}\n', "does not begin with the start of a run"),
        ('{"kind": "run_started", "schema": 2}\n', "a newer sparkpipe has written it (schema 2)"),
        ('{"kind": "run_started", "schema": 1}\n', "not as a run is written"),
        ('{"kind": "run_started", "schema": 1, "run_id": "x", "time": 1, "plan": 3}\n', "not as a"),
    ],
)
def test_foreign_and_newer_files_are_passed_over_with_a_word(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture, text: str, why: str
) -> None:
    write(tmp_path, "2024", done("a"))
    (tmp_path / "zzz.jsonl").write_text(text)
    (tmp_path / ".zzz.lock").write_text("")
    with caplog.at_level(logging.WARNING):
        assert [record.run_id for record in journal] == ["2024"]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("'zzz' in ")
    assert why in told
    assert journal.last_good(["a"])["a"].run_id == "2024"


def test_what_a_newer_version_adds_to_the_schema_is_passed_over(
    tmp_path: Path, journal: Journal
) -> None:
    saved = {"name": "y", "type": "T", "direction": "save", "seconds": 1, "mood": "fine"}
    write(
        tmp_path, "r", done("a", data_sets=[saved], mood="fine"), {"kind": "checked"}, mood="fine"
    )
    record = journal.run()
    assert record.nodes["a"].saved["y"].type == "T"
    assert record.notes == ()


def test_what_a_node_last_did_well_is_found_across_runs(tmp_path: Path, journal: Journal) -> None:
    write(tmp_path, "1", done("a", 5), done("b", 6))
    write(tmp_path, "2", done("a", 7), {"node": "b", "status": "failed"}, end="failed")
    write(tmp_path, "3", {"node": "a", "status": "failed"}, end="failed")
    found = journal.last_good(["a", "b", "c"])
    assert {name: (one.run_id, one.seconds) for name, one in found.items()} == {
        "a": ("2", 7.0),
        "b": ("1", 6.0),
    }


def test_other_environments_and_slices_do_not_count(tmp_path: Path, journal: Journal) -> None:
    write(tmp_path, "1", done("a"), environment="prod", slices={"day": "2024-01-01"})
    write(tmp_path, "2", done("a"), environment="dev", slices={"day": "2024-01-01"})
    write(tmp_path, "3", done("a"), environment="prod")
    day = {"day": "2024-01-01"}
    assert journal.last_good(["a"], day, "prod")["a"].run_id == "1"
    assert journal.last_good(["a"], None, "prod")["a"].run_id == "3"
    assert journal.last_good(["a"], None, None) == {}


def test_an_unchanged_node_did_what_it_did_when_it_ran(tmp_path: Path, journal: Journal) -> None:
    saved = {"name": "y", "type": "T", "direction": "save", "seconds": 1, "state": "s1"}
    loaded = {"name": "x", "type": "T", "direction": "load", "seconds": 1, "state": "l1"}
    write(tmp_path, "1", done("a", 5, data_sets=[loaded, saved]))
    write(tmp_path, "2", unchanged("a", "1"))
    assert journal.last_good(["a"])["a"].run_id == "1"
    # A look at it has found an input that is another one, and equal.
    write(tmp_path, "3", unchanged("a", "1", data_sets=[loaded | {"state": "l2"}]))
    found = journal.last_good(["a"])["a"]
    assert (found.run_id, found.seconds) == ("1", 5.0)
    assert (found.loaded["x"].state, found.saved["y"].state) == ("l2", "s1")
    # The run in which it ran was removed: nothing is known of it.
    (tmp_path / "1.jsonl").unlink()
    assert journal.last_good(["a"]) == {}


def test_runs_are_pruned_but_not_one_that_goes_on(tmp_path: Path, journal: Journal) -> None:
    from sparkpipe.io.saving.locks import hold

    for number in range(1, 6):
        write(tmp_path, str(number), done("a"))
    with hold(tmp_path / "1.jsonl"):
        assert journal.prune(2) == ["3", "2"]
        assert journal.names() == ["5", "4", "1"]


def test_old_runs_are_read_once(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(40):
        write(tmp_path, f"{number:03}", done("a" if number == 3 else "b"), environment="dev")
    assert journal.last_good(["a"], None, "dev")["a"].run_id == "003"
    # What an old file says now is not asked again, but for that of which it is known to tell.
    for number in range(25):
        if number != 3:
            (tmp_path / f"{number:03}.jsonl").write_text("gone")
    assert journal.last_good(["a", "never"], None, "dev")["a"].run_id == "003"
    assert not caplog.messages
    assert len(journal.names()) == 40
    (tmp_path / "003.jsonl").unlink()
    assert journal.last_good(["a"], None, "dev") == {}


def test_a_note_that_is_none_is_made_anew(tmp_path: Path, journal: Journal) -> None:
    for number in range(40):
        write(tmp_path, f"{number:03}", done("a" if number == 3 else "b"))
    for text in ("", "[]", "{", '{"schema": 1, "seen": 3}', '{"schema": 9, "seen": ["003"]}'):
        (tmp_path / ".index.json").write_text(text)
        assert journal.last_good(["a"])["a"].run_id == "003"


def test_an_old_run_that_comes_late_counts_and_a_late_unchanged_one_points_back(
    tmp_path: Path, journal: Journal
) -> None:
    for number in range(10, 60):
        write(tmp_path, f"{number:03}", done("b"))
    assert journal.last_good(["a"]) == {}
    write(tmp_path, "002", done("a", 5))  # of a machine whose clock is behind
    assert journal.last_good(["a"])["a"].run_id == "002"
    write(tmp_path, "059", unchanged("a", "002"))
    assert journal.last_good(["a"])["a"].run_id == "002"
    for number in range(60, 90):
        write(tmp_path, f"{number:03}", done("b"))
    assert journal.last_good(["a"])["a"].seconds == 5
    write(tmp_path, "088", done("a", 7))
    assert journal.last_good(["a"])["a"].run_id == "088"


HOSTILE: list[dict[str, Any]] = [
    {"time": "soon"},
    {"time": float("inf")},
    {"time": 1e300},
    {"slices": ["day"]},
    {"slices": {"day": {}}},
    {"environment": ["dev"]},
    {"pipeline": 3},
    {"params": 3},
    {"identities": {"a": 3}},
    {"identities": []},
    {"plan": [{"name": "a"}]},
    {"plan": [{"name": [], "inputs": [], "outputs": []}]},
    {"plan": [{"name": "", "inputs": [], "outputs": []}]},
    {"selection": {"tags": 3}},
    {"versions": None},
]


@pytest.mark.parametrize("start", HOSTILE)
def test_a_start_of_other_values_is_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, start: dict[str, Any]
) -> None:
    runs = Runs(str(tmp_path))
    write(tmp_path, "1", done("a"))
    write(tmp_path, "2", done("a"), **start)
    assert [record.run_id for record in runs] == ["1"]
    assert "'2' in " in caplog.text
    assert "it is not as a run is written: its '" in caplog.text
    assert "1" in runs._repr_html_()
    assert runs.last_good(["a"])["a"].run_id == "1"


@pytest.mark.parametrize(
    "line",
    [
        *("{}", "3", "[" * 100_000, "\\ud800", '{"kind": "run_ended"}', '{"kind": "node_ended"}'),
        '{"kind": "run_ended", "outcome": 3, "seconds": 1}',
        '{"kind": "run_ended", "outcome": "done", "seconds": NaN}',
        '{"kind": "node_started", "node": "b", "time": "now"}',
        '{"kind": "node_retried", "node": "b", "attempt": "x"}',
        '{"kind": "node_ended", "node": {}, "status": "done"}',
        '{"kind": "node_ended", "node": "", "status": "done"}',
        '{"kind": "node_ended", "node": "b", "status": []}',
        '{"kind": "node_ended", "node": "b", "status": "done", "started": Infinity}',
        '{"kind": "node_ended", "node": "b", "status": "done", "error": "none"}',
        '{"kind": "node_ended", "node": "b", "status": "done", "data_sets": [3]}',
        '{"kind": "node_ended", "node": "b", "status": "done", "data_sets": [{"name": 3}]}',
        '{"kind": "node_ended", "node": "b", "status": "done", "data_sets": '
        '[{"name": "y", "type": "T", "direction": "save", "rows": "many"}]}',
        '{"kind": "node_ended", "node": "b", "status": "done", "data_sets": '
        '[{"name": "y", "type": "T", "direction": "save", "columns": [["id", 3]]}]}',
        '{"kind": "node_ended", "node": "b", "status": "done", "jobs": [{"id": 1, "stages": '
        '[{"id": 1, "tasks": "many"}]}]}',
        '{"kind": "node_ended", "node": "b", "status": "done", "jobs": [{"stages": []}]}',
    ],
)
def test_a_line_of_other_values_is_left_out(tmp_path: Path, line: str) -> None:
    write(tmp_path, "r", done("a"), end="")
    with (tmp_path / "r.jsonl").open("a") as file:
        file.write(f"{line}\n")
    shown = Runs(str(tmp_path)).show()
    assert shown.record.nodes["a"].status == "done"
    assert shown.record.nodes["b"].status == "waiting"
    assert shown.record.notes == ("1 line(s) could not be read and are left out",)
    assert "a " in str(shown)
    assert "r" in str(Runs(str(tmp_path)).diff("r", "r"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_what_else_lies_in_the_folder_does_no_harm(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "1", done("a"))
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "gone.jsonl").symlink_to("nowhere")
    assert [record.run_id for record in journal] == ["1"]
    assert journal.last_good(["a"])["a"].run_id == "1"
    assert "'gone' in " in caplog.text
    assert "notes" not in caplog.text  # no run is called so


def test_what_is_no_run_is_not_pruned(tmp_path: Path, journal: Journal) -> None:
    for number in (7, 8, 9):
        write(tmp_path, str(number), done("a"))
    (tmp_path / "0_archive").mkdir()
    (tmp_path / "0_archive" / "report.txt").write_text("mine")
    (tmp_path / "0_notes.txt").write_text("mine")
    (tmp_path / "0_sales.jsonl").write_text('{"sales": 3}\n')
    (tmp_path / "0_days").mkdir()
    (tmp_path / "0_days" / "000001.jsonl").write_text('{"sales": 3}\n')
    (tmp_path / "0_killed.jsonl").write_text("")
    assert journal.prune(1) == ["8", "7", "0_killed"]
    assert (tmp_path / "0_sales.jsonl").read_text() == '{"sales": 3}\n'
    assert (tmp_path / "0_days" / "000001.jsonl").exists()
    assert (tmp_path / "0_archive" / "report.txt").read_text() == "mine"
    assert (tmp_path / "0_notes.txt").read_text() == "mine"


def test_segments_of_a_run_that_may_go_on_are_not_pruned(tmp_path: Path, journal: Journal) -> None:
    now = {"time": time.time()}
    for run_id, start in (("1", now), ("2", {}), ("3", now)):
        write(tmp_path, run_id, done("a"), end="", **start)
        (tmp_path / run_id).mkdir()
        (tmp_path / f"{run_id}.jsonl").rename(tmp_path / run_id / "000001.jsonl")
    assert [record.outcome for record in journal] == ["unfinished"] * 3
    assert journal.prune(1) == ["2"]
    assert journal.names() == ["3", "1"]
