"""Timing and a table."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def best_of(times: int, work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some runs: the one that was disturbed least."""
    seconds = []
    for _ in range(times):
        gc.collect()
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


class Report:
    """Prints figures as they come; at the end tells which miss their limits."""

    def __init__(self) -> None:
        self._missed: list[str] = []

    def title(self, text: str) -> None:
        print(f"\n{text}\n{'-' * len(text)}", flush=True)

    def line(
        self,
        name: str,
        value: float,
        unit: str,
        limit: float | None = None,
        least: float | None = None,
    ) -> None:
        """Print a figure, and judge it by what it may be at most or must be at least."""
        told = f"{value:.{2 if unit in ('x', 's') else 1}f} {unit}"
        judged = ""
        for bound, words, bad in (
            (limit, "limit", limit is not None and value > limit),
            (least, "at least", least is not None and value < least),
        ):
            if bound is not None:
                judged += f"  ({words} {bound:g})"
            if bad:
                judged += "  OVER" if words == "limit" else "  UNDER"
                self._missed.append(f"{name}: {told}, {words} {bound:g}")
        print(f"{name:<58}{told:>13}{judged}", flush=True)

    def close(self) -> int:
        print()
        for missed in self._missed:
            print(f"MISSED  {missed}")
        print("Some figures miss their limits." if self._missed else "All within limits.")
        return 1 if self._missed else 0
