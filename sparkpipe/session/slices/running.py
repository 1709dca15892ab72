"""Running slices: one after the other, or side by side in one Spark session."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from sparkpipe.errors import ConfigError, SlicesFailedError, first_line
from sparkpipe.events import RunObserver, RunStarted, observing
from sparkpipe.io import MemoryDataSet
from sparkpipe.io.core import generate_timestamp
from sparkpipe.io.presence import is_present
from sparkpipe.io.working import working_for
from sparkpipe.session.composing import Request, prepare_run
from sparkpipe.session.selection import Relation, Selection
from sparkpipe.session.slices.choosing import with_choices
from sparkpipe.session.slices.depending import Stage
from sparkpipe.slices.asking import Combination, name_of, texts_of
from sparkpipe.spark.jobs.run import SparkRun, current_run

if TYPE_CHECKING:
    from sparkpipe.session.session import Session

_logger = logging.getLogger(__name__)

# On Windows a wait without end would hold back Ctrl-C.
_WAKE_UP_SECONDS = 1.0

Status = Literal["done", "failed", "not run"]


@dataclass(frozen=True)
class Unit:
    """One run: the nodes of a stage, for one choice of its slices.

    Attributes:
        stage: The nodes.
        slices: The choice; empty for what runs once.
    """

    stage: Stage
    slices: Combination

    @property
    def name(self) -> str:
        """The slices as they are asked for; empty for what runs once."""
        return name_of(texts_of(self.slices))


@dataclass(frozen=True)
class Outcome:
    """How one run has ended.

    Attributes:
        slices: The slices by name; empty for what runs once.
        status: ``done``, ``failed``, or ``not run``, as after a failure before it.
        seconds: How long it took.
        error: Why it failed.
        outputs: What the catalog does not hold, by name.
        run_id: The run; empty if there was none.
    """

    slices: Mapping[str, str]
    status: Status
    seconds: float = 0.0
    error: Exception | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    run_id: str = ""

    @property
    def name(self) -> str:
        """The slices as they are asked for; empty for what runs once."""
        return name_of(self.slices)


Tell = Callable[[Outcome, int, int], None]


@dataclass(frozen=True)
class SlicedRun:
    """A run over slices in which nothing is left to find wrong; started by :meth:`run`.

    Attributes:
        session: The session, which has no slices itself.
        request: What is asked for.
        chosen: The slices.
        stages: The nodes, in the order in which they run.
        states: The states of which only slices are asked for; empty for all.
    """

    session: Session = field(repr=False)
    request: Request
    chosen: tuple[Combination, ...]
    stages: tuple[Stage, ...]
    states: frozenset[str] = frozenset()

    def units(self, stage: Stage) -> list[Unit]:
        """Return the runs of a stage, in the order of the slices."""
        choices = {
            tuple(one[name].text for name in stage.slices): {n: one[n] for n in stage.slices}
            for one in self.chosen
        }
        return [Unit(stage, slices) for slices in choices.values()]

    def run(
        self, at_once: int = 1, *, fail_fast: bool = False, tell: Tell | None = None
    ) -> dict[str, dict[str, Any]]:
        """Run every slice.

        Args:
            at_once: How many run side by side, in one Spark session.
            fail_fast: After a failure start no other slice.
            tell: Called with each outcome, how many there are so far, and of how many.

        Returns:
            The outputs that the catalog does not hold, by slices and by name.

        Raises:
            ConfigError: ``at_once`` is no number of slices.
            SlicesFailedError: At least one slice failed; all outcomes are in it.
        """
        if not isinstance(at_once, int) or at_once < 1:
            raise ConfigError(f"slices_at_once must be a whole number from 1 on, not {at_once!r}.")
        return _Work(self, fail_fast, tell).run(at_once)


class _Work:
    """The state of a run over slices.

    * ``units``: the runs of each stage, and their places in the order of all;
    * ``outcomes``: how each one has ended, by its place;
    * ``failed``: units that have failed, or did not run;
    * ``held``: the data sets in memory that a unit hands on to later stages;
    * ``live``: the runs that are at work, so that an interrupt can end them.
    """

    def __init__(self, sliced: SlicedRun, fail_fast: bool, tell: Tell | None) -> None:
        self._sliced = sliced
        self._fail_fast = fail_fast
        self._tell = tell
        self._units = [sliced.units(stage) for stage in sliced.stages]
        self._places = {id(unit): i for i, unit in enumerate(chain.from_iterable(self._units))}
        self._outcomes: dict[int, Outcome] = {}
        self._failed: list[Unit] = []
        self._held: list[tuple[Unit, dict[str, Any]]] = []
        self._live: dict[int, SparkRun] = {}
        self._lock = threading.Lock()
        self._is_ending = False

    def run(self, at_once: int) -> dict[str, dict[str, Any]]:
        for stage, units in zip(self._sliced.stages, self._units, strict=True):
            alone = len(units) if at_once == 1 else self._count_alone(stage)
            for unit in units[:alone]:
                self._settle(unit, self._run_or_not(unit))
            if units[alone:]:
                self._run_side_by_side(units[alone:], at_once)
            self._let_go(after=stage)
        outcomes = [self._outcomes[place] for place in sorted(self._outcomes)]
        if self._failed:
            raise SlicesFailedError(outcomes)
        outputs: dict[str, dict[str, Any]] = {}
        for outcome in outcomes:
            outputs.setdefault(outcome.name, {}).update(outcome.outputs)
        return {name: found for name, found in outputs.items() if name or found}

    def _count_alone(self, stage: Stage) -> int:
        """Return how many slices must run before others may run beside them."""
        if stage.in_turn:
            _logger.info(
                "Slices of %s run one after the other: their writes would conflict.",
                ", ".join(map(repr, stage.shared)),
            )
            return len(self._sliced.units(stage))
        if not stage.shared:
            return 0
        # Of those who make a table side by side one wins, and the others fail.
        catalog = self._sliced.session.catalog
        return 0 if all(is_present(catalog[name]) for name in stage.shared) else 1

    def _let_go(self, after: Stage) -> None:
        """Keep of what is handed on only what is still read."""
        stages = self._sliced.stages
        read: set[str] = set()
        for stage in stages[stages.index(after) + 1 :]:
            read |= stage.pipeline.inputs()
        kept = (
            (unit, {name: one for name, one in held.items() if name in read})
            for unit, held in self._held
        )
        self._held = [(unit, held) for unit, held in kept if held]

    def _run_side_by_side(self, units: Iterable[Unit], at_once: int) -> None:
        running: dict[Future[Outcome], Unit] = {}
        to_start = list(reversed(list(units)))
        with ThreadPoolExecutor(at_once, "sparkpipe-slice") as executor:
            try:
                while to_start or running:
                    while to_start and len(running) < at_once:
                        unit = to_start.pop()
                        context = contextvars.copy_context()
                        running[executor.submit(context.run, self._run_or_not, unit)] = unit
                    ended, _ = wait(running, _WAKE_UP_SECONDS, FIRST_COMPLETED)
                    for future in ended:
                        self._settle(running.pop(future), future.result())
            except BaseException:  # an interrupt: nothing may write any more when this returns
                self._end_all()
                raise

    def _end_all(self) -> None:
        with self._lock:
            self._is_ending = True
            live = [*self._live.values()]
        for run in live:
            run.cancel(stop=True)

    def _settle(self, unit: Unit, outcome: Outcome) -> None:
        self._outcomes[self._places[id(unit)]] = outcome
        if outcome.status != "done":
            self._failed.append(unit)
        with working_for(outcome.run_id, ""):
            if outcome.error is not None:
                _logger.error("%s: %s", outcome.name or "The run", first_line(str(outcome.error)))
            if self._tell is not None:
                self._tell(outcome, len(self._outcomes), len(self._places))

    def _run_or_not(self, unit: Unit) -> Outcome:
        # What reads all slices would be wrong without those that have failed.
        needs_failed = any(_are_one(unit, failed) for failed in [*self._failed])
        texts = texts_of(unit.slices)
        if needs_failed or (self._fail_fast and self._failed):
            return Outcome(texts, "not run")
        run_id, started = generate_timestamp(), time.perf_counter()
        outputs: Mapping[str, Any] = {}
        error: Exception | None = None
        try:
            outputs = self._run(unit, run_id)
        except Exception as exc:  # a hook or a runner of the user's may raise anything
            error = exc
        status: Status = "done" if error is None else "failed"
        return Outcome(texts, status, time.perf_counter() - started, error, outputs, run_id)

    def _run(self, unit: Unit, run_id: str) -> dict[str, Any]:
        stage, session = unit.stage, with_choices(self._sliced.session, unit.slices)
        given = dict(self._sliced.request.inputs or {})
        for maker, data_sets in self._held:
            if _are_one(unit, maker):
                given |= data_sets
        read = stage.pipeline.data_sets()
        inputs = {name: data for name, data in given.items() if name in read}
        inputs |= {name: MemoryDataSet() for name in stage.unregistered}
        request = replace(
            self._sliced.request,
            inputs=inputs,
            selection=self._selection(stage),
            relation=self._relation(unit),
            run_id=run_id,
        )
        prepared = prepare_run(session, request)
        kept = frozenset(stage.handed_on)
        plan = replace(prepared.plan, releasable=prepared.plan.releasable - kept)
        with observing(_Catching(self._live, self._lock, lambda: self._is_ending)):
            outputs = replace(prepared, plan=plan).run()
        self._held.append((unit, {name: prepared.catalog[name] for name in stage.handed_on}))
        return outputs

    def _relation(self, unit: Unit) -> Relation:
        """Return how the run of a slice stands to earlier ones: in a job each has its own name."""
        relation = self._sliced.request.relation
        if not relation.job_run_id:
            return relation
        # What is handed on in memory has to be made again.
        name = None if unit.stage.handed_on else f"{relation.job_run_id} {unit.name}".strip()
        return replace(relation, job_run_id=name, force=relation.force and name is not None)

    def _selection(self, stage: Stage) -> Selection:
        selection = self._sliced.request.selection
        if len(self._sliced.stages) == 1:
            return selection
        names = tuple(node.name for node in stage.pipeline.nodes)
        return Selection(selection.pipeline_name, node_names=names)


class _Catching(RunObserver):
    """Knows the runs that are at work, so that they can be ended from another thread."""

    def __init__(
        self, live: dict[int, SparkRun], lock: threading.Lock, is_ending: Callable[[], bool]
    ) -> None:
        self._live = live
        self._lock = lock
        self._is_ending = is_ending

    def on_run_started(self, event: RunStarted) -> None:
        """Take note of the run."""
        run = current_run()
        if run is None:
            return
        with self._lock:
            self._live[threading.get_ident()] = run
        if self._is_ending():
            run.cancel(stop=True)

    def on_run_ended(self, event: Any) -> None:
        """Forget the run."""
        with self._lock:
            self._live.pop(threading.get_ident(), None)


def _are_one(unit: Unit, other: Unit) -> bool:
    """Whether the slices of two units agree, where both have a choice."""
    shared = unit.slices.keys() & other.slices.keys()
    return all(unit.slices[name].text == other.slices[name].text for name in shared)
