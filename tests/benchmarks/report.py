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
    """Prints figures as they come; at the end tells which went over their limits."""

    def __init__(self) -> None:
        self._over: list[str] = []

    def title(self, text: str) -> None:
        print(f"\n{text}\n{'-' * len(text)}", flush=True)

    def line(self, name: str, value: float, unit: str, limit: float | None = None) -> None:
        judged = ""
        if limit is not None:
            judged = f"  (limit {limit:g})"
            if value > limit:
                judged += "  OVER"
                self._over.append(f"{name}: {value:.1f} {unit}, limit {limit:g}")
        print(f"{name:<58}{value:>10.1f} {unit}{judged}", flush=True)

    def close(self) -> int:
        print()
        for over in self._over:
            print(f"OVER  {over}")
        print("Some figures are over their limits." if self._over else "All within limits.")
        return 1 if self._over else 0
