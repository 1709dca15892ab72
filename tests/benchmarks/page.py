"""How long the page of a run takes to open, and how smoothly its graph moves."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sparkpipe.report.page import document_of_run, page_of
from tests.benchmarks.report import Report
from tests.report.chromium import MISSING, PROGRAM, chromium
from tests.report.runs_to_show import make_chain

# The milliseconds within which nine of ten frames are drawn.
_MOVE = """
new Promise(done => {
  const frames = []; let last = performance.now(); let at = 0;
  const area = document.querySelector('.graph').getBoundingClientRect();
  const wheel = () => document.querySelector('.graph').dispatchEvent(new WheelEvent('wheel', {
    deltaY: at % 40 < 20 ? -30 : 30, clientX: area.x + 400, clientY: area.y + 200, bubbles: true,
    cancelable: true}));
  const step = now => {
    frames.push(now - last); last = now; at += 1; wheel();
    if (at < 80) requestAnimationFrame(step);
    else done(frames.slice(5).sort((a, b) => a - b)[Math.floor((frames.length - 5) * 0.9)]);
  };
  requestAnimationFrame(step);
})
"""


def run(report: Report) -> None:
    """Open pages of runs of 100, 500 and 2,000 nodes, each with five runs before it."""
    report.title("The page of a run, in Chromium")
    if PROGRAM is None:
        print(MISSING)
        return
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        browser.open(_written(Path(folder), 10).as_uri())  # the first page warms it up
        for count in (100, 500, 2000):
            file = _written(Path(folder), count)
            seconds = browser.open(file.as_uri())
            name = f"Page of {count} nodes"
            report.line(f"{name}: opens", seconds, "s", 3.0)
            report.line(f"{name}: most frames while it is zoomed", browser.run(_MOVE), "ms", 50)
            report.line(f"{name}: size", file.stat().st_size / 1e6, "MB")


def _written(folder: Path, count: int) -> Path:
    runs = [make_chain(count, str(number)) for number in range(6)]
    file = folder / f"{count}.html"
    file.write_text(page_of(document_of_run(runs[0], earlier=runs[1:], compared=runs[1])))
    return file
