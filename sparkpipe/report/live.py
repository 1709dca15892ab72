"""The live display on a terminal. Imported when it is drawn for the first time: it loads rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from sparkpipe.report.display import stream_words
from sparkpipe.report.text import clock, fitted, printable, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleOptions

    from sparkpipe.report.display import RunningNode, Snapshot

_MOST_ROWS = 10
_WIDEST_NAME = 40
_WIDEST_BAR = 30
_NARROWEST_BAR = 8


class LiveView:
    """Draws a run below the lines of its log, over what was drawn before.

    Args:
        stream: A terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(
            file=stream, force_terminal=True, force_jupyter=False, soft_wrap=True
        )
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            # Whoever prints to the same terminal does so above; what goes to a file is not ours.
            redirect_stderr=stream is sys.stderr,
            redirect_stdout=sys.stdout.isatty(),
        )

    def show(self, snapshot: Snapshot) -> None:
        """Draw the run as it is."""
        console = self._console
        width, height = console.size
        is_unicode = console.encoding.startswith("utf") and not console.legacy_windows
        lines = snapshot_lines(snapshot, width - 1, height - 3, is_ascii=not is_unicode)
        if not is_unicode:
            for line in lines:
                line.plain = line.plain.encode(console.encoding, "replace").decode(console.encoding)
        drawn = _Drawn(
            segment
            for line in console.render_lines(Text("\n").join(lines), pad=False)
            for segment in (*line, Segment.line())
        )
        if self._live.is_started:
            self._live.update(drawn, refresh=True)
        else:
            self._live.update(drawn)
            self._live.start(refresh=True)

    def close(self) -> None:
        """Take the display away, and let all print as before."""
        self._live.stop()


class _Drawn:
    """Lines laid out once, because they are drawn again below each line that is logged."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments = tuple(segments)[:-1]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield from self._segments


def snapshot_lines(
    snapshot: Snapshot, width: int, most_rows: int, *, is_ascii: bool = False
) -> list[Text]:
    """Return what is drawn: one line for the run, then one for each node that runs.

    Args:
        snapshot: The run.
        width: Columns of the terminal.
        most_rows: How many lines there is room for below the first one.
        is_ascii: Draw bars that every terminal can show.
    """
    running = snapshot.running
    most = max(1, min(_MOST_ROWS, most_rows))
    if len(running) > most:
        running = running[: most - 1]
    lines = [_head(snapshot, width)]
    if running:
        name_width = min(
            max(width_of(printable(node.name)) for node in running),
            _WIDEST_NAME,
            max(4, width // 2),
        )
        lines += [_row(node, name_width, width, is_ascii) for node in running]
    left = len(snapshot.running) - len(running)
    if left:
        lines.append(_cut(Text(f"  … {left} more running", "dim"), width))
    return lines


def _head(snapshot: Snapshot, width: int) -> Text:
    ended = snapshot.ended
    line = Text().append(f"{clock(snapshot.seconds)}  ", "dim")
    line.append(f"{ended.get('done', 0)} of {snapshot.total} done", "bold")
    for count, what, style in (
        (ended.get("failed", 0), "failed", "bold red"),
        (ended.get("cancelled", 0), "cancelled", "yellow"),
        (ended.get("skipped", 0), "skipped", "yellow"),
        (ended.get("unchanged", 0), "unchanged", ""),
        (len(snapshot.running), "running", ""),
        (snapshot.waiting, "waiting", ""),
    ):
        if count:
            line.append(" · ").append(f"{count} {what}", style)
    if snapshot.left is not None:
        line.append(f" · about {clock(snapshot.left)} left", "dim")
    return _cut(line, width)


def _row(node: RunningNode, name_width: int, width: int, is_ascii: bool) -> Text:
    line = Text(f"  {fitted(printable(node.name), name_width)} {clock(node.seconds):>7}")
    if node.tasks is not None and node.tasks.rows is not None:
        return _cut(line.append(f"  {stream_words(node.tasks.rows, node.tasks.lag)}"), width)
    if node.tasks is None or not node.tasks.total:
        return _cut(line, width)
    done, total = node.tasks.done, node.tasks.total
    words = f"  {done} of {total} Spark tasks"
    bar_width = min(_WIDEST_BAR, width - line.cell_len - 2 - len(words))
    if bar_width >= _NARROWEST_BAR:
        full = bar_width * done // total
        bar, rest = ("#", ".") if is_ascii else ("━", "─")
        line.append("  ").append(bar * full, "green").append(rest * (bar_width - full), "dim")
        line.append(words)
    else:
        line.append(f"  {100 * done // total:>3} %")
    return _cut(line, width)


def _cut(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    line.no_wrap = True
    return line
