"""A run as it is planned: plain values, which other modules draw and write."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

#: The formats of :meth:`PlannedRun.to_text`.
FORMATS = ("text", "json", "mermaid", "dot")


@dataclass(frozen=True)
class PlannedDataSet:
    """A data set as a node loads or saves it.

    Attributes:
        name: Its name in the catalog.
        type: Its type as an entry of the catalog names it; ``parameter`` for a parameter.
        place: Where it lies; empty where it has no place. No secret is in it.
        environment: The environment whose data it is, where that is not the one of the run.
        note: What else is to know of it, in words.
    """

    name: str
    type: str
    place: str = ""
    environment: str = ""
    note: str = ""

    @property
    def about(self) -> str:
        """Whose data it is and what else is to know, in words; empty if there is nothing."""
        of = f"of {self.environment}" if self.environment else ""
        return ", ".join(filter(None, (of, self.note)))


@dataclass(frozen=True)
class PlannedNode:
    """A node of a run.

    Attributes:
        name: Its name.
        level: 1 for a node that waits for none, else one more than the highest of what it waits
            for. Nodes of one level could run side by side.
        tags: Its tags, sorted.
        loads: What it reads, in the order of its function's arguments.
        saves: What it writes.
        runs: Whether it runs.
        reasons: Why it runs or does not, in words; empty where it runs because it was asked for.
    """

    name: str
    level: int
    tags: tuple[str, ...]
    loads: tuple[PlannedDataSet, ...]
    saves: tuple[PlannedDataSet, ...]
    runs: bool = True
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedRun:
    """What a run would do. A notebook shows it as a graph and a table; ``print`` shows its text.

    Attributes:
        pipeline: The name of the pipeline.
        environment: The environment on top of base.
        runner: The class of the runner.
        nodes: Those that the filters keep, in the order in which they would be started.
        left_out: How many nodes of the pipeline the filters leave out.
        problems: All that keeps it from running.
        slices: The slices for each of which it is done once; what is shown is that of the first.
    """

    pipeline: str
    environment: str
    runner: str
    nodes: tuple[PlannedNode, ...]
    left_out: int = 0
    problems: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain dictionaries, lists and texts."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def to_text(self, form: str = "text", shown: Callable[[str], str] = str) -> str:
        """Return it in one of the :data:`FORMATS`.

        Args:
            form: ``text``, ``json``, ``mermaid`` or ``dot``. Only ``json`` has the problems.
            shown: Gives the words for a place, in ``text``; by default as it is.

        Raises:
            ValueError: There is no such format.
        """
        if form == "json":
            return json.dumps(asdict(self), indent=2, ensure_ascii=False)
        if form == "text":
            from sparkpipe.report.planned.text import text_of

            return text_of(self, shown)
        from sparkpipe.report.planned import drawings

        if form == "mermaid":
            return drawings.mermaid(self)
        if form == "dot":
            return drawings.dot(self)
        raise ValueError(f"There is no format {form!r}. Formats: {', '.join(FORMATS)}.")

    def __str__(self) -> str:
        told = [f"Problem: {problem}" for problem in self.problems]
        return "\n".join([self.to_text(), *told])

    def _repr_html_(self) -> str:
        from sparkpipe.report.planned.page import page_of

        return page_of(self)
