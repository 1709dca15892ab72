"""Which nodes of a run have to run, and why: those of which something has changed.

Each node has a level:

* ``SKIPPED``: its identity, its inputs and its outputs are as its last good run left them;
* ``MAYBE``: all of that holds, but what makes its inputs runs; whether it has to run is known when
  that has run, as it may come to the same;
* ``SURE``: it runs.

What is only in memory has to be made again for whoever reads it. So a node that is needed gets the
level of the one that needs it; it is then made again, not changed, and its other readers stay as
they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import is_memory_only, state_of, state_to_load
from sparkpipe.io.presence import is_known_present
from sparkpipe.io.tokens import NOTHING_NEW
from sparkpipe.journal.identity import NodeIdentity
from sparkpipe.journal.records import NodeRecord
from sparkpipe.journal.words import tell_identity, tell_state
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.plan import Plan

SKIPPED, MAYBE, SURE = range(3)

UNCHANGED = "nothing has changed"


@dataclass(frozen=True)
class Decision:
    """Whether a node runs.

    Attributes:
        node: Its name.
        level: ``SKIPPED``, ``MAYBE`` or ``SURE``.
        reasons: Why it runs, or does not, in words.
        since: The run in which it last ran well; empty if there is none.
        is_changed: Whether it runs for a reason of its own, not for those that need it.
        differences: Those of the reasons that tell what is no longer as it was; the others tell why
            that cannot be known, or that it does not matter.
        unknown: Inputs and outputs of which nobody tells whether they are as they were.
    """

    node: str
    level: int
    reasons: tuple[str, ...]
    since: str = ""
    is_changed: bool = False
    differences: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it is to run, as far as is known before."""
        return self.level > SKIPPED


def decide(
    plan: Plan,
    catalog: DataCatalog,
    identities: Mapping[str, NodeIdentity],
    last_good: Mapping[str, NodeRecord],
) -> dict[str, Decision]:
    """Return for each node of a plan whether it runs; nothing is loaded, and no Spark started.

    Args:
        plan: What would run.
        catalog: Where its data is.
        identities: The identities of its nodes, of all or of none.
        last_good: What each of them did when it last ran well.
    """
    decider = _Decider(plan, catalog, identities, last_good)
    return decider.decisions()


class _OwnReasons:
    """Why a node runs, others aside."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.differences: list[str] = []
        self.unknown: list[str] = []

    def differs(self, *words: str) -> None:
        self.words += words
        self.differences += words

    def is_unknown(self, words: str) -> None:
        self.words.append(words)

    def has_no_state(self, name: str, what: str) -> None:
        self.is_unknown(f"{what}{_not_known(name)}")
        self.unknown.append(name)


class DataFlow:
    """Who makes what in a plan, and who reads it.

    Args:
        plan: The plan.
        catalog: Tells what is only in memory.

    Attributes:
        maker: For each data set that a node makes, without its form, the position of the node.
        readers: For each of these, the positions of those who read it.
    """

    def __init__(self, plan: Plan, catalog: DataCatalog) -> None:
        self._catalog = catalog
        self._in_memory: dict[str, bool] = {}
        self.maker = {name: i for i, node in enumerate(plan.nodes) for name in node.writes}
        self.readers: dict[str, list[int]] = {name: [] for name in self.maker}
        for position, node in enumerate(plan.nodes):
            for name in node.reads:
                if name in self.readers:
                    self.readers[name].append(position)

    def is_in_memory(self, name: str) -> bool:
        """Whether a data set, with its form, ends with the run."""
        found = self._in_memory.get(name)
        if found is None:
            found = name not in self._catalog or is_memory_only(self._catalog[name])
            self._in_memory[name] = found
        return found

    def made_inputs(self, node: Node) -> list[tuple[str, int]]:
        """Return the inputs of a node that other nodes of the plan make, and who makes them."""
        made = ((name, self.maker.get(strip_transcoding(name))) for name in node.input_names)
        return [(name, position) for name, position in made if position is not None]


class _Decider:
    def __init__(
        self,
        plan: Plan,
        catalog: DataCatalog,
        identities: Mapping[str, NodeIdentity],
        last_good: Mapping[str, NodeRecord],
    ) -> None:
        self._nodes = plan.nodes
        self._catalog = catalog
        self._identities = identities
        self._last_good = last_good
        self._flow = DataFlow(plan, catalog)
        self._states: dict[str, str | None] = {}
        self._levels = [SKIPPED] * len(plan.nodes)
        self._reasons: list[list[str]] = [[] for _ in plan.nodes]
        self._is_changed = [False] * len(plan.nodes)
        # What follows from a change; what is made again from the same does not.
        self._follows = [False] * len(plan.nodes)
        self._to_visit: list[int] = []

    def decisions(self) -> dict[str, Decision]:
        own = [self._own_reasons(node) for node in self._nodes]
        for position, reasons in enumerate(own):
            if reasons.words:
                self._is_changed[position] = True
                self._raise(position, SURE, *reasons.words)
        for position, is_changed in enumerate(self._is_changed):
            if is_changed:
                self._let_follow(position)
        while self._to_visit:
            self._need_for(self._to_visit.pop())
        return {
            node.name: self._decision(position, node, own[position])
            for position, node in enumerate(self._nodes)
        }

    def _decision(self, position: int, node: Node, own: _OwnReasons) -> Decision:
        record = self._last_good.get(node.name)
        level = self._levels[position]
        return Decision(
            node.name,
            level,
            tuple(self._reasons[position]) if level else (UNCHANGED,),
            "" if record is None else record.run_id,
            self._is_changed[position],
            tuple(own.differences),
            tuple(own.unknown),
        )

    def _raise(self, position: int, level: int, *reasons: str) -> None:
        """Give a node a level if it is higher than its own."""
        if level > self._levels[position]:
            self._reasons[position] += reasons
            self._levels[position] = level
            self._to_visit.append(position)

    def _let_follow(self, position: int) -> None:
        """Let those who read what a node makes run if that is another thing then."""
        to_follow = [position]
        while to_follow:
            maker = to_follow.pop()
            node = self._nodes[maker]
            may_differ = self._is_changed[maker] or self._follows[maker]
            for name in node.output_names:
                if self._flow.is_in_memory(name) and not may_differ:
                    continue
                for reader in self._flow.readers[strip_transcoding(name)]:
                    if not self._follows[reader]:
                        self._follows[reader] = True
                        told = f"{strip_transcoding(name)} is made anew by {node.name}"
                        self._raise(reader, MAYBE, told)
                        to_follow.append(reader)

    def _need_for(self, position: int) -> None:
        """Let those run who make, in memory, what a node reads."""
        node, level = self._nodes[position], self._levels[position]
        for name, maker in self._flow.made_inputs(node):
            if not self._flow.is_in_memory(name):
                continue
            told = f"its output {name} is only in memory and {node.name} needs it"
            was_skipped = not self._levels[maker]
            self._raise(maker, level, told)
            if was_skipped:
                self._let_follow(maker)

    def _own_reasons(self, node: Node) -> _OwnReasons:
        reasons = _OwnReasons()
        record = self._last_good.get(node.name)
        if node.always:
            reasons.is_unknown("always")
        elif record is None:
            reasons.is_unknown("never run")
        if record is not None:  # what differs is told of those that always run, too
            now = self._identities.get(node.name)
            if now is None:
                reasons.differs("what it is made of cannot be worked out")
            elif record.identity:
                reasons.differs(*tell_identity(node.name, record.identity, now))
            else:
                reasons.differs("its last good run did not note what it was made of")
            for name in node.input_names:
                if not is_parameter(name):
                    self._judge_input(name, record, reasons)
            for name in node.output_names:
                self._judge_output(name, record, reasons)
        return reasons

    def _judge_input(self, name: str, record: NodeRecord, reasons: _OwnReasons) -> None:
        read = record.loaded.get(name)
        if self._flow.is_in_memory(name):
            self._judge_input_in_memory(name, record, reasons)
            return
        before, now = None if read is None else read.state, state_to_load(self._catalog[name])
        if now == NOTHING_NEW:
            return
        if before is not None and self._is_gone(name):
            reasons.differs(f"{name}: nothing is there any more")
        elif before is None or now is None:
            reasons.has_no_state(name, "")
        elif before != now:
            reasons.differs(tell_state(name, before, now))

    def _judge_input_in_memory(self, name: str, record: NodeRecord, reasons: _OwnReasons) -> None:
        maker = self._flow.maker.get(strip_transcoding(name))
        if maker is None:
            reasons.is_unknown(_not_known(name))  # data that the caller has given
            return
        read, made = record.loaded.get(name), self._last_good.get(self._nodes[maker].name)
        # What was read of memory was made in the same run, or in the one that was noted.
        seen = record.run_id if read is None or read.version is None else read.version
        if made is not None and made.run_id != seen:
            reasons.is_unknown(f"{name} was made in another run, {made.run_id}")

    def _judge_output(self, name: str, record: NodeRecord, reasons: _OwnReasons) -> None:
        if self._flow.is_in_memory(name):
            if not self._flow.readers[strip_transcoding(name)]:
                reasons.is_unknown(f"its output {name} is in memory for whoever runs it")
            return
        saved = record.saved.get(name)
        before, now = None if saved is None else saved.state, self._state(name)
        if before is not None and self._is_gone(name):
            reasons.differs(f"output {name} is gone")
        elif before is None or now is None:
            reasons.has_no_state(name, "output ")
        elif before != now:
            reasons.differs(f"output {name} was changed by someone else")

    def _state(self, name: str) -> str | None:
        if name not in self._states:
            self._states[name] = state_of(self._catalog[name])
        return self._states[name]

    def _is_gone(self, name: str) -> bool:
        """Whether it is known that nothing is there where something was."""
        if self._state(name) is not None:
            return False
        return is_known_present(self._catalog[name]) is False


def _not_known(name: str) -> str:
    return f"{name}: state not known"
