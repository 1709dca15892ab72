"""What a run tells: frozen events of plain values, and who is told.

A run tells that it started, that each node started, was tried again and ended, and that it ended
itself. Whatever shows or keeps a run (the live display, the summary, a notebook, a journal) is an
observer of these events, and reads nothing else::

    class Printer(RunObserver):
        def on_node_ended(self, event):
            print(event.node, event.status, f"{event.seconds:.1f} s")

    with observing(Printer()):
        runner.run(pipeline, catalog)

The process that runs a node makes the events of it, and they travel with its outcome. A run looks
for its observers once, when it starts, in the context that starts it. The nodes of a run are not in
that context: a run that a node starts tells its own observers only, and so do threads that a node
starts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, cast

from sparkpipe.errors import first_line
from sparkpipe.frozen import freeze_mappings

if TYPE_CHECKING:
    from sparkpipe.plan import Plan
    from sparkpipe.spark_jobs import SparkJob

_logger = logging.getLogger(__name__)

NodeStatus = Literal["done", "failed", "cancelled", "skipped", "unchanged"]
RunOutcome = Literal["done", "failed", "interrupted"]
Direction = Literal["load", "save"]
CheckOutcome = Literal["passed", "warned", "dropped", "quarantined", "failed"]


class _Values:
    """Equal if all of its fields are.

    A dataclass has these methods written for each class, which took half of the time in which this
    module is imported.
    """

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        shown = (one.name for one in fields(cast(Any, self)) if one.repr)
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({told})"


@dataclass(frozen=True, eq=False, repr=False)
class ErrorReport(_Values):
    """Why something failed.

    Attributes:
        type: The class of the error that was raised first, ``ValueError``.
        message: What it says, in a few lines.
        location: ``file:line in function`` of the user's code that is nearest to it; may be empty.
        lines: The way through the user's code, as a traceback has it: pairs of such a place and the
            source of its line, the nearest one last; of a longer way the last ten. Empty where the
            error was raised in nothing of the user's.
    """

    type: str
    message: str
    location: str = ""
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class DataSetReport(_Values):
    """A data set that a node has loaded or saved.

    Attributes:
        name: Its name in the catalog.
        type: The name of its class.
        location: Where it lies; empty for what is in memory.
        direction: ``load`` or ``save``.
        seconds: How long it took.
        rows: How many rows were read or written; None where that is not known at no cost.
        bytes: How many bytes lie in the files that were read or written, or were added to one; None
            likewise.
        version: Which version was read or written; None where it has none.
        is_lazy: Whether it is a Spark frame left in memory, computed by whoever reads it.
        state: A token of what was there before it was loaded, or is there since it was saved, as of
            its ``state()``; None where that cannot be told cheaply.
        lag: How many records or files of its source a stream had still to take when it ended; None
            where nobody tells.
        columns: Names and types of the first columns of a frame that was saved, by the words of its
            library; empty where that is not known at no cost.
        table_id: What tells the table that was read from one that is made anew in its place; None
            where that was not asked.
        preview: Names of columns, then a few rows of what was saved as texts, secrets hidden; empty
            unless its entry says ``preview``.
        origins: For the columns of a Spark frame that was saved, the inputs of the node and their
            columns that they are made of; empty unless an observer has ``wants_origins``, and
            where that is not known (:func:`sparkpipe.io.origins.trace_origins`).
    """

    name: str
    type: str
    location: str
    direction: Direction
    seconds: float
    rows: int | None = None
    bytes: int | None = None
    version: str | None = None
    is_lazy: bool = False
    state: str | None = None
    lag: int | None = None
    table_id: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    preview: tuple[tuple[str | None, ...], ...] = ()
    origins: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class CheckReport(_Values):
    """What a check of a data set has found.

    Attributes:
        data_set: The name of the data set.
        check: The name of the check.
        direction: Whether it was judged at a ``load`` or a ``save``.
        outcome: ``passed``; else what became of what did not pass: ``warned``, ``dropped``,
            ``quarantined``, or ``failed``: nothing was saved.
        failed: How many rows did not pass; None where they were not counted.
        rows: How many rows were judged; None where they were not counted.
        told: What was found, in words; empty if it passed.
        quarantine: Where the rows that did not pass are; empty if nowhere.
    """

    data_set: str
    check: str
    direction: Direction
    outcome: CheckOutcome = "passed"
    failed: int | None = None
    rows: int | None = None
    told: str = ""
    quarantine: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class RunStarted(_Values):
    """A run begins; nothing has been loaded yet.

    Attributes:
        run_id: The name of the run, which is also the version that it saves.
        plan: What will run, in which order. The only value here that is no plain one.
        project: The name of the project; empty for a runner that was called by itself.
        pipeline: The name of the pipeline.
        selection: The filters that were given, by their names.
        environment: The configuration environment on top of base.
        runner: The name of the runner's class.
        runner_options: What the runner was told, by the names of its arguments.
        params: The parameters of the run, secrets hidden.
        versions: Of ``sparkpipe``, ``python`` and, where it is installed, ``spark``.
        extra_params: Parameters that were given on top of those of the files, secrets hidden.
        slices: The slice that the run is of, by the names of its dimensions.
        resumes: The run that this one continues; empty if it is a run of its own.
        options: See :class:`sparkpipe.description.RunDescription`.
        identities: By the names of nodes, what makes each one what it is: hashes of its code, its
            parameters and the options of its data sets. Empty where nobody has worked them out.
        time: Seconds since the epoch.
        lanes: How many nodes the runner runs at once, where there are so many; 0 if not known.
    """

    kind: ClassVar[str] = "run_started"

    run_id: str
    plan: Plan = field(repr=False)
    project: str = ""
    pipeline: str = ""
    selection: Mapping[str, Any] = field(default_factory=dict)
    environment: str | None = None
    runner: str = ""
    runner_options: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    slices: Mapping[str, str] = field(default_factory=dict)
    resumes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    identities: Mapping[str, Any] = field(default_factory=dict, repr=False)
    time: float = field(default_factory=time.time)
    lanes: int = 0

    def __post_init__(self) -> None:
        freeze_mappings(self)


@dataclass(frozen=True, eq=False, repr=False)
class NodeStarted(_Values):
    """A node is handed to the pool.

    Attributes:
        run_id: The run.
        node: The name of the node.
        time: Seconds since the epoch.
    """

    kind: ClassVar[str] = "node_started"

    run_id: str
    node: str
    time: float = field(default_factory=time.time)


@dataclass(frozen=True, eq=False, repr=False)
class NodeRetried(_Values):
    """An attempt at a node has failed, and another one was made. Told when the node has ended.

    Attributes:
        run_id: The run.
        node: The name of the node.
        attempt: The attempt that failed, counted from 1.
        error: Why.
        wait: How long the node waited before the next attempt, in seconds.
        time: When the attempt failed, in seconds since the epoch.
    """

    kind: ClassVar[str] = "node_retried"

    run_id: str
    node: str
    attempt: int
    error: ErrorReport
    wait: float
    time: float = field(default_factory=time.time)


@dataclass(frozen=True, eq=False, repr=False)
class NodeEnded(_Values):
    """A node has ended, or will never start.

    Attributes:
        run_id: The run.
        node: The name of the node.
        status: ``done``; ``failed``; ``cancelled`` while it ran; ``skipped``: it never started;
            ``unchanged``: it did not have to, as its outputs are those that it would make.
        started: Seconds since the epoch; 0.0 if it never started.
        ended: Seconds since the epoch; 0.0 if it never started.
        attempts: How many times it was tried; 0 if it never started.
        error: Why it failed; None if it did not.
        load_seconds: Time to load its inputs, in all attempts.
        function_seconds: Time in its function, in all attempts.
        save_seconds: Time to save its outputs, in all attempts.
        spark_seconds: Time in which at least one Spark job of the node ran; None if not known.
        data_sets: What its last attempt has loaded and saved, in this order.
        reason: Why it did not start, in words; empty if it did, or where that is plain.
        since: The run in which an unchanged node last ran.
        checks: What the checks of its data sets have found.
        jobs: What Spark has run for it in all attempts, as far as Spark tells: classic Spark does,
            Spark Connect does not. Of more than 200 jobs or 400 stages, the longest jobs.
        jobs_left_out: How many of its jobs are not in ``jobs``.
        cores: How many tasks Spark could run at once; None where it has run none, or does not tell.
    """

    kind: ClassVar[str] = "node_ended"

    run_id: str
    node: str
    status: NodeStatus
    started: float = 0.0
    ended: float = 0.0
    attempts: int = 1
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

    @property
    def seconds(self) -> float:
        """How long it took, from the start of the first attempt to the end of the last."""
        return self.ended - self.started

    @property
    def lazy_outputs(self) -> tuple[str, ...]:
        """Outputs that are Spark frames left in memory, computed by whoever reads them."""
        return tuple(d.name for d in self.data_sets if d.is_lazy and d.direction == "save")


@dataclass(frozen=True, eq=False, repr=False)
class RunEnded(_Values):
    """A run is over, and nothing of it runs any more.

    Attributes:
        run_id: The run.
        outcome: ``done``, ``failed``, or ``interrupted`` by Ctrl-C or a signal.
        counts: How many nodes ended how.
        seconds: How long the run took.
        time: Seconds since the epoch.
    """

    kind: ClassVar[str] = "run_ended"

    run_id: str
    outcome: RunOutcome
    counts: Mapping[NodeStatus, int]
    seconds: float
    time: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        freeze_mappings(self)


NodeEvent: TypeAlias = "NodeRetried | NodeEnded"
Event: TypeAlias = "RunStarted | NodeStarted | NodeRetried | NodeEnded | RunEnded"


def as_dict(event: Event) -> dict[str, Any]:
    """Return an event as a dictionary that can be written as JSON, its ``kind`` first.

    The plan becomes the list of its nodes, each with its name, inputs and outputs. What is no plain
    value, such as a date among the parameters, becomes its text.

    >>> as_dict(NodeStarted("run 1", "clean", time=1.5))
    {'kind': 'node_started', 'run_id': 'run 1', 'node': 'clean', 'time': 1.5}
    """
    return {"kind": event.kind, **_plain_fields(event)}


def _plain_fields(thing: Any) -> dict[str, Any]:
    return {one.name: _as_plain(getattr(thing, one.name)) for one in fields(thing)}


def _as_plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _as_plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_plain(one) for one in value]
    nodes = getattr(value, "nodes", None)
    if nodes is not None:
        return [
            {"name": n.name, "inputs": [*n.input_names], "outputs": [*n.output_names]}
            for n in nodes
        ]
    return _plain_fields(value) if is_dataclass(value) else str(value)


class Observer(Protocol):
    """Whoever is told of runs. It is called by one thread for each run.

    One with an attribute ``wants_origins`` that is true is told what the columns of saved frames
    are made of, too.
    """

    def on_event(self, event: Event) -> None:
        """Take note of an event."""


class RunObserver:
    """An observer with a method for each kind of event; a subclass writes those that it needs.

    One that wants every event overrides :meth:`on_event` instead.
    """

    def on_event(self, event: Event) -> None:
        """Call the method for the kind of event."""
        getattr(self, f"on_{event.kind}")(event)

    def on_run_started(self, event: RunStarted) -> None:
        """A run begins; nothing has been loaded yet."""

    def on_node_started(self, event: NodeStarted) -> None:
        """A node is handed to the pool."""

    def on_node_retried(self, event: NodeRetried) -> None:
        """A node that has ended was tried more than once; called for each attempt but the last."""

    def on_node_ended(self, event: NodeEnded) -> None:
        """A node has ended, or will never start."""

    def on_run_ended(self, event: RunEnded) -> None:
        """The run is over, also after a failure or Ctrl-C."""


class _Guarded:
    """Tells an observer, whose errors have no effect on the run."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._has_failed = False
        self.wants_origins = False
        try:
            self.wants_origins = bool(getattr(observer, "wants_origins", False))
        except Exception as exc:
            self._fail(exc)

    def on_event(self, event: Event) -> None:
        try:
            self._observer.on_event(event)
        except KeyboardInterrupt:  # it is meant for the run
            raise
        except BaseException as exc:
            self._fail(exc)

    def _fail(self, exc: BaseException) -> None:
        # Once is enough: what fails for one node will fail for hundreds.
        if not self._has_failed:
            _tell_failure(type(self._observer).__name__, exc)
        self._has_failed = True


def _tell_failure(name: str, exc: BaseException) -> None:
    _logger.warning(
        "%s cannot watch this run: %s: %s", name, type(exc).__name__, first_line(str(exc))
    )


#: The group of entry points by which installed packages offer observers.
ENTRY_POINTS = "sparkpipe.observers"


def make_observers(offered: Iterable[Any]) -> tuple[Observer, ...]:
    """Return the observers of one run: those given, and one of each class given.

    A class of which none can be made is logged, and left out.
    """
    made: list[Observer] = []
    for one in offered:
        try:
            made.append(one() if isinstance(one, type) else one)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            _tell_failure(one.__name__, exc)
    return tuple(made)


_observers: ContextVar[tuple[Observer, ...]] = ContextVar("_observers", default=())


@contextmanager
def observing(*observers: Observer) -> Iterator[None]:
    """Let observers watch the runs that are started within it, beside those that watch already.

    An error of an observer is logged, once, and has no effect on the run.

    Args:
        observers: Any objects with a method ``on_event``.
    """
    token = _observers.set((*_observers.get(), *map(_Guarded, observers)))
    try:
        yield
    finally:
        _observers.reset(token)


class observing_only:  # noqa: N801 - it is used like a function
    """Let these observers watch what happens within it, and nobody else.

    With none of them, nobody watches the runs that are started within it: those of a node.
    """

    # Each node of a run that is watched enters one: a generator takes four times as long.
    __slots__ = ("_observers", "_token")

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def __enter__(self) -> None:
        self._token = _observers.set(self._observers)

    def __exit__(self, *_: object) -> None:
        _observers.reset(self._token)


def current_observers() -> tuple[Observer, ...]:
    """Return who watches a run that is started here; their methods raise nothing."""
    return _observers.get()


def want_origins(observers: Iterable[Observer]) -> bool:
    """Return whether one of the observers wants to be told what columns are made of."""
    return any(getattr(one, "wants_origins", False) for one in observers)
