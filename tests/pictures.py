"""Makes the pictures of the flights run in docs/images: ``python -m tests.pictures``.

It runs the example twice, with other parameters the first time, so that there is something to
compare; with ``--again`` it shows the runs that are there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Literal

from tests.report.chromium import DESKTOP, MISSING, PROGRAM, Chromium, Size, chromium

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
SUMMARY = ROOT / ".sparkpipe" / "reports" / "summary.txt"

_RUN = ("run", "--runner=ThreadRunner")

_TERMINAL = """<!doctype html><html data-ready="yes"><meta charset="utf-8"><style>
body {{ margin: 0; background: #16191d; color: #e6e8eb; display: inline-block; }}
pre {{ margin: 0; padding: 22px 26px; font: 14px/1.5 ui-monospace, monospace;
  max-width: 110ch; white-space: pre-wrap; }}
</style><pre>{}</pre></html>"""


def main(arguments: list[str]) -> int:
    if PROGRAM is None:
        print(MISSING)
        return 1
    if "--again" not in arguments:
        _sparkpipe(*_RUN, "--params", "late_minutes:20")
        SUMMARY.parent.mkdir(parents=True, exist_ok=True)
        # The log, which is told beside the results, ends with the summary.
        log = _sparkpipe(*_RUN, stream="stderr")
        SUMMARY.write_text(log.partition("Run completed in")[2].partition("\n")[2], "utf-8")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        run, plan, summary = (Path(folder, f"{name}.html") for name in ("run", "plan", "summary"))
        _sparkpipe("report", "-o", str(run))
        _sparkpipe("report", "--plan", "-o", str(plan))
        for page in (run, plan):  # the place of this machine tells readers nothing
            text = page.read_text(encoding="utf-8").replace(str(ROOT), "/home/you/flights")
            page.write_text(text, encoding="utf-8")
        told = SUMMARY.read_text(encoding="utf-8").strip()
        summary.write_text(_TERMINAL.format(escape(f"$ sparkpipe {' '.join(_RUN)}\n{told}")))
        _take(browser, run, "report-graph", _choose_longest)
        _take(browser, run, "report-timeline", _opening("timeline"))
        _take(browser, run, "report-data", _choose_planes)
        _take(browser, run, "report-comparison", _opening("comparison"))
        _take(browser, plan, "report-plan", lambda _: None)
        _take_summary(browser, summary)
    return 0


def _sparkpipe(*arguments: str, stream: Literal["stdout", "stderr"] = "stdout") -> str:
    """Run a command in the repository, which is the flights example; return what it tells."""
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "110"}
    ended = subprocess.run(
        [sys.executable, "-m", "sparkpipe", *arguments],
        cwd=ROOT,
        env=env,
        text=True,
        check=True,
        **{stream: subprocess.PIPE},
    )
    return str(getattr(ended, stream))


def _take(
    browser: Chromium,
    page: Path,
    name: str,
    act: Callable[[Chromium], object],
) -> None:
    browser.open(page.as_uri(), DESKTOP)
    act(browser)
    browser.picture(IMAGES / f"{name}.png")


def _opening(tab: str) -> Callable[[Chromium], object]:
    return lambda browser: browser.click(f"#tab-{tab}")


def _choose_longest(browser: Chromium) -> None:
    browser.run(
        "[...document.querySelectorAll('.answers button')]"
        ".find(one => one.innerText.startsWith('Took longest')).click()"
    )
    browser.run("new Promise(done => setTimeout(done, 100))")


def _choose_planes(browser: Chromium) -> None:
    browser.click("#tab-data")
    browser.run(
        "[...document.querySelectorAll('#panel-data .link')]"
        ".find(one => one.innerText === 'planes').click()"
    )


def _take_summary(browser: Chromium, page: Path) -> None:
    browser.open(page.as_uri(), Size(1600, 900))
    across, down = browser.run(
        "[document.body.offsetWidth, document.body.offsetHeight].map(Math.ceil)"
    )
    browser.open(page.as_uri(), Size(across, down))
    browser.picture(IMAGES / "summary.png")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
