"""Runs of what has changed only: which nodes run, why, and what is told of the others."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import textwrap
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import PreflightError, SparkpipeError
from sparkpipe.events import NodeEnded
from sparkpipe.runner import HybridRunner, ParallelRunner, SequentialRunner, ThreadRunner
from sparkpipe.session import Session

REGISTRY = """
from sparkpipe.pipeline import node, pipeline
from {package}.nodes import *


def register_pipelines():
    return {{
        "__default__": pipeline([
            node(clean, ["trips", "params:least"], "cleaned"),
            node(halve, "cleaned", "half"),       # in memory
            node(total, "half", "sum"),
            node(count, "half", "number"),
            node(report, ["sum", "number"], "summary"),
        ]),
    }}
"""

NODES = """
def keep(trip, least):
    return trip >= least


def clean(trips, least):
    return sorted(trip for trip in trips if keep(trip, least))


def halve(trips):
    return [trip / 2 for trip in trips]


def total(trips):
    return sum(trips)


def count(trips):
    return len(trips)


def report(total, number):
    return {"mean": total / number}
"""

FARES = """
from sparkpipe.io import AbstractDataSet


class Fares(AbstractDataSet):
    def __init__(self, load_args):
        pass

    def _load(self):
        return [1]

    def _save(self, data):
        pass

    def _describe(self):
        return {}

    def state(self):
        return "1"
"""

CONTRACT = """
apiVersion: v3.0.2
kind: DataContract
id: fares
version: 1.0.0
status: active
schema:
  - name: fares
    properties:
      - {{name: fare, logicalType: {kind}}}
"""

ALL = ["clean", "count", "halve", "report", "total"]


class Trips:
    """A project that is edited and run again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = f"trips_{folder.name.replace('-', '_')}"
        self.write("pyproject.toml", f'[tool.sparkpipe]\npackage_name = "{self.package}"\n')
        self.write(f"{self.package}/__init__.py", "")
        self.write(f"{self.package}/nodes.py", NODES)
        self.write(f"{self.package}/pipeline_registry.py", REGISTRY.format(package=self.package))
        self.write("conf/base/parameters.yml", "least: 2.5\n")
        self.entries = {
            name: {"type": "json.JSONDataSet", "filepath": f"data/{name}.json"}
            for name in ("trips", "cleaned", "sum", "number", "summary")
        }
        self.write_catalog()
        self.save("trips", [1, 2, 3, 4, 5])

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def write_catalog(self) -> None:
        self.write("conf/base/catalog.yml", json.dumps(self.entries))

    def save(self, name: str, data: Any) -> None:
        self.write(f"data/{name}.json", json.dumps(data))

    def load(self, name: str) -> Any:
        return json.loads((self.folder / f"data/{name}.json").read_text())

    def edit(self, old: str, new: str) -> None:
        path = self.folder / self.package / "nodes.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def session(self) -> Session:
        """Return a session of a project that is imported anew, as by another process."""
        for name in [one for one in sys.modules if one.partition(".")[0] == self.package]:
            del sys.modules[name]
        importlib.invalidate_caches()
        shutil.rmtree(self.folder / self.package / "__pycache__", ignore_errors=True)
        return Session(self.folder)

    def why(self) -> dict[str, tuple[str, ...]]:
        """Return the nodes that would run, and why."""
        planned = self.session().plan(changed=True)
        assert not planned.problems
        return {node.name: node.reasons for node in planned.nodes if node.runs}

    def run(self, runner: Any = None, **options: Any) -> list[str]:
        """Run what has changed, and return what ran, sorted."""
        told: list[NodeEnded] = []
        session = self.session()
        prepared = session.prepare_with(told, runner, options)
        prepared.run()
        assert {event.status for event in told} <= {"done", "unchanged"}
        return sorted(event.node for event in told if event.status == "done")


@pytest.fixture
def trips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trips:
    monkeypatch.syspath_prepend(str(tmp_path))

    class Watcher:
        def __init__(self, told: list[NodeEnded]) -> None:
            self._told = told

        def on_event(self, event: Any) -> None:
            if isinstance(event, NodeEnded):
                self._told.append(event)

    def prepare_with(self: Session, told: list[NodeEnded], runner: Any, options: Any) -> Any:
        from dataclasses import replace

        from sparkpipe.session import Relation, Selection

        selection = Selection(node_names=tuple(options.pop("nodes", ())))
        prepared = self.prepare(selection, runner, relation=Relation(changed=True), **options)
        return replace(prepared, observers=(*prepared.observers, Watcher(told)))

    monkeypatch.setattr(Session, "prepare_with", prepare_with, raising=False)
    return Trips(tmp_path)


@pytest.mark.parametrize(
    "runner",
    [
        SequentialRunner(),
        ThreadRunner(),
        ParallelRunner(max_workers=2, start_method="fork"),
        HybridRunner(max_processes=1, start_method="forkserver"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_runner_leaves_out_what_has_not_changed(trips: Trips, runner: Any) -> None:
    assert trips.run(runner) == ALL
    assert trips.run(runner) == []
    trips.save("trips", [4, 6])
    assert trips.run(runner) == ALL
    assert trips.load("summary") == {"mean": 2.5}
    # The same trips for all that read what is cleaned.
    trips.save("trips", [1, 4, 6])
    assert trips.run(runner) == ["clean"]
    assert trips.run(runner) == []
    trips.edit("sum(trips)", "sum(trips) + 0")
    assert trips.run(runner) == ["halve", "total"]
    assert trips.run(runner) == []


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        (
            lambda t: t.edit("trip >= least", "trip > least"),
            {"clean": "code of clean changed ({package}/nodes.py:2 keep)"},
        ),
        (
            lambda t: t.write("conf/base/parameters.yml", "least: 3\n"),
            {"clean": "params:least 2.5 → 3"},
        ),
        (lambda t: t.save("trips", [7, 8]), {"clean": "trips: file changed"}),
        (lambda t: t.save("summary", {}), {"report": "output summary was changed by someone else"}),
        (
            lambda t: (t.folder / "data/number.json").unlink(),
            {
                "count": "output number is gone",
                "report": "number: nothing is there any more",
                "halve": "its output half is only in memory and count needs it",
            },
        ),
        (
            lambda t: (t.entries["sum"].update(save_args={"indent": 1}), t.write_catalog()),
            {
                "total": "options of sum changed",
                "report": "options of sum changed",
                "halve": "its output half is only in memory and total needs it",
            },
        ),
    ],
)
def test_the_plan_says_why_a_node_runs(trips: Trips, change: Any, reasons: dict[str, str]) -> None:
    trips.run()
    assert trips.why() == {}
    change(trips)
    told = trips.why()
    for node, reason in reasons.items():
        assert reason.format(package=trips.package) in told[node], told
    assert "never run" not in str(told)


@pytest.mark.parametrize("place", ["entry", "load_args", "contract"])
def test_what_the_file_of_a_schema_says_counts(trips: Trips, place: str) -> None:
    pytest.importorskip("pandas")
    trips.write(
        f"{trips.package}/pipeline_registry.py",
        """
        from sparkpipe.pipeline import node, pipeline

        def register_pipelines():
            return {"__default__": pipeline([node(len, "fares", "rows", name="count")])}
        """,
    )
    ending = "yaml" if place == "contract" else "json"
    schema = {"filepath": f"conf/fares.{ending}"}
    entry: dict[str, Any] = {"type": "pandas.CSVDataSet", "filepath": "data/fares.csv"}
    if place == "load_args":  # the class need not know it: another one of Spark does
        entry = {"type": f"{trips.package}.Fares", "load_args": {"schema": schema}}
        trips.write(f"{trips.package}/__init__.py", FARES)
    else:
        entry["schema"] = schema
    number = {"type": "json.JSONDataSet", "filepath": "data/rows.json"}
    trips.write("conf/base/catalog.yml", json.dumps({"fares": entry, "rows": number}))
    trips.write("data/fares.csv", "fare\n1\n")

    def say(kind: str) -> None:
        text = json.dumps({"fare": kind})
        if place == "contract":
            text = CONTRACT.format(kind=kind)
        trips.write(f"conf/fares.{ending}", text)

    say("integer" if place == "contract" else "bigint")
    assert trips.run() == ["count"]
    assert trips.run() == []
    say("number" if place == "contract" else "double")
    assert trips.why() == {"count": ("options of fares changed",)}
    assert trips.run() == ["count"]


def test_comments_and_formatting_are_no_change(trips: Trips) -> None:
    trips.run()
    trips.edit(
        "    return trip >= least", '    """Whether it counts."""\n\n    return (trip >= least)'
    )
    assert trips.why() == {}


def test_moving_the_project_is_no_change(trips: Trips, tmp_path: Path) -> None:
    trips.run()
    moved = tmp_path.with_name(f"{tmp_path.name}_moved")
    shutil.copytree(tmp_path, moved)  # with the times of files
    other = Trips.__new__(Trips)
    other.folder, other.package = moved, trips.package
    sys.path.insert(0, str(moved))
    try:
        assert other.why() == {}
    finally:
        sys.path.remove(str(moved))


def test_a_node_that_is_renamed_or_new_has_never_run(trips: Trips) -> None:
    trips.run()
    path = f"{trips.package}/pipeline_registry.py"
    text = REGISTRY.format(package=trips.package)
    trips.write(path, text.replace('"summary")', '"summary", name="final")'))
    assert trips.why() == {"final": ("never run",)}


def test_always_runs_and_what_follows_is_judged_by_what_it_makes(trips: Trips) -> None:
    text = REGISTRY.format(package=trips.package)
    trips.write(
        f"{trips.package}/pipeline_registry.py",
        text.replace('"cleaned")', '"cleaned", always=True)'),
    )
    trips.run()
    told = trips.why()
    assert told["clean"] == ("always",)
    assert told["total"] == ("half is made anew by halve",)
    assert trips.run() == ["clean"]
    trips.write("conf/base/parameters.yml", "least: 3.5\n")
    assert trips.why()["clean"] == ("always", "params:least 2.5 → 3.5")


def test_the_version_of_a_package_that_a_node_names_counts(
    trips: Trips, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"scikit-learn": "1.5.0", "other": "1"}
    find = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: versions.get(name) or find(name)
    )
    text = REGISTRY.format(package=trips.package)
    named = text.replace('"sum")', '"sum", depends_on_packages=["scikit-learn", "no-such-one"])')
    trips.write(f"{trips.package}/pipeline_registry.py", named)
    trips.run()
    versions["other"] = "2"
    assert trips.why() == {}
    versions["scikit-learn"] = "1.6.1"
    assert trips.why()["total"] == ("package scikit-learn 1.5.0 → 1.6.1",)
    assert {"clean", "count"}.isdisjoint(trips.why())
    assert trips.run() == ["halve", "total"]
    assert trips.why() == {}
    versions["no-such-one"] = "3"
    assert trips.why()["total"] == ("package no-such-one not installed → 3",)


JOURNALED = """
from sparkpipe.pipeline import node, pipeline


def clean(trips, least, day):
    return trips[trips["fare"] >= least]


def count(cleaned):
    return len(cleaned)


def register_pipelines():
    return {"__default__": pipeline([
        node(clean, ["trips", "params:least", "slice:day"], "cleaned", tags="all"),
        node(count, "cleaned", "number", tags="all"),
    ])}
"""


def test_the_journal_of_a_session_is_as_its_schema_says(trips: Trips) -> None:
    pytest.importorskip("pandas")
    jsonschema = pytest.importorskip("jsonschema")
    table = {"type": "pandas.CSVDataSet", "save_args": {"index": False}}
    checks = [
        {"check": "fare > 1", "name": "paid", "on_fail": "quarantine"},
        {"not_null": "fare", "on_fail": "warn"},
    ]
    trips.write(f"{trips.package}/pipeline_registry.py", JOURNALED)
    trips.write("conf/base/slices.yml", "day: {every: 1 day, from: 2024-01-01, to: 2024-01-02}\n")
    trips.write("conf/base/parameters.yml", "least: 0\nlogin: {password: hunter2}\n")
    trips.entries = {
        "trips": {**table, "filepath": "data/trips.csv"},
        "cleaned": {**table, "filepath": "data/${slice:day}.csv", "checks": checks},
        "number": {"type": "json.JSONDataSet", "filepath": "data/n-${slice:day}.json"},
    }
    trips.write_catalog()
    for fares in ("1\n2\n", "1\n2\n1\n"):  # of which the same is kept
        trips.write("data/trips.csv", f"fare\n{fares}")
        options: dict[str, Any] = {"changed": True, "params": {"least": 0.5}}
        trips.session().run(tags="all", slices="day=2024-01-01", **options)

    schema = files("sparkpipe.journal").joinpath("run.schema.json").read_text(encoding="utf-8")
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    lines = [
        json.loads(line)
        for path in sorted((trips.folder / ".sparkpipe/runs").rglob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    for line in lines:
        validator.validate(line)
    begun, again = (line for line in lines if line["kind"] == "run_started")
    assert set(begun["identities"]) == {"clean", "count"}
    assert begun["selection"] == {"tags": ["all"]}
    assert (begun["params"]["least"], begun["extra_params"]["least"]) == (0.5, 0.5)
    assert begun["slices"] == {"day": "2024-01-01"}
    assert again["options"]["changed"] is True
    ended = {line["node"]: line for line in lines if line["kind"] == "node_ended"}
    found = {one["check"]: (one["outcome"], one["rows"]) for one in ended["clean"]["checks"]}
    assert found == {"paid": ("quarantined", 3), "not_null fare": ("passed", 3)}
    assert ended["count"]["status"] == "unchanged"
    assert ended["count"]["since"] == begun["run_id"]
    assert ended["count"]["reason"]


def test_what_is_not_known_makes_its_readers_run_and_says_so(trips: Trips) -> None:
    trips.write(f"{trips.package}/source.py", "def load():\n    return [1, 2, 3]\n")
    trips.entries["trips"] = {"type": "LambdaDataSet", "load": f"{trips.package}.source.load"}
    trips.write_catalog()
    trips.run()
    assert trips.why()["clean"] == ("trips: state not known",)
    trips.write(
        f"{trips.package}/source.py",
        "def load():\n    return [1, 2, 3]\n\n\ndef state():\n    return 'v1'\n",
    )
    trips.entries["trips"]["state"] = f"{trips.package}.source.state"
    trips.write_catalog()
    trips.run()
    assert trips.why() == {}
    trips.write(
        f"{trips.package}/source.py",
        "def load():\n    return [1, 2, 4]\n\n\ndef state():\n    return 'v1'\n",
    )
    assert trips.why()["clean"] == ("options of trips changed",)


def test_a_maker_that_ran_alone_makes_the_readers_of_memory_run(trips: Trips) -> None:
    trips.run()
    trips.edit("trip / 2", "trip / 4")
    assert trips.run(nodes=["halve"]) == ["halve"]
    assert {"count", "total"} <= trips.why().keys()


def test_a_failed_run_goes_on_where_it_stopped(trips: Trips) -> None:
    trips.edit('return {"mean"', 'raise ValueError("no")\n    return {"mean"')
    with pytest.raises(Exception, match="no"):
        trips.run()
    trips.edit('raise ValueError("no")\n    return', "return")
    assert trips.run() == ["report"]


def test_secrets_are_only_digests_and_their_change_is_told_without_them(trips: Trips) -> None:
    trips.edit("def count(trips):", "def count(trips, login=None, pin=None):")
    trips.write(
        f"{trips.package}/pipeline_registry.py",
        REGISTRY.format(package=trips.package).replace(
            'count, "half"', 'count, ["half", "params:login", "params:secret.pin"]'
        ),
    )
    parameters = (
        "least: 2.5\nlogin: {{user: me, password: hunter{0}}}\nsecret: {{pin: hunter{0}}}\n"
    )
    trips.write("conf/base/parameters.yml", parameters.format(2))
    trips.run()
    trips.write("conf/base/parameters.yml", parameters.format(3))
    assert trips.why()["count"] == ("params:login changed", "params:secret.pin changed")
    written = "".join(
        p.read_text() for p in (trips.folder / ".sparkpipe").rglob("*") if p.is_file()
    )
    assert "hunter" not in written


def test_without_a_journal_nothing_is_known(trips: Trips) -> None:
    trips.write("conf/base/journal.yml", "enabled: false\n")
    with pytest.raises(PreflightError, match="journal"):
        trips.session().run(changed=True)


def test_an_unchanged_project_ends_without_spark_in_one_line(trips: Trips) -> None:
    program = (
        "import sys\n"
        "from sparkpipe.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print('pyspark' in sys.modules)\n"
    )

    def run() -> list[str]:
        ended = subprocess.run(
            [sys.executable, "-c", program, "run", "--changed"],
            cwd=trips.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return ended.stdout.splitlines()

    run()
    told, has_pyspark = run()
    assert told.startswith("Nothing has changed since run ")
    assert told.endswith("; 5 nodes skipped.")
    assert has_pyspark == "False"


@pytest.mark.parametrize("is_cached", [False, True])
def test_files_may_count_by_their_content(trips: Trips, is_cached: bool) -> None:
    if is_cached:
        inner: Any = trips.entries["trips"]
        trips.entries["trips"] = {"type": "CachedDataSet", "dataset": inner}
    trips.entries["trips"]["changed_by"] = "content"
    trips.write_catalog()
    trips.run()
    trips.save("trips", [1, 2, 3, 4, 5])
    assert trips.why() == {}
    trips.save("trips", [1, 2, 3, 4, 6])
    assert trips.why()["clean"] == ("trips: files changed",)
    trips.entries["trips"]["changed_by"] = "colour"
    trips.write_catalog()
    with pytest.raises(PreflightError, match="'changed_by' must be one of time, content"):
        trips.run()


def test_what_is_read_bit_by_bit_runs_when_something_is_new(trips: Trips) -> None:
    trips.entries["trips"] = {
        "type": "IncrementalDataSet",
        "path": "data/days",
        "dataset": "json.JSONDataSet",
        "filename_suffix": ".json",
    }
    trips.write_catalog()
    trips.edit("return sorted(trip for trip in trips", "return sorted(trip for trip in flat(trips)")
    trips.edit("def keep(", "def flat(days):\n    return sum(days.values(), [])\n\n\ndef keep(")
    registry = REGISTRY.format(package=trips.package)
    registry = registry.replace('"cleaned")', '"cleaned", confirms="trips")')
    trips.write(f"{trips.package}/pipeline_registry.py", registry)
    trips.save("days/2024-01-01", [1, 3])
    assert trips.run() == ALL
    assert trips.why() == {}
    assert trips.run() == []
    trips.save("days/2024-01-02", [4])
    assert trips.why()["clean"] == ("trips: files changed",)
    assert trips.run() == ALL
    assert trips.load("cleaned") == [4]
    assert trips.why() == {}
    # Whoever removes the checkpoint wants all of it again.
    for path in (trips.folder / "data/days").glob("CHECKPOINT*"):
        path.unlink()
    assert trips.run() == ALL
    assert trips.load("cleaned") == [3, 4]


def test_what_runs_rest_on_is_kept(trips: Trips) -> None:
    trips.write("conf/base/journal.yml", "keep: 2\n")
    assert trips.run() == ALL
    for _ in range(5):
        assert trips.run() == []
    assert len([*trips.session().runs]) == 3


MODEL = """
class Model:
    def __init__(self, k):
        self.k = k

    def predict(self, x):
        return x * self.k + 1


def train(trips, options=None):
    return Model(len(trips))


def predict(model, trips):
    return [model.predict(x) for x in trips]


def part(trips):
    return {f"part-{n}": x for n, x in zip("xy", trips)}


def join(parts):
    return {name: load() for name, load in sorted(parts.items())}
"""


def _with(trips: Trips, nodes: str, **entries: Any) -> None:
    trips.write(f"{trips.package}/nodes.py", MODEL)
    registry = REGISTRY.format(package=trips.package)
    head, tail = registry.index("node(clean"), registry.index("        ]),")
    trips.write(f"{trips.package}/pipeline_registry.py", registry[:head] + nodes + registry[tail:])
    trips.entries |= entries
    trips.write_catalog()


def test_equal_bytes_of_a_pickle_may_be_of_other_code(trips: Trips) -> None:
    _with(
        trips,
        'node(train, "trips", "model"), node(predict, ["model", "trips"], "sum"),\n',
        model={"type": "pickle.PickleDataSet", "filepath": "data/model.pkl"},
    )
    trips.run()
    trips.edit("* self.k + 1", "* self.k + 100")
    assert trips.run() == ["predict", "train"]
    assert trips.load("sum")[0] == 105


def test_names_of_partitions_count_whatever_they_are(trips: Trips) -> None:
    entry = {"type": "PartitionedDataSet", "path": "data/parts", "dataset": "json.JSONDataSet"}
    _with(
        trips,
        'node(part, "trips", "parts"), node(join, "parts", "sum"),\n',
        parts={**entry, "filename_suffix": ".json"},
    )
    trips.save("trips", [1, 2])
    trips.run()
    trips.save("trips", [2, 1])
    assert trips.run() == ["join", "part"]
    assert trips.load("sum") == {"part-x": 2, "part-y": 1}


def test_any_parameters_can_be_told(trips: Trips, caplog: pytest.LogCaptureFixture) -> None:
    _with(trips, 'node(train, ["trips", "params:options"], "sum"),\n')
    trips.edit("return Model(len(trips))", "return options")
    text = "least: 1\noptions: {i: [1], j: {}, k: [{l: {m: []}}]}\n"
    trips.write("conf/base/parameters.yml", text)
    trips.run()
    assert trips.why() == {}
    trips.write("conf/base/parameters.yml", text.replace("[1]", "[2]"))
    assert trips.why()["train"] == ("params:options.i [1] → [2]",)
    assert not [one for one in caplog.records if one.levelname == "WARNING"]


def test_a_number_of_thousands_of_digits_is_written_down_and_compared(
    trips: Trips, caplog: pytest.LogCaptureFixture
) -> None:
    _with(trips, 'node(train, ["trips", "params:options"], "sum"),\n')
    trips.edit("return Model(len(trips))", "return 1")
    for last in "12":
        number = f"0x{'1' * 4999}{last}"
        trips.write("conf/base/parameters.yml", f"least: 1\noptions: [{number}, {{a: {number}}}]\n")
        assert trips.why()["train"] == ("never run" if last == "1" else "params:options changed",)
        assert trips.run() == ["train"]
        assert trips.why() == {}
    assert "cannot be" not in caplog.text


def test_options_count_though_they_look_like_secrets_and_so_do_classes_inside(
    trips: Trips,
) -> None:
    lines = (
        "from sparkpipe.datasets.json import JSONDataSet\n\n\n"
        "class Lines(JSONDataSet):\n"
        "    def __init__(self, filepath, key=None, query=None, credentials=None):\n"
        "        super().__init__(filepath)\n\n"
        "    def _load(self):\n        return super()._load()\n"
    )
    trips.write(f"{trips.package}/lines.py", lines)
    entry = {"type": f"{trips.package}.lines.Lines", "filepath": "data/trips.json", "key": "/one"}
    trips.entries["trips"] = entry
    trips.write("conf/base/credentials.yml", "store: {token: a}\n")
    trips.write_catalog()
    trips.run()
    entry |= {"credentials": "store"}
    trips.write_catalog()
    assert trips.why() == {}
    entry |= {"key": "/two"}
    trips.write_catalog()
    assert trips.why()["clean"] == ("options of trips changed",)
    trips.entries["trips"] = {"type": "CachedDataSet", "dataset": entry}
    trips.write_catalog()
    trips.run()
    changed = lines.replace("return super()._load()", "return super()._load()[1:]")
    trips.write(f"{trips.package}/lines.py", changed)
    assert trips.why()["clean"] == ("options of trips changed",)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"force": True, "changed": True}, "--force goes on with a run that is continued"),
        ({"resume": True}, 'Give resume="last", or the name of a run'),
    ],
)
def test_what_says_nothing_is_refused(trips: Trips, options: dict[str, Any], told: str) -> None:
    trips.run()
    with pytest.raises(SparkpipeError, match=told):
        trips.session().run(**options)
