"""Run all load tests, or those named: ``python -m tests.load kills``.

Each prints its figures; the exit code is that of the first one that found something wrong.
"""

from __future__ import annotations

import sys
from importlib import import_module

#: Modules of this package with ``run() -> int``, which returns how many wrongs it has found.
LOADS = ("kills", "stream_kills", "resumes", "random_dags", "concurrent_runs")


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in LOADS]
    if unknown:
        print(f"No load test {', '.join(unknown)}. There are: {', '.join(LOADS)}.")
        return 2
    wrongs = {name: import_module(f"tests.load.{name}").run() for name in names or LOADS}
    for name, count in wrongs.items():
        print(f"{name}: {'nothing wrong' if not count else f'{count} wrong'}")
    return 1 if any(wrongs.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
