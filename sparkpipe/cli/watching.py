"""What a run shows while it goes on, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sparkpipe.cli.streams import are_logs_json, echo

if TYPE_CHECKING:
    from sparkpipe.report.summary import RunSummary

# Of a shorter run nobody asks where the time of each node went; the log file tells it.
_LONG_RUN_SECONDS = 10.0


@contextmanager
def watched(
    summary: RunSummary, *, no_progress: bool, verbose: bool, tells_failures: bool = False
) -> Iterator[None]:
    """Show how far what runs within it is, and at its end what it comes to.

    Args:
        summary: Collects what is told at the end.
        no_progress: Show only what is told at the end.
        verbose: The console shows the summary with the log.
        tells_failures: A failed run has more to tell than its error does.
    """
    from sparkpipe.events import observing
    from sparkpipe.report.display import RunDisplay
    from sparkpipe.spark.jobs.run import current_task_counts

    display = () if no_progress else (RunDisplay(current_task_counts, draws=not are_logs_json()),)
    try:
        with observing(summary, *display):
            yield
    except Exception:
        _tell(summary, verbose, has_table=tells_failures)
        raise
    except BaseException:  # whoever interrupts a run wants the prompt
        _tell(summary, verbose, is_for_log=True)
        raise
    _tell(summary, verbose)


def _tell(
    summary: RunSummary, verbose: bool, *, has_table: bool = False, is_for_log: bool = False
) -> None:
    from sparkpipe.cli.logs import summary_logger

    if not summary.reports:
        return
    figures = summary.figures()
    summary_logger.info("%s", "\n".join(("Summary:", *summary.table(verbose=True), *figures)))
    if verbose or is_for_log:
        return
    has_table = has_table or summary.seconds >= _LONG_RUN_SECONDS
    if lines := [*(summary.table() if has_table else ()), *figures]:
        echo("\n".join(lines), err=True)
