"""Checks of the user's own: functions, and models of pandera; and what Kedro calls a validator."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

from sparkpipe.checks.words import Check, Function, Pandera, Validator
from sparkpipe.errors import CheckFailedError, DataSetError, first_line
from sparkpipe.io.importing import import_object
from sparkpipe.io.kinds import is_spark_frame
from sparkpipe.words import counted, listed

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


def count_in(check: Function, given: Any) -> int | None:
    """Return how many rows a function has found, if it has counted; numbers of numpy are numbers.

    Raises:
        DataSetError: The number can be none of rows, or names no row where one has to be named.
    """
    if isinstance(given, bool) or not isinstance(given, Integral):
        return None
    if given < 0:
        raise DataSetError(f"{check.path} gave {given}, which is no number of rows.")
    if check.on_fail in ("drop", "quarantine"):
        raise DataSetError(count_of_no_rows(check))
    return int(given)


def find_missing(checks: Sequence[Check]) -> Iterator[str]:
    """Tell functions, models and validators that cannot be imported.

    Args:
        checks: Checks and validators of an entry.
    """
    for check in checks:
        if isinstance(check, (Function, Pandera, Validator)):
            try:
                import_object(check.path)
            except DataSetError as exc:
                yield f"check '{check.name}': {exc}"


def wrong_result(check: Function, given: Any, kind: Any = "") -> str:
    """Say what a function has to give.

    Args:
        check: The check.
        given: What it gave.
        kind: Of a column, what it holds.
    """
    of = f" of {kind}" if f"{kind}" else ""
    return (
        f"{check.path} gave a {type(given).__name__}{of}, not a boolean column (true where a row "
        "is good) or the number of rows that are not."
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
    from pandera.errors import SchemaError, SchemaErrors

    try:
        if is_spark_frame(frame):
            return None, _words_of_spark(schema.validate(frame))
        schema.validate(frame, lazy=True)
    except SchemaErrors as exc:
        return len(exc.failure_cases), _words_of(exc.failure_cases)
    except SchemaError as exc:
        return None, first_line(str(exc))
    except Exception as exc:  # a model for frames of another kind, for one
        raise _cannot_judge(path, exc) from exc
    return 0, ""


def _words_of(cases: Any) -> str:
    """Say what pandera does not accept, without the values: they may be secret."""
    told = zip(cases["column"], cases["check"], cases["failure_case"], strict=True)
    # Of columns that are missing, or too many, it names the whole, and the column as a value.
    places = [
        (case if f"{check}".startswith("column_in_") else of, check) for of, check, case in told
    ]
    return f"{counted(len(cases), 'failure')}: {_listed(places)}"


def _words_of_spark(validated: Any) -> str:
    """Say the same of a frame of Spark as pandera returns it; empty if it was accepted."""
    errors = validated.pandera.errors
    of_kinds = [kinds for area in (errors or {}).values() for kinds in area.values()]
    return _listed([(one.get("column"), one.get("check")) for ones in of_kinds for one in ones])


def _listed(places: Sequence[tuple[Any, Any]]) -> str:
    return listed((f"{column}: {check}" for column, check in dict.fromkeys(places)), _MOST_TOLD)


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
        return _validated_by_spark(check.path, found, data)
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
        told = f"{check.path} does not accept the data: {_reason_of(exc, is_of_pandera)}"
        raise CheckFailedError(told) from exc
    return data if result is None else result


def _validated_by_spark(path: str, schema: Any, frame: Any) -> Any:
    """Return a frame with the types and columns that a model of pandera gives it.

    Raises:
        CheckFailedError: The model does not accept it.
        DataSetError: It is no model for frames of Spark.
    """
    try:
        result = schema.validate(frame)
        told = _words_of_spark(result)
    except Exception as exc:
        raise _cannot_judge(path, exc) from exc
    if told:
        raise CheckFailedError(f"{path}: {told}")
    return result


def _cannot_judge(path: str, exc: Exception) -> DataSetError:
    return DataSetError(
        f"{path} cannot judge this frame: {type(exc).__name__}: {first_line(str(exc))}"
    )


def _reason_of(exc: Exception, is_of_pandera: bool) -> str:
    cases = getattr(exc, "failure_cases", None) if is_of_pandera else None
    if {"column", "check", "failure_case"}.issubset(getattr(cases, "columns", ())):
        return _words_of(cases)
    return f"{type(exc).__name__}: {exc}"
