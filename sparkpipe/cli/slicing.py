"""Runs over slices on the command line."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sparkpipe.cli.listing import joined
from sparkpipe.cli.options import with_options
from sparkpipe.cli.repeating import words_as_given
from sparkpipe.cli.streams import echo
from sparkpipe.errors import RunFailedError, SlicesFailedError
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.session.slices.running import Outcome, SlicedRun

F = TypeVar("F", bound=Callable[..., Any])

_NOT_REPEATED = (None, "slices", "verbose")
# More of them are told by their state.
_MOST_NAMED = 5
_LEFT = "missing,failed"


def slice_option(command: F) -> F:
    """Add the option that says for which slices a run is done."""
    return click.option(
        "--slice",
        "slices",
        multiple=True,
        metavar="NAME=SLICES",
        help="Once for each of these: day=2024-01-01..2024-01-31, region=eu,us, day=last, or those "
        "that are missing, failed or stale: day=missing.",
    )(command)


def slice_options(command: F) -> F:
    """Add the options that say for which slices a run is done, and how."""
    return with_options(
        command,
        slice_option,
        click.option(
            "--slices-at-once",
            type=click.IntRange(min=1),
            help="How many slices run side by side, in one Spark session [1].",
        ),
        click.option("--fail-fast", is_flag=True, help="After a slice has failed start no other."),
    )


def run_slices(
    sliced: SlicedRun,
    at_once: int | None,
    *,
    fail_fast: bool,
    no_progress: bool,
    verbose: bool = False,
) -> dict[str, Any]:
    """Run slices, and tell how each one ends, and what all of them come to.

    Args:
        sliced: What is prepared.
        at_once: How many run side by side.
        fail_fast: After a failure start no other.
        no_progress: Tell only what there is in the end.
        verbose: See :func:`sparkpipe.cli.watching.watched`.

    Raises:
        SlicesFailedError: A slice failed.
    """
    if not sliced.chosen:
        echo(f"No slice is {' or '.join(sorted(sliced.states))}: nothing is left to do.")
        return {}
    from sparkpipe.cli.watching import watched
    from sparkpipe.report.of_slices import SlicesSummary

    started = time.monotonic()
    hidden = no_progress or (at_once or 1) > 1  # one display for each is too much
    with (
        _telling_how_to_continue(),
        watched(SlicesSummary(), no_progress=hidden, verbose=verbose),
    ):
        outputs = sliced.run(at_once or 1, fail_fast=fail_fast, tell=None if no_progress else _tell)
    from sparkpipe.report.text import duration

    took = duration(time.monotonic() - started)
    echo(f"{counted(len(sliced.chosen), 'slice')} done in {took}")
    return outputs


@contextmanager
def _telling_how_to_continue() -> Iterator[None]:
    """Within it, a signal that ends the run tells the command that runs what is left."""
    from sparkpipe.cli.interrupt import last_words

    context = click.get_current_context(silent=True)
    if context is None or context.params.get("no_journal"):
        yield
        return
    words = words_as_given(context, _NOT_REPEATED)
    for name in _names_of(context.params["slices"]):
        words += ["--slice", f"{name}={_LEFT}"]
    told = f"To run what is left: {shlex.join(words)}\n"
    try:
        with last_words(lambda: told):
            yield
    except KeyboardInterrupt:
        echo(told, nl=False, err=True)
        raise


def _tell(outcome: Outcome, number: int, total: int) -> None:
    from sparkpipe.report.text import duration, printable

    took = f" in {duration(outcome.seconds)}" if outcome.status == "done" else ""
    name = printable(outcome.name or "what runs once")
    echo(f"[{number}/{total}] {name}: {outcome.status}{took}", err=True)


def command_for_failed(context: click.Context, error: SlicesFailedError) -> str:
    """Return the command that runs again what has failed.

    Args:
        context: The command as it was given.
        error: Tells what has failed.
    """
    left = [one.slices for one in error.outcomes if one.status != "done"]
    words = words_as_given(context, _NOT_REPEATED)
    if not any(left):  # all slices are done, and what reads them failed
        failed = [one.error for one in error.outcomes if isinstance(one.error, RunFailedError)]
        names = [name for one in failed for name in one.resume_from]
        return shlex.join([*words, *(["--from-nodes", joined(names)] if names else [])])
    if not all(left):  # what all slices need failed
        given = context.params["slices"]
        return shlex.join([*words, *chain.from_iterable(("--slice", pair) for pair in given)])
    for name, texts in _by_name(left, context.params["slices"]).items():
        words += ["--slice", f"{name}={texts}"]
    return shlex.join(words)


def _by_name(left: list[Mapping[str, str]], asked: tuple[str, ...]) -> dict[str, str]:
    """Return the slices that are left as they are asked for: by their names if these are few."""
    names = _names_of(asked)
    texts = [one.get(names[0]) for one in left]
    if len(names) == 1 and None not in texts and len(texts) <= _MOST_NAMED:
        return {name: ",".join(map(str, texts)) for name in names}
    return dict.fromkeys(names, _LEFT)


def _names_of(asked: tuple[str, ...]) -> list[str]:
    return [*dict.fromkeys(pair.partition("=")[0].strip() for pair in asked)]
