"""What is known of slices, and runs of those that are in a state. None of it needs Spark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import ConfigError, PreflightError, SlicesFailedError
from sparkpipe.pipeline import node
from sparkpipe.report.slices import SliceGrid
from sparkpipe.session import Session

Make = Callable[..., Session]

CHAIN = """
raw: {type: json.JSONDataSet, filepath: "data/raw/${slice:day}.json"}
clean: {type: json.JSONDataSet, filepath: "data/clean/${slice:day}.json"}
scaled: {type: json.JSONDataSet, filepath: "data/scaled/${slice:day}.json"}
"""


def double(x: Any) -> Any:
    return 2 * x


def fails_on_two(x: int) -> int:
    if x == 2:
        raise ValueError("two is too many")
    return x


def scale(x: int, factor: int) -> int:
    return x * factor


def states(grid: SliceGrid) -> dict[str, list[str]]:
    return {row.slices["day"][-1]: [cell.state for cell in row.cells] for row in grid}


def why(grid: SliceGrid) -> dict[str, str]:
    return {row.slices["day"][-1]: row.why for row in grid if row.why}


def chain() -> list[Any]:
    return [
        node(double, "raw", "clean", name="clean"),
        node(scale, ["clean", "params:factor"], "scaled", name="scale"),
    ]


def test_what_has_run_is_done_and_what_has_not_is_missing(make: Make) -> None:
    session = make(chain(), catalog=CHAIN)
    session.run(slices="day=2024-01-01..2024-01-02")
    grid = session.slices()
    assert grid.columns == ("clean", "scaled")
    assert states(grid) == {
        "1": ["done", "done"],
        "2": ["done", "done"],
        "3": ["missing", "missing"],
        "4": ["missing", "missing"],
    }
    assert why(grid)["3"] == "clean, scaled: it never ran"
    assert "4 slices: 2 done, 2 missing." in str(grid)
    assert json.loads(json.dumps(grid.as_dict()))["rows"][0]["slices"] == {"day": "2024-01-01"}
    assert "2024-01-01" in grid._repr_html_()


def test_a_failure_is_told_with_its_reason_and_what_follows_is_missing(make: Make) -> None:
    nodes = [node(fails_on_two, "raw", "clean"), node(double, "clean", "scaled")]
    session = make(nodes, catalog=CHAIN)
    with pytest.raises(SlicesFailedError):
        session.run(slices="day=2024-01-01..2024-01-03")
    grid = session.slices("day=2024-01-01..2024-01-03")
    assert states(grid) == {
        "1": ["done", "done"],
        "2": ["failed", "missing"],
        "3": ["done", "done"],
    }
    assert "ValueError: two is too many" in why(grid)["2"]


def test_what_was_not_made_as_what_it_reads_in_memory_failed_has_failed(make: Make) -> None:
    nodes = [
        node(fails_on_two, "raw", "mem", name="check"),
        node(double, "mem", "clean", name="double"),
    ]
    session = make(nodes, catalog=CHAIN)
    (session.project.path / "data/raw/2024-01-02.json").write_text("1")
    session.run(slices="day=2024-01-01..2024-01-02")
    (session.project.path / "data/raw/2024-01-02.json").write_text("2")
    with pytest.raises(SlicesFailedError):
        session.run(slices="day=2024-01-01..2024-01-02")
    grid = session.slices("day=failed")
    assert states(grid) == {"2": ["failed"]}
    assert why(grid) == {"2": "clean: Node 'check' failed: ValueError: two is too many"}
    (session.project.path / "data/raw/2024-01-02.json").write_text("3")
    assert [*session.run(slices="day=failed")] == ["day=2024-01-02"]
    assert states(session.slices("day=2024-01-02")) == {"2": ["done"]}


def test_only_slices_in_a_state_run(make: Make) -> None:
    session = make([node(fails_on_two, "raw", "clean")])
    with pytest.raises(SlicesFailedError):
        session.run(slices="day=2024-01-01..2024-01-02")
    (session.project.path / "data/raw/2024-01-02.json").write_text("5")
    (session.project.path / "data/raw/2024-01-04.json").write_text("4")
    assert [*session.run(slices="day=failed")] == ["day=2024-01-02"]
    assert [*session.run(slices="day=missing")] == ["day=2024-01-03", "day=2024-01-04"]
    assert session.run(slices="day=missing,failed,stale") == {}
    assert [*states(session.slices("day=missing"))] == []


def test_what_is_gone_is_missing_and_what_was_made_elsewhere_is_done(make: Make) -> None:
    session = make([node(double, "raw", "clean")])
    session.run(slices="day=2024-01-01..2024-01-02")
    folder = session.project.path / "data/clean"
    (folder / "2024-01-01.json").unlink()
    (folder / "2024-01-03.json").write_text("6")
    grid = session.slices()
    assert states(grid) == {"1": ["missing"], "2": ["done"], "3": ["done"], "4": ["missing"]}
    assert why(grid)["1"] == "clean: it is gone"


def test_a_changed_input_makes_its_slice_stale_and_what_follows(make: Make) -> None:
    session = make(chain(), catalog=CHAIN)
    session.run(slices="day=2024-01-01..2024-01-02")
    (session.project.path / "data/raw/2024-01-02.json").write_text("200")
    grid = session.slices("day=2024-01-01,2024-01-02")
    assert states(grid) == {"1": ["done", "done"], "2": ["stale", "stale"]}
    assert "raw: " in why(grid)["2"]
    assert "clean is stale" in why(grid)["2"]
    assert [*session.run(slices="day=stale")] == ["day=2024-01-02"]
    assert states(session.slices("day=2024-01-02")) == {"2": ["done", "done"]}


def test_a_changed_parameter_makes_stale_what_reads_it(make: Make) -> None:
    session = make(chain(), catalog=CHAIN)
    session.run(slices="day=2024-01-01")
    grid = session.with_params({"factor": 3}).slices("day=2024-01-01")
    assert states(grid) == {"1": ["done", "stale"]}
    assert "params:factor 2 → 3" in why(grid)["1"]


def test_a_part_that_ran_alone_makes_stale_what_follows(make: Make) -> None:
    session = make(chain(), catalog=CHAIN)
    session.run(slices="day=2024-01-01")
    (session.project.path / "data/raw/2024-01-01.json").write_text("100")
    session.run(slices="day=2024-01-01", node_names="clean")
    assert states(session.slices("day=2024-01-01")) == {"1": ["done", "stale"]}


def test_what_runs_once_in_memory_does_not_make_slices_stale(make: Make) -> None:
    def combine(x: int, rates: int) -> int:
        return x + rates

    session = make([node(double, "rates", "doubled"), node(combine, ["raw", "doubled"], "clean")])
    session.run(slices="day=2024-01-01")
    session.run(slices="day=2024-01-02")
    assert states(session.slices()) == {
        "1": ["done"],
        "2": ["done"],
        "3": ["missing"],
        "4": ["missing"],
    }
    (session.project.path / "data/rates.json").write_text("100")
    grid = session.slices("day=2024-01-01")
    assert states(grid) == {"1": ["stale"]}
    assert "doubled would come out otherwise (rates: " in why(grid)["1"]


def test_a_lookback_limits_what_late_data_makes_stale(make: Make) -> None:
    slices = """
    day: {every: 1 day, from: 2024-01-01, to: 2024-01-03, lookback: 2 days}
    """
    session = make([node(double, "raw", "clean")], slices=slices)
    session.run(slices="day=2024-01-01..2024-01-03")
    for number in (1, 2, 3):
        (session.project.path / f"data/raw/2024-01-0{number}.json").write_text(f"{number}000")
    assert states(session.slices()) == {"1": ["done"], "2": ["stale"], "3": ["stale"]}


def test_with_two_slices_each_data_set_shows_those_that_it_depends_on(make: Make) -> None:
    both = "both: {type: json.JSONDataSet, filepath: 'data/${slice:day}-${slice:region}.json'}"
    session = make(
        [
            node(double, "raw", "clean", name="by_day"),
            node(lambda x, region: f"{x} {region}", ["clean", "slice:region"], "both"),
        ],
        catalog=CHAIN + both,
    )
    session.run(slices=["day=2024-01-01", "region=eu"])
    grid = session.slices(["day=2024-01-01", "region=eu,us"])
    assert [[cell.state for cell in row.cells] for row in grid] == [
        ["done", "done"],
        ["done", "missing"],
    ]
    assert [*session.run(slices=["day=2024-01-01", "region=missing"])][-1] == (
        "day=2024-01-01 region=us"
    )


def test_other_environments_have_slices_of_their_own(make: Make) -> None:
    session = make([node(double, "raw", "clean")])
    (session.project.path / "conf/prod").mkdir()
    session.run(slices="day=2024-01-01")
    other = Session(session.project.path, env="prod")
    other._current.__dict__["registry"] = session.registry
    (session.project.path / "data/clean/2024-01-01.json").unlink()
    assert why(other.slices("day=2024-01-01")) == {"1": "clean: it never ran"}


def test_old_runs_are_not_read_again(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    nodes = [node(fails_on_two, "raw", "clean"), node(double, "clean", "scaled")]
    session = make(nodes, catalog=CHAIN)
    runs = session.project.path / ".sparkpipe/runs"

    def copy_as(month: str) -> list[Path]:
        """Let there be more runs like those that are there, at an earlier time."""
        copies = []
        for number, file in enumerate(sorted(runs.glob("2*.jsonl"))):
            for day in range(10, 30):
                name = f"{month}-{day}T00.00.00.{number:03}Z"
                copies.append(runs / f"{name}.jsonl")
                copies[-1].write_text(file.read_text().replace(file.stem, name))
        return copies

    session.run(slices="day=2024-01-01,2024-01-03")
    with pytest.raises(SlicesFailedError):
        session.run(slices="day=2024-01-02")
    old = copy_as("2020-01")
    grid = session.slices()  # notes what it has read
    assert states(grid)["1"] == ["done", "done"]
    assert states(grid)["2"] == ["failed", "missing"]
    for file in old:
        file.write_text("not to be read")
    assert session.slices() == grid
    assert "passed over" not in caplog.text
    # A slice whose last try failed was tried well before, which is known by what is noted, too.
    (session.project.path / "data/raw/2024-01-02.json").write_text("5")
    session.run(slices="day=2024-01-02")
    (session.project.path / "data/raw/2024-01-02.json").write_text("2")
    with pytest.raises(SlicesFailedError):
        session.run(slices="day=2024-01-02")
    for file in old:
        file.unlink()
    copy_as("2020-02")
    (runs / ".index.json").unlink()
    for _ in range(2):
        assert states(session.slices())["2"] == ["failed", "stale"]


def test_without_a_journal_states_are_not_known(make: Make) -> None:
    session = make([node(double, "raw", "clean")], journal="enabled: false")
    with pytest.raises(ConfigError, match="their journal is off"):
        session.run(slices="day=missing")
    assert session.run(slices="day=2024-01-01") == {"day=2024-01-01": {}}


def test_a_job_that_is_repaired_runs_only_what_its_slices_have_left(make: Make) -> None:
    ran: list[int] = []

    def noted(x: int, rates: int) -> int:
        ran.append(x)
        return fails_on_two(x) * rates

    session = make([node(double, "rates", "doubled"), node(noted, ["raw", "doubled"], "clean")])
    days = "day=2024-01-01..2024-01-02"
    with pytest.raises(SlicesFailedError):
        session.run(slices=days, job_run_id="nightly 7")
    (session.project.path / "data/raw/2024-01-02.json").write_text("5")
    session.run(slices=days, job_run_id="nightly 7", force=True)
    assert ran == [1, 2, 5]
    session.run(slices=days, job_run_id="nightly 8")
    assert ran == [1, 2, 5, 1, 5]
    with pytest.raises(PreflightError, match="each slice is a run of its own"):
        session.run(slices=days, resume="last")


def test_what_has_not_changed_is_left_out_in_each_slice(make: Make) -> None:
    def combine(x: int, rates: int) -> int:
        return x * rates

    session = make(
        [
            node(double, "rates", "doubled", name="once"),
            node(double, "raw", "clean", name="clean"),
            node(combine, ["clean", "doubled"], "product", name="product"),
        ],
        more="product: {type: json.JSONDataSet, filepath: 'data/product/${slice:day}.json'}",
    )
    days = "day=2024-01-01..2024-01-02"
    session.run(slices=days, changed=True)
    (session.project.path / "data/raw/2024-01-02.json").write_text("5")
    session.run(slices=days, changed=True)
    record = session.runs.run()
    assert {name: one.status for name, one in record.nodes.items()}["clean"] == "done"
    assert session.with_slices("day=2024-01-02").catalog.load("product") == 200
    first = next(run for run in session.runs if run.slices == {"day": "2024-01-01"})
    assert first.nodes["clean"].status == "unchanged"
