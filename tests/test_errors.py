"""Errors: what they say, how they are related, and that they cross processes."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from sparkpipe import errors
from sparkpipe.errors import (
    ConfigError,
    DataSetError,
    NodeRunError,
    PipelineError,
    PreflightError,
    RunFailedError,
    SparkpipeError,
    collecting_errors,
    did_you_mean,
    report,
)

KINDS = sorted(
    (
        each
        for each in vars(errors).values()
        if isinstance(each, type) and each.__module__ == errors.__name__
    ),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_one_of_sparkpipe_and_drawn_in_the_tree(kind: type) -> None:
    assert issubclass(kind, SparkpipeError)
    assert kind.__name__ in str(errors.__doc__)


def test_hint_follows_the_message() -> None:
    assert str(ConfigError("It is wrong.", hint="Right it.")) == "It is wrong. Right it."
    assert str(ConfigError("It is wrong.")) == "It is wrong."


@pytest.mark.parametrize("kind", [PipelineError, PreflightError])
def test_wrong_arguments_are_value_errors_too(kind: type) -> None:
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        DataSetError("It is gone.", hint="Look elsewhere."),
        PreflightError(["one", "two"]),
        NodeRunError("It failed.", "clean", "nodes.py:3 in clean", "Traceback"),
        RunFailedError([NodeRunError("It failed.", "clean")], ["clean"], 3, 8),
    ],
)
def test_error_crosses_processes_whole(error: Any) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    hidden = ("failures", "args")
    assert {k: v for k, v in vars(back).items() if k not in hidden} == {
        k: v for k, v in vars(error).items() if k not in hidden
    }


def test_all_problems_are_listed() -> None:
    error = PreflightError(["no file a", "no file b"])
    assert error.problems == ("no file a", "no file b")
    assert str(error).splitlines()[1:] == ["  - no file a", "  - no file b"]
    assert "2 problems" in str(error)


def test_one_problem_is_just_told() -> None:
    assert str(PreflightError(["no file a"])) == "no file a"


def test_failed_run_tells_every_failure_and_how_to_go_on() -> None:
    failures = [NodeRunError("Node 'a' failed.", "a"), NodeRunError("Node 'b' failed.", "b")]
    error = RunFailedError(failures, ["a", "b"], 3, 8)
    assert str(error).splitlines() == [
        "Node 'a' failed.",
        "Node 'b' failed.",
        "To continue from there: sparkpipe run --from-nodes a,b",
    ]
    assert error.failures == tuple(failures)
    assert "--from-nodes" not in str(RunFailedError(failures))


@pytest.mark.parametrize(
    ("name", "candidates", "meant"),
    [
        ("ordres", ["orders", "customers"], "orders"),
        ("ORDERS", ["Orders", "customers"], "Orders"),
        ("zebra", ["orders", "customers"], None),
        ("", ["orders"], None),
        ("orders", [], None),
    ],
)
def test_nearest_name_is_offered(name: str, candidates: list[str], meant: str | None) -> None:
    assert did_you_mean(name, candidates) == (f"Did you mean '{meant}'?" if meant else "")


def test_reported_errors_are_raised_unless_they_are_collected() -> None:
    with pytest.raises(ConfigError, match="first"):
        report(ConfigError("first"))
    with collecting_errors() as collected:
        report(ConfigError("first"))
        report(PipelineError("second"))
    assert [str(error) for error in collected] == ["first", "second"]
    with pytest.raises(ConfigError, match="third"):
        report(ConfigError("third"))


def test_collecting_ends_also_when_something_raises() -> None:
    with pytest.raises(KeyError), collecting_errors():
        raise KeyError
    with pytest.raises(ConfigError):
        report(ConfigError("raised again"))


def test_nested_collections_keep_their_own() -> None:
    with collecting_errors() as outer:
        with collecting_errors() as inner:
            report(ConfigError("inside"))
        report(ConfigError("outside"))
    assert [str(e) for e in inner] == ["inside"]
    assert [str(e) for e in outer] == ["outside"]
