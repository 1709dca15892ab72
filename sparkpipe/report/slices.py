"""What is known of slices, as text, as JSON and in a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sparkpipe.html.grid import headline, remark, scrolling, table
from sparkpipe.report.text import aligned, printable
from sparkpipe.words import counted

State = Literal["done", "failed", "missing", "stale"]

#: As many slices are shown where all are asked for.
MOST_SHOWN = 31

_STATES: tuple[State, ...] = ("done", "stale", "failed", "missing")
# The first one that a data set is in is that of its slice: what follows a failure is missing.
_BY_WEIGHT: tuple[State, ...] = ("failed", "missing", "stale", "done")


@dataclass(frozen=True)
class SliceCell:
    """A data set in a slice.

    Attributes:
        data_set: Its name.
        state: ``done``; ``failed``: the last try; ``missing``: it was never made, or is gone;
            ``stale``: it would come out otherwise now.
        why: Why it is not done, in words.
        run_id: The run that made it, or that failed; empty if there is none.
    """

    data_set: str
    state: State
    why: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class SliceRow:
    """A slice.

    Attributes:
        slices: The slice by the names of its dimensions.
        cells: What is known of each data set.
    """

    slices: Mapping[str, str]
    cells: tuple[SliceCell, ...]

    def is_in(self, states: Collection[str]) -> bool:
        """Whether a data set of it is in one of some states."""
        return any(cell.state in states for cell in self.cells)

    @property
    def why(self) -> str:
        """Why it is not done, in words; empty if it is."""
        told: dict[str, list[str]] = {}
        for cell in self.cells:
            if cell.why:
                told.setdefault(cell.why, []).append(cell.data_set)
        return "; ".join(f"{', '.join(names)}: {why}" for why, names in told.items())


@dataclass(frozen=True)
class SliceGrid:
    """What is known of slices; ``print`` shows it as text, a notebook as a table.

    Attributes:
        names: The names of the dimensions.
        columns: The data sets.
        rows: The slices.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[SliceRow, ...]

    def __iter__(self) -> Iterator[SliceRow]:
        return iter(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    def to_text(self, limit: int | None = None) -> str:
        """Return it as lines.

        Args:
            limit: Show only as many slices, the last ones.
        """
        if not self.rows:
            return "There is no slice to show."
        shown = self._shown(limit)
        left_out = len(self.rows) - len(shown)
        told = [f"{left_out} earlier ones are not shown: --limit, or --slice."] if left_out else []
        cells = [self._titles(), *shown]
        if not any(row[-1] for row in shown):
            cells = [row[:-1] for row in cells]
        return "\n".join([*aligned(cells), self._counts(), *told])

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        if not self.rows:
            return remark(self.to_text())
        grid = scrolling(table(self._titles(), self._shown(MOST_SHOWN)), "Slices")
        return headline("Slices") + grid + remark(self._counts())

    def _titles(self) -> list[str]:
        return [*self.names, *map(printable, self.columns), "why"]

    def _shown(self, limit: int | None) -> list[list[str]]:
        rows = self.rows if limit is None else self.rows[-limit:]
        return [
            [
                *map(printable, row.slices.values()),
                *(cell.state for cell in row.cells),
                printable(row.why),
            ]
            for row in rows
        ]

    def _counts(self) -> str:
        """Return how many slices are in which state, each by the worst of its data sets."""
        counts = Counter(
            min((cell.state for cell in row.cells), key=_BY_WEIGHT.index, default="done")
            for row in self.rows
        )
        told = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state])
        return f"{counted(len(self.rows), 'slice')}: {told}."
