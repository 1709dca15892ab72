"""A run as its journal tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from sparkpipe.events import CheckReport, DataSetReport, ErrorReport, NodeStatus
from sparkpipe.journal.lines import (
    SCHEMA,
    checks_of,
    data_sets_of,
    decode,
    error_of,
    jobs_of,
    parse,
)
from sparkpipe.journal.shapes import check_line

if TYPE_CHECKING:
    from sparkpipe.spark_jobs import SparkJob

#: How a run ended; ``running``: it has not; ``died``: its process ended without a word;
#: ``unfinished``: one of the two, but its place does not tell which.
Outcome = Literal["done", "failed", "interrupted", "running", "died", "unfinished"]

# What the end of a node tells under the names of its record.
_ENDED = (
    *("status", "started", "ended", "attempts", "load_seconds", "function_seconds"),
    *("save_seconds", "spark_seconds", "reason", "since", "jobs_left_out", "cores"),
)


class NoRunError(ValueError):
    """A file holds no run that this version can read."""


@dataclass(frozen=True)
class NodeRecord:
    """What a run did with a node.

    Attributes:
        run_id: The run.
        node: The name of the node.
        inputs: The names of its inputs.
        outputs: The names of its outputs.
        status: As of :class:`sparkpipe.events.NodeEnded`; ``running`` if it started, and no more
            is known; ``waiting`` if it did not.
        started: Seconds since the epoch; 0.0 if it never started.
        ended: Seconds since the epoch; 0.0 if it is not known to have ended.
        attempts: How many times it was tried.
        error: Why it failed.
        load_seconds: Time to load its inputs.
        function_seconds: Time in its function.
        save_seconds: Time to save its outputs.
        spark_seconds: Time in which a Spark job of it ran; None if not known.
        data_sets: What it has loaded and saved.
        reason: Why it did not run, in words.
        since: The run in which an unchanged node last ran.
        checks: What the checks of its data sets have found.
        jobs: What Spark has run for it; see :class:`sparkpipe.events.NodeEnded`.
        jobs_left_out: How many of its jobs are not in ``jobs``.
        cores: How many tasks Spark could run at once; None if not known.
        identity: What makes it what it is; empty if nobody has worked it out.
    """

    run_id: str
    node: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    status: NodeStatus | Literal["running", "waiting"] = "waiting"
    started: float = 0.0
    ended: float = 0.0
    attempts: int = 0
    error: ErrorReport | None = None
    load_seconds: float = 0.0
    function_seconds: float = 0.0
    save_seconds: float = 0.0
    spark_seconds: float | None = None
    data_sets: tuple[DataSetReport, ...] = ()
    reason: str = ""
    since: str = ""
    checks: tuple[CheckReport, ...] = ()
    jobs: tuple[SparkJob, ...] = ()
    jobs_left_out: int = 0
    cores: int | None = None
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def seconds(self) -> float:
        """How long it took; 0.0 where it has not ended."""
        return max(0.0, self.ended - self.started)

    @property
    def saved(self) -> dict[str, DataSetReport]:
        """What it has saved, by name."""
        return {one.name: one for one in self.data_sets if one.direction == "save"}

    @property
    def loaded(self) -> dict[str, DataSetReport]:
        """What it has loaded, by name."""
        return {one.name: one for one in self.data_sets if one.direction == "load"}


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Attributes:
        run_id: Its name.
        outcome: How it ended.
        started: Seconds since the epoch.
        seconds: How long it took; until its last sign of life where it has not ended.
        project: The name of the project.
        pipeline: The name of the pipeline.
        selection: The filters that were given, by their names.
        environment: The configuration environment on top of base.
        runner: The name of the runner's class.
        runner_options: What the runner was told.
        params: The parameters, secrets hidden.
        extra_params: Those of them that were given on top of those of the files.
        versions: Of ``sparkpipe``, ``python`` and ``spark``.
        slices: The slice that it was of.
        resumes: The run that it continues.
        options: What else it was asked for; see :class:`sparkpipe.events.RunDescription`.
        host: The machine.
        lanes: How many nodes its runner runs at once, where there are so many; 0 if not known.
        nodes: What it did with each node, by name, in the order of the plan.
        notes: What could not be read of it, in words.
    """

    run_id: str
    outcome: Outcome
    started: float = 0.0
    seconds: float = 0.0
    project: str = ""
    pipeline: str = ""
    selection: Mapping[str, Any] = field(default_factory=dict)
    environment: str | None = None
    runner: str = ""
    runner_options: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[str, str] = field(default_factory=dict)
    resumes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    host: str = ""
    lanes: int = 0
    nodes: Mapping[str, NodeRecord] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many nodes ended how."""
        counts: dict[str, int] = {}
        for record in self.nodes.values():
            counts[record.status] = counts.get(record.status, 0) + 1
        return counts

    @property
    def may_go_on(self) -> bool:
        """Whether it goes on, as far as its place tells."""
        return self.outcome in ("running", "unfinished")

    def presumed(self, now: float, silence: float = 3600.0) -> RunRecord:
        """Return it as dead if nothing was heard of it for too long, where nobody can tell.

        Args:
            now: The time of the clock.
            silence: How many seconds are too long.
        """
        is_silent = now - self.started - self.seconds > silence
        return replace(self, outcome="died") if self.outcome == "unfinished" and is_silent else self


def read_record(lines: Iterable[bytes]) -> RunRecord:
    """Return the run that lines tell; one that has no end is ``unfinished``.

    Raises:
        NoRunError: They tell no run, or one of a newer schema.
    """
    iterator = iter(lines)
    try:
        head = decode(next(iterator))
    except (StopIteration, ValueError) as exc:
        raise NoRunError("it does not begin with the start of a run") from exc
    if not is_start(head):
        raise NoRunError("it does not begin with the start of a run")
    if head["schema"] > SCHEMA:
        raise NoRunError(f"a newer sparkpipe has written it (schema {head['schema']})")
    try:
        check_line(head)
    except ValueError as exc:
        raise NoRunError(f"it is not as a run is written: {exc}") from exc
    return _folded(head, iterator)


def is_start(line: Mapping[str, Any]) -> bool:
    """Whether a line is one with which runs begin, of whichever schema."""
    return line["kind"] == "run_started" and isinstance(line.get("schema"), int)


def _folded(head: Mapping[str, Any], lines: Iterable[bytes]) -> RunRecord:
    run_id = str(head["run_id"])
    identities = head.get("identities", {})
    known: dict[str, dict[str, Any]] = {one["name"]: {} for one in head["plan"]}
    started = last = float(head["time"])
    outcome: Outcome = "unfinished"
    seconds = 0.0
    torn = 0
    for line in lines:
        try:
            told = parse(line)
        except ValueError:
            torn += 1
            continue
        last = max(last, told.get("time") or told.get("ended") or 0.0)
        if told["kind"] == "run_ended":
            outcome, seconds = told["outcome"], float(told["seconds"])
        elif told.get("node") in known:
            known[told["node"]] |= _facts_of(told)
    nodes = {
        one["name"]: NodeRecord(
            run_id,
            one["name"],
            tuple(one["inputs"]),
            tuple(one["outputs"]),
            identity=identities.get(one["name"], {}),
            **known[one["name"]],
        )
        for one in head["plan"]
    }
    return RunRecord(
        run_id,
        outcome,
        started,
        seconds or last - started,
        nodes=nodes,
        notes=(f"{torn} line(s) could not be read and are left out",) if torn else (),
        **{
            name: head[name]
            for name in (
                *("project", "pipeline", "selection", "environment", "runner", "runner_options"),
                *("params", "extra_params", "versions", "slices", "resumes"),
                *("options", "host", "lanes"),
            )
            if name in head
        },
    )


def _facts_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a line tells of its node, by the attributes of its record."""
    if told["kind"] == "node_started":
        return {"status": "running", "started": float(told["time"])}
    if told["kind"] == "node_retried":
        return {"attempts": told["attempt"]}
    if told["kind"] != "node_ended":
        return {}
    plain = {name: told[name] for name in _ENDED if name in told}
    found = {"data_sets": data_sets_of(told), "checks": checks_of(told), "jobs": jobs_of(told)}
    return {**plain, "error": error_of(told), **found}
