"""What a rehearsal has found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sparkpipe.report.text import duration
from sparkpipe.words import counted

#: ``good``: it ran, and returned what can be saved. ``wrong``: a run would fail. ``unjudged``:
#: it could not be told.
Verdict = Literal["good", "wrong", "unjudged"]


@dataclass(frozen=True)
class NodeRehearsal:
    """How the rehearsal of a node went.

    Attributes:
        node: Its name.
        verdict: ``good``, ``wrong`` or ``unjudged``.
        reason: Why, if it is not good.
        location: ``file:line in function`` of the user's code, where that is known.
    """

    node: str
    verdict: Verdict
    reason: str = ""
    location: str = ""


@dataclass(frozen=True)
class Rehearsal:
    """How the rehearsal of a pipeline went.

    Attributes:
        nodes: Of each node, in their order.
        rows: How many rows of each input were read.
        seconds: How long it took.
    """

    nodes: tuple[NodeRehearsal, ...]
    rows: int
    seconds: float

    def of(self, verdict: Verdict) -> tuple[NodeRehearsal, ...]:
        """Return the nodes of a verdict."""
        return tuple(one for one in self.nodes if one.verdict == verdict)

    @property
    def is_good(self) -> bool:
        """Whether nothing is known to be wrong."""
        return not self.of("wrong")

    def lines(self) -> Iterator[str]:
        """Give what was found, in lines."""
        for one in self.of("wrong"):
            yield f"Wrong: {one.reason}"
            if one.location:
                yield f"  at {one.location}"
        for one in self.of("unjudged"):
            yield f"Unjudged: {one.node}: {one.reason}"
        counts = ", ".join(f"{len(self.of(one))} {one}" for one in ("good", "wrong", "unjudged"))
        judged = f"{counted(len(self.nodes), 'node')} on {counted(self.rows, 'row')}"
        yield f"{judged}: {counts}, in {duration(self.seconds)}"

    def __str__(self) -> str:
        return "\n".join(self.lines())
