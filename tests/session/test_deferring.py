"""Runs that read from another environment what their own has not, and change nothing there."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sparkpipe.config import MissingConfigError
from sparkpipe.errors import ConfigError, DataSetError, PreflightError
from sparkpipe.hooks import hook_impl
from sparkpipe.io.deferred import DeferredDataSet
from sparkpipe.session import Session

_number = itertools.count()

REGISTRY = """
from sparkpipe.pipeline import node, pipeline


def join(orders, rates):
    return {"orders": orders, "rates": rates}


def take(*data):
    return "taken"


def same(frame):
    return frame


def listed(parts):
    return sorted(parts)


def register_pipelines():
    return {
        "__default__": pipeline([
            node(join, ["orders", "rates"], "joined", name="join"),
            node(take, "joined", "report", name="report"),
        ]),
        "parts": pipeline([node(listed, "parts", "names", name="list", confirms="parts")]),
        "reading": pipeline([node(listed, "parts", "names", name="list")]),
        "forms": pipeline([
            node(take, "table@text", "one", name="one"),
            node(take, "table@json", "two", name="two"),
        ]),
        "patterned": pipeline([node(take, "raw.sales", "out.sales", name="copy")]),
        "odd": pipeline([node(take, "orders", "kept", name="odd")]),
        "frames": pipeline([node(same, "raw", "kept", name="keep")]),
        "reports": pipeline([
            node(same, "raw", "clean", name="clean"),
            node(len, "clean", "rows", name="count"),
            node(len, "clean", "again", name="again"),
        ]),
        "two_forms": pipeline([
            node(same, "raw", "form@frame", name="make"),
            node(len, "form@csv", "rows", name="count"),
        ]),
    }
"""

Files = dict[str, Any]
MakeProject = Callable[..., Path]


def file_of(path: str) -> dict[str, str]:
    return {"type": "json.JSONDataSet", "filepath": path}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProject:
    """Write a project: catalogs of base, dev and prod, and data by its path."""
    package = f"deferring_{next(_number)}"

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def make_project(base: Files, dev: Files, prod: Files, data: Files) -> Path:
        write("pyproject.toml", f'[tool.sparkpipe]\npackage_name = "{package}"\n')
        write(f"{package}/__init__.py", "")
        write(f"{package}/pipeline_registry.py", REGISTRY)
        for env, entries in (("base", base), ("dev", dev), ("prod", prod)):
            write(f"conf/{env}/catalog.yml", yaml.safe_dump(entries))
        for name, value in data.items():
            write(name, value if isinstance(value, str) else json.dumps(value))
        return tmp_path

    monkeypatch.syspath_prepend(str(tmp_path))
    return make_project


ENTRIES: dict[str, Files] = {
    env: {name: file_of(f"{env}/{name}.json") for name in ("orders", "rates", "joined", "report")}
    for env in ("dev", "prod")
}


@pytest.fixture
def project(make: MakeProject) -> Path:
    data = {"prod/orders.json": [1], "prod/rates.json": [2], "dev/rates.json": [3]}
    return make({}, ENTRIES["dev"], ENTRIES["prod"], data)


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner"])
def test_what_dev_has_not_is_read_from_prod_and_all_is_saved_in_dev(
    project: Path, runner: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = files_in(project / "prod")
    caplog.set_level(logging.INFO)
    Session(project, "dev", defer="prod").run(runner=runner)

    made = json.loads((project / "dev/joined.json").read_text())
    assert made == {"orders": [1], "rates": [3]}
    assert files_in(project / "prod") == before
    assert not (project / "dev/orders.json").exists(), "no byte is copied"
    assert f"'orders' is read from 'prod': {project}/prod/orders.json" in caplog.text
    assert "'rates' is read" not in caplog.text


def test_the_plan_tells_what_is_read_from_where(project: Path) -> None:
    planned = Session(project, "dev", defer="prod").plan()
    loads = {one.name: (one.place, one.environment) for one in planned.nodes[0].loads}
    assert loads == {
        "orders": (f"{project}/prod/orders.json", "prod"),
        "rates": (f"{project}/dev/rates.json", ""),
    }
    assert planned.problems == ()
    assert f"{project}/prod/orders.json (of prod)" in str(planned)
    # What this run makes is dev's, whether it is there or not.
    assert planned.nodes[1].loads[0].environment == ""
    part = Session(project, "dev", defer="prod").plan(node_names="report")
    assert part.problems == (
        "Input 'joined' of node 'report' (DeferredDataSet): the file does not exist: "
        f"{project}/prod/joined.json; neither has the environment of this run any data",
    )


def test_what_a_part_does_not_make_is_read_from_prod(project: Path) -> None:
    (project / "prod/joined.json").write_text('"of prod"')
    session = Session(project, "dev", defer="prod")
    planned = session.plan(node_names="report")
    assert planned.nodes[0].loads[0].environment == "prod"
    session.run(node_names="report")
    assert (project / "dev/report.json").exists()
    # Now that dev has it, dev's is read.
    (project / "dev/joined.json").write_text('"of dev"')
    assert session.plan(node_names="report").nodes[0].loads[0].environment == ""


def test_what_neither_has_is_told(project: Path) -> None:
    (project / "prod/orders.json").unlink()
    with pytest.raises(PreflightError, match="'orders' of node 'join'") as caught:
        Session(project, "dev", defer="prod").run()
    assert len(caught.value.problems) == 1


def test_without_defer_nothing_of_prod_is_read(project: Path) -> None:
    with pytest.raises(PreflightError, match=r"dev/orders\.json"):
        Session(project, "dev").run()


# Saves


def test_a_place_that_both_share_is_not_written(make: MakeProject) -> None:
    shared = {"report": file_of("all/report.json")}
    project = make(
        shared,
        {"orders": file_of("dev/orders.json")},
        {name: ENTRIES["prod"][name] for name in ("orders", "rates")},
        {"prod/orders.json": [1], "prod/rates.json": [2], "all/report.json": "1"},
    )
    session = Session(project, "dev", defer="prod")
    with pytest.raises(PreflightError) as caught:
        session.run()
    (problem,) = caught.value.problems
    assert problem == (
        f"Node 'report' saves 'report' ({project}/all/report.json), which is the place of there, "
        "too: nothing of 'prod' is changed by a run that defers to it. Give 'report' a place of "
        "its own, by an entry in the environment 'dev'."
    ).replace("the place of there, too", "its place in 'prod', too")
    assert (project / "all/report.json").read_text() == "1"
    assert session.plan().problems == (problem,)
    # What is not saved is not told.
    session.run(node_names="join")


@pytest.mark.parametrize(
    ("dev", "prod"),
    [
        ("prod/other.json", "prod/other.json"),
        ("prod/../prod/other.json", "prod/other.json"),
        ("prod/folder/x.json", "prod/folder"),
    ],
)
def test_a_place_of_another_data_set_of_prod_is_not_written(
    make: MakeProject, dev: str, prod: str
) -> None:
    project = make(
        {},
        {"orders": file_of("dev/orders.json"), "kept": file_of(dev)},
        {"other": {"type": "PartitionedDataSet", "path": prod, "dataset": "json.JSONDataSet"}},
        {"dev/orders.json": [1]},
    )
    with pytest.raises(PreflightError, match="place of 'other' in 'prod'"):
        Session(project, "dev", defer="prod").run("odd")
    assert not (project / "prod").exists()


def test_a_folder_that_holds_what_is_of_prod_is_not_written(make: MakeProject) -> None:
    kept = {"type": "PartitionedDataSet", "path": "data", "dataset": "json.JSONDataSet"}
    project = make(
        {},
        {"orders": file_of("dev/orders.json"), "kept": kept},
        {"other": file_of("data/prod/other.json")},
        {"dev/orders.json": {"a": 1}},
    )
    with pytest.raises(PreflightError, match="place of 'other' in 'prod'"):
        Session(project, "dev", defer="prod").run("odd")


def test_a_place_that_nobody_can_tell_is_not_written_by_one_entry(make: MakeProject) -> None:
    kept = {"type": "LambdaDataSet", "load": "builtins.list", "save": "builtins.print"}
    project = make(
        {"kept": kept}, {"orders": file_of("dev/orders.json")}, {}, {"dev/orders.json": [1]}
    )
    with pytest.raises(PreflightError, match="saves 'kept'"):
        Session(project, "dev", defer="prod").run("odd")


def test_data_in_memory_is_nobodys_place(make: MakeProject) -> None:
    memory = {"joined": {"type": "MemoryDataSet"}, "report": {"type": "MemoryDataSet"}}
    data = {"prod/orders.json": [1], "prod/rates.json": [2]}
    project = make(memory, {}, {n: ENTRIES["prod"][n] for n in ("orders", "rates")}, data)
    Session(project, "dev", defer="prod").run()


# Kinds of data sets


def test_a_folder_is_read_and_not_confirmed_in_prod(make: MakeProject) -> None:
    parts = {"type": "IncrementalDataSet", "path": "prod/parts", "dataset": "json.JSONDataSet"}
    project = make(
        {"names": {"type": "MemoryDataSet"}},
        {},
        {"parts": parts},
        {"prod/parts/a": 1, "prod/parts/b": 2},
    )
    session = Session(project, "dev", defer="prod")
    before = files_in(project / "prod")
    with pytest.raises(PreflightError, match=r"'list' confirms 'parts'.*read from.*'prod'"):
        session.run("parts")
    session.run("reading")
    assert files_in(project / "prod") == before

    # With a checkpoint of its own dev reads prod's folder, and goes on from there.
    own = {**parts, "checkpoint": {"type": "text.TextDataSet", "filepath": "dev/CHECKPOINT"}}
    (project / "conf/dev/catalog.yml").write_text(yaml.safe_dump({"parts": own}))
    Session(project, "dev", defer="prod").run("parts")
    assert (project / "dev/CHECKPOINT").read_text() == "b"
    assert files_in(project / "prod") == before
    assert Session(project, "dev", defer="prod").plan("parts").nodes[0].loads[0].environment == ""


def test_a_shared_checkpoint_is_not_written(make: MakeProject) -> None:
    parts = {"type": "IncrementalDataSet", "path": "all/parts", "dataset": "json.JSONDataSet"}
    memory = {"names": {"type": "MemoryDataSet"}}
    project = make({"parts": parts, **memory}, {}, {}, {"all/parts/a": 1})
    with pytest.raises(PreflightError, match=r"confirms 'parts'.*CHECKPOINT"):
        Session(project, "dev", defer="prod").run("parts")
    Session(project, "dev", defer="prod").run("reading")
    assert sorted(files_in(project / "all")) == ["parts/a"]


CHECKS = [{"check": "id > 1", "name": "late", "on_fail": "quarantine"}]


def csv(path: str, **options: Any) -> Files:
    return {"type": "pandas.CSVDataSet", "filepath": path, "save_args": {"index": False}, **options}


@pytest.mark.parametrize("named", [{}, {"quarantine": "bad"}])
@pytest.mark.parametrize("runner", ["SequentialRunner", "ParallelRunner"])
def test_what_checks_of_prod_reject_is_left_out_and_not_written_there(
    make: MakeProject, runner: str, named: Any
) -> None:
    bad = {"bad": csv("prod/bad.csv", save_args={"mode": "a"})}
    raw = csv("prod/raw.csv", checks=CHECKS, **named)
    dev = {"kept": csv("dev/kept.csv")}
    folder = make({}, dev, {"raw": raw, **bad}, {"prod/raw.csv": "id\n1\n2\n"})
    Session(folder, env="dev", defer="prod").run("frames", runner=runner)
    assert files_in(folder / "prod") == {"raw.csv": "id\n1\n2\n"}
    assert files_in(folder / "dev") == {"kept.csv": "id\n2\n"}


@pytest.mark.parametrize(
    ("dev", "place"),
    [
        (
            {"kept": csv("dev/k.csv", checks=CHECKS, quarantine="q"), "q": csv("prod/bad.csv")},
            "bad",
        ),
        (
            {
                "kept": csv("dev/k.csv", checks=CHECKS, quarantine="q"),
                "q": {
                    "type": "PartitionedDataSet",
                    "path": "prod/kept_rejected",
                    "dataset": "pandas.CSVDataSet",
                },
            },
            "kept_rejected",
        ),
        ({"kept": csv("prod/kept_rejected/a.csv")}, "kept_rejected"),
        (
            {
                "kept": {
                    "type": "PartitionedDataSet",
                    "path": "prod/parts/below",
                    "dataset": "pandas.CSVDataSet",
                    "filename_suffix": ".csv",
                }
            },
            "parts",
        ),
    ],
)
def test_nothing_goes_to_a_quarantine_or_among_partitions_of_prod(
    make: MakeProject, dev: Files, place: str
) -> None:
    prod = {
        "raw": csv("prod/raw.csv"),
        "kept": csv("prod/kept.csv", checks=CHECKS),
        "bad": csv("prod/bad.csv"),
        "parts": {
            "type": "PartitionedDataSet",
            "path": "prod/parts",
            "dataset": "pandas.CSVDataSet",
            "filename_suffix": ".csv",
        },
    }
    folder = make({}, dev, prod, {"prod/raw.csv": "id\n1\n"})
    with pytest.raises(PreflightError, match=rf"prod/{place}.*nothing of 'prod' is changed"):
        Session(folder, env="dev", defer="prod").run("frames")
    assert files_in(folder / "prod") == {"raw.csv": "id\n1\n"}


def test_what_a_pipeline_of_the_project_saves_is_not_judged_when_it_is_read(
    make: MakeProject,
) -> None:
    base = {"clean": csv("prod/clean.csv", checks=CHECKS)}
    dev = {name: file_of(f"dev/{name}.json") for name in ("rows", "again")}
    data = {"prod/raw.csv": "id\n1\n", "prod/clean.csv": "id\n1\n2\n"}
    folder = make(base, dev, {"raw": csv("prod/raw.csv")}, data)
    session = Session(folder, env="dev", defer="prod")
    session.run("reports", from_nodes=["count", "again"])
    assert files_in(folder / "dev") == {"rows.json": "2", "again.json": "2"}
    with pytest.raises(PreflightError) as failure:
        session.run("reports")
    told = [one for one in failure.value.problems if "puts rejected rows" in one]
    assert [one.partition(" puts")[0] for one in told] == ["Node 'clean'"]
    assert files_in(folder / "prod") == {"raw.csv": "id\n1\n", "clean.csv": "id\n1\n2\n"}


def test_another_form_is_judged_when_it_is_read_without_the_one_that_is_saved(
    make: MakeProject,
) -> None:
    place = csv("dev/form.csv")
    dev = {
        "form@frame": place,
        "form@csv": {**place, "checks": CHECKS, "quarantine": "bad"},
        "bad": csv("prod/bad.csv", save_args={"mode": "a"}),
        "rows": file_of("dev/rows.json"),
    }
    prod = {"raw": csv("prod/raw.csv"), "bad": csv("prod/bad.csv")}
    folder = make({}, dev, prod, {"prod/raw.csv": "id\n1\n2\n"})
    session = Session(folder, env="dev", defer="prod")
    session.run("two_forms")
    (folder / "dev/rows.json").unlink()
    for options in ({"only_missing": True}, {"node_names": "count"}):
        with pytest.raises(PreflightError, match="'count' puts rejected rows of 'form@csv'"):
            session.run("two_forms", **options)
    assert files_in(folder / "prod") == {"raw.csv": "id\n1\n2\n"}


def test_a_slice_that_would_save_in_prod_is_refused_before_any_runs(make: MakeProject) -> None:
    prod = {"orders": file_of("prod/orders.json"), "kept": file_of("prod/2024-01-02.json")}
    dev = {"kept": file_of("prod/${slice:day}.json")}
    folder = make({}, dev, prod, {"prod/orders.json": [1]})
    slices = "day: {every: 1 day, from: 2024-01-01, to: 2024-01-03}"
    (folder / "conf/base/slices.yml").write_text(slices)
    session = Session(folder, env="dev", defer="prod")
    with pytest.raises(PreflightError, match=r"2024-01-02.*nothing of 'prod' is changed"):
        session.run("odd", slices="day=2024-01-01..2024-01-02")
    assert not session.plan("odd", slices="day=2024-01-01").problems
    assert [*files_in(folder / "prod")] == ["orders.json"]


def test_the_place_of_a_slice_of_prod_is_not_written_by_a_run_without_slices(
    make: MakeProject,
) -> None:
    prod = {"orders": file_of("prod/orders.json"), "kept": file_of("prod/${slice:day}.json")}
    folder = make({}, {"kept": file_of("prod/2024-01-02.json")}, prod, {"prod/orders.json": [1]})
    slices = "day: {every: 1 day, from: 2024-01-01, to: 2024-01-03}"
    (folder / "conf/base/slices.yml").write_text(slices)
    with pytest.raises(PreflightError, match=r"2024-01-02.*nothing of 'prod' is changed"):
        Session(folder, env="dev", defer="prod").run("odd")
    other = yaml.safe_dump({"kept": file_of("prod/dev.json")})
    (folder / "conf/dev/catalog.yml").write_text(other)  # no slice is called so
    Session(folder, env="dev", defer="prod").run("odd")
    assert [*files_in(folder / "prod")] == ["dev.json", "orders.json"]


def test_one_database_in_two_spellings_is_one(make: MakeProject, tmp_path: Path) -> None:
    def table(path: str) -> Files:
        credentials = {"con": f"sqlite:///{path}"}
        return {"type": "pandas.SQLTableDataSet", "table_name": "t", "credentials": credentials}

    place = tmp_path / "prod" / "shop.db"
    prod = {"raw": csv("prod/raw.csv"), "kept": table(str(place))}
    dev = {"kept": table(f"{tmp_path}/dev/../prod/shop.db")}
    folder = make({}, dev, prod, {"prod/raw.csv": "id\n1\n"})
    with pytest.raises(PreflightError, match="nothing of 'prod' is changed"):
        Session(folder, env="dev", defer="prod").run("frames")


def test_versions_of_prod_are_read(make: MakeProject) -> None:
    orders = {**file_of("prod/orders.json"), "versioned": True}
    project = make(
        {},
        {**ENTRIES["dev"], "orders": {**file_of("dev/orders.json"), "versioned": True}},
        {"orders": orders, "rates": ENTRIES["prod"]["rates"]},
        {
            "prod/orders.json/2024-01-01T00.00.00.000Z/orders.json": '"old"',
            "prod/orders.json/2024-01-02T00.00.00.000Z/orders.json": '"new"',
            "prod/rates.json": [2],
        },
    )
    session = Session(project, "dev", defer="prod")
    session.run()
    assert json.loads((project / "dev/joined.json").read_text())["orders"] == "new"
    version = {"orders": "2024-01-01T00.00.00.000Z"}
    assert "2024-01-01" in session.plan(load_versions=version).nodes[0].loads[0].place
    session.run(load_versions=version)
    assert json.loads((project / "dev/joined.json").read_text())["orders"] == "old"
    with pytest.raises(PreflightError, match="not versioned"):
        session.run(load_versions={"rates": "2024-01-01T00.00.00.000Z"})


def test_forms_of_a_data_set_are_read_from_one_environment(make: MakeProject) -> None:
    prod = {
        "table@text": {"type": "text.TextDataSet", "filepath": "prod/table.json"},
        "table@json": file_of("prod/table.json"),
    }
    memory = {"one": {"type": "MemoryDataSet"}, "two": {"type": "MemoryDataSet"}}
    dev = {"table@text": {"type": "text.TextDataSet", "filepath": "dev/table.json"}}
    project = make(memory, dev, prod, {"prod/table.json": "1"})
    session = Session(project, "dev", defer="prod")
    assert [n.loads[0].environment for n in session.plan("forms").nodes] == ["prod", "prod"]
    session.run("forms")
    (project / "dev").mkdir()
    (project / "dev/table.json").write_text("1")
    planned = session.plan("forms")
    assert [node.loads[0].environment for node in planned.nodes] == ["", ""]


def test_patterns_and_wrappers_of_prod_are_read(make: MakeProject) -> None:
    raw = {"type": "CachedDataSet", "dataset": file_of("prod/{table}.json")}
    project = make(
        {},
        {"out.{table}": file_of("dev/{table}.json")},
        {"raw.{table}": raw},
        {"prod/sales.json": 1},
    )
    session = Session(project, "dev", defer="prod")
    assert session.plan("patterned").nodes[0].loads[0].place == f"{project}/prod/sales.json"
    session.run("patterned")
    assert (project / "dev/sales.json").exists()
    # A pattern of base is a place of both.
    make({"out.{table}": file_of("all/{table}.json")}, {}, {"raw.{table}": raw}, {})
    with pytest.raises(PreflightError, match=r"saves 'out\.sales'"):
        Session(project, "dev", defer="prod").run("patterned")


def test_credentials_are_those_of_prod(make: MakeProject) -> None:
    entry = {**file_of("memory://prod/orders.json"), "credentials": "store"}
    project = make(
        {},
        {"kept": file_of("dev/kept.json")},
        {"orders": entry},
        {"conf/prod/credentials.yml": "store: {skip_instance_cache: true}\n"},
    )
    import fsspec

    fsspec.filesystem("memory").pipe("/prod/orders.json", b"[1]")
    Session(project, "dev", defer="prod").run("odd")
    (project / "conf/prod/credentials.yml").write_text("other: {}\n")
    with pytest.raises(PreflightError, match=r"Of the environment 'prod'.*store"):
        Session(project, "dev", defer="prod").run("odd")


def test_a_broken_entry_that_is_not_read_is_no_matter(make: MakeProject) -> None:
    project = make(
        {},
        {"orders": file_of("dev/orders.json"), "kept": file_of("dev/kept.json")},
        {"broken": {"type": "nothing.Here", "filepath": "dev/kept.json"}},
        {"dev/orders.json": [1]},
    )
    # But its place is known.
    with pytest.raises(PreflightError, match="place of 'broken' in 'prod'"):
        Session(project, "dev", defer="prod").run("odd")
    (project / "conf/prod/catalog.yml").write_text("broken: {type: nothing.Here}\n")
    Session(project, "dev", defer="prod").run("odd")


def test_what_cannot_tell_whether_it_has_data_stays_that_of_dev(make: MakeProject) -> None:
    mine = {"type": "LambdaDataSet", "load": "builtins.dict", "save": None}
    project = make(
        {},
        {"orders": mine, "kept": {"type": "MemoryDataSet"}},
        {"orders": file_of("prod/orders.json")},
        {"prod/orders.json": [1]},
    )
    planned = Session(project, "dev", defer="prod").plan("odd")
    assert planned.nodes[0].loads[0].environment == ""


def test_what_is_given_is_not_read_from_prod(project: Path) -> None:
    session = Session(project, "dev", defer="prod")
    session.run(inputs={"orders": [9]})
    assert json.loads((project / "dev/joined.json").read_text())["orders"] == [9]


def test_a_deferred_data_set_refuses_all_that_would_change_it(project: Path) -> None:
    theirs = Session(project, "prod").catalog["orders"]
    deferred = DeferredDataSet(theirs, "prod")
    for change in (lambda: deferred.save([1]), deferred.confirm):
        with pytest.raises(DataSetError, match="read from the environment 'prod'"):
            change()
    deferred.release()
    assert deferred.load() == [1]


# Environments


def test_environments_must_be_two_that_exist(project: Path) -> None:
    with pytest.raises(ConfigError, match="'dev' cannot defer to itself"):
        Session(project, "dev", defer="dev")
    with pytest.raises(ConfigError, match="'local' cannot defer to itself"):
        Session(project, defer="local")
    with pytest.raises(MissingConfigError, match=r"no environment 'prdo'.*Did you mean 'prod'"):
        Session(project, "dev", defer="prdo")
    assert Session(project, "dev", defer="").defer is None


def test_another_folder_of_configuration_has_both(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (project / "conf").rename(elsewhere)
    Session(project, "dev", conf_source=elsewhere, defer="prod").run()
    assert (project / "dev/report.json").exists()


def test_parameters_fill_the_entries_of_both(make: MakeProject) -> None:
    project = make(
        {},
        {"kept": file_of("dev/kept.json")},
        {"orders": file_of("prod/${runtime_params:day}.json")},
        {"prod/monday.json": [1], "prod/tuesday.json": [2]},
    )
    session = Session(project, "dev", {"day": "monday"}, defer="prod")
    assert session.plan("odd").nodes[0].loads[0].place.endswith("monday.json")
    planned = session.plan("odd", params={"day": "tuesday"})
    assert planned.nodes[0].loads[0].place.endswith("tuesday.json")
    assert planned.problems == ()


def test_hooks_are_not_given_what_can_be_written_in_prod(project: Path) -> None:
    class Hook:
        def __init__(self) -> None:
            self.told: list[Any] = []

        @hook_impl
        def after_context_created(self, context: Any) -> None:
            self.told.append(context.env)

        @hook_impl
        def after_catalog_created(self, conf_catalog: dict[str, Any]) -> None:
            self.told.append(conf_catalog["orders"]["filepath"])

    hook = Hook()
    Session(project, "dev", defer="prod", hooks=[hook]).run()
    assert hook.told == ["dev", f"{project}/dev/orders.json"]


def test_a_check_takes_what_prod_has_for_given(project: Path) -> None:
    assert not [p for p in Session(project, "dev", defer="prod").check() if "'orders'" in p]
    assert [p for p in Session(project, "dev").check() if "'orders'" in p]


def test_only_missing_asks_dev(project: Path) -> None:
    (project / "prod/joined.json").write_text("1")
    (project / "dev/joined.json").write_text("2")
    session = Session(project, "dev", defer="prod")
    planned = session.plan(only_missing=True)
    assert [(node.name, node.runs) for node in planned.nodes] == [("join", False), ("report", True)]
