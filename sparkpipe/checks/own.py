"""Checks of the user's own: functions, and models of pandera; and what Kedro calls a validator."""

from __future__ import annotations

import inspect
from typing import Any

from sparkpipe.checks.words import Function, Validator
from sparkpipe.errors import CheckFailedError, DataSetError, first_line
from sparkpipe.io.importing import import_object
from sparkpipe.io.kinds import is_spark_frame

_MOST_TOLD = 3


def call(check: Function, frame: Any) -> Any:
    """Call a function of the user's; what it gives is True where a row is good, or a count.

    Raises:
        DataSetError: It cannot be imported, or it has failed.
    """
    function = import_object(check.path)
    try:
        return function(frame, **dict(check.args))
    except Exception as exc:
        told = f"{check.path} failed: {type(exc).__name__}: {first_line(str(exc))}"
        raise DataSetError(told) from exc


def wrong_result(check: Function, given: Any) -> str:
    """Say what a function has to give."""
    return (
        f"{check.path} gave a {type(given).__name__}, not a boolean column (true where a row is "
        "good) or the number of rows that are not."
    )


def count_of_no_rows(check: Function) -> str:
    """Say why what a function counts cannot be dropped."""
    return (
        f"{check.path} gave a count, which names no row: on_fail is fail or warn, not "
        f"{check.on_fail}. Let it give a boolean column, true where a row is good."
    )


def judge_by_pandera(path: str, frame: Any) -> tuple[int | None, str]:
    """Judge a frame by a model or schema of pandera.

    Args:
        path: Its dotted path.
        frame: A frame of pandas or Spark, whichever the model is for.

    Returns:
        How many values did not pass, where pandera counts them; what it says, empty if all passed.

    Raises:
        DataSetError: It is no model of pandera for such frames.
    """
    schema = import_object(path)
    if not callable(getattr(schema, "validate", None)):
        raise DataSetError(f"'{path}' is no model or schema of pandera.")
    if is_spark_frame(frame):
        errors = schema.validate(frame).pandera.errors
        told = [f"{kind}: {first_line(str(one))}" for kind, one in (errors or {}).items()]
        return None, "; ".join(told)
    from pandera.errors import SchemaError, SchemaErrors

    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as exc:
        cases = exc.failure_cases
        pairs = zip(cases["column"], cases["check"], strict=True)
        kinds = [f"{column}: {check}" for column, check in dict.fromkeys(pairs)]
        more = f" and {len(kinds) - _MOST_TOLD} more" if len(kinds) > _MOST_TOLD else ""
        return len(cases), f"{len(cases)} failures: {', '.join(kinds[:_MOST_TOLD])}{more}"
    except SchemaError as exc:
        return None, first_line(str(exc))
    return 0, ""


def validated(check: Validator, data: Any) -> Any:
    """Return data as a validator gives it back, as Kedro does.

    Args:
        check: The validator.
        data: The data, of any type.

    Raises:
        CheckFailedError: It has raised something, whatever that is.
    """
    found: Any = import_object(check.path)
    is_of_pandera = type(found).__module__.startswith("pandera.") or any(
        base.__module__.startswith("pandera.") for base in getattr(found, "__mro__", ())
    )
    if is_of_pandera and is_spark_frame(data):
        _, told = judge_by_pandera(check.path, data)
        if told:
            raise CheckFailedError(f"{check.path}: {told}")
        return data
    if is_of_pandera:
        options = {"lazy": True, **dict(check.options)}
        validate: Any = lambda given: found.validate(given, **options)  # noqa: E731
    elif inspect.isclass(found):
        made: Any = found(**dict(check.options))
        validate = made.validate
    else:
        validate = getattr(found, "validate", found)
    try:
        result = validate(data)
    except Exception as exc:
        told = f"{check.path} does not accept the data: {type(exc).__name__}: {exc}"
        raise CheckFailedError(told) from exc
    return data if result is None else result
