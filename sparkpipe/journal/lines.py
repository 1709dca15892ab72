"""Events as lines of JSON, and back.

Values that say nothing (None, what is empty) are left out, and so is the run, whose file it is: a
line is written twice for each node, and everything about it is paid by each run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sparkpipe.events import (
    CheckReport,
    DataSetReport,
    ErrorReport,
    Event,
    NodeEnded,
    NodeStarted,
    RunStarted,
    as_dict,
)
from sparkpipe.journal.shapes import check_line

if TYPE_CHECKING:
    from sparkpipe.spark_jobs import SparkJob

#: The version of what is written; readers pass over what is newer.
SCHEMA = 1

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
# More may be more digits than Python makes of a number, or reads again.
_MOST_BITS = 2_000
_DEEPEST = 1_000
_text = json.encoder.encode_basestring
_REPORT = tuple(field.name for field in fields(DataSetReport))
_CHECK = tuple(field.name for field in fields(CheckReport))


def _dumps(value: Any) -> str:
    try:
        return _encode(value)
    except ValueError:
        return _encode(_without_long_numbers(value, 0))


def _without_long_numbers(value: Any, depth: int) -> Any:
    """Return plain values with numbers that have no decimals in Python as hexadecimal texts.

    Raises:
        ValueError: The values hold themselves.
    """
    if depth > _DEEPEST:
        raise ValueError("a value holds itself, or goes too deep")
    if isinstance(value, Mapping):
        return {key: _without_long_numbers(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_long_numbers(one, depth + 1) for one in value]
    is_long = isinstance(value, int) and value.bit_length() > _MOST_BITS
    return f"{value:#x}" if is_long else value


def line_of(event: Event, owner: Mapping[str, Any] | None = None) -> bytes:
    """Return an event as a line.

    Args:
        event: The event.
        owner: What to add to the start of a run: who writes.
    """
    if type(event) is NodeStarted:
        told = f'{{"kind": "node_started", "node": {_text(event.node)}, "time": {event.time:.6f}}}'
    elif type(event) is NodeEnded:
        told = _ended(event)
    elif type(event) is RunStarted:
        plain = as_dict(replace(event, identities={}))
        told = _dumps({"schema": SCHEMA, **plain, "identities": event.identities, **(owner or {})})
    else:
        plain = as_dict(event)
        if plain["kind"] != "run_ended":
            del plain["run_id"]
        told = _dumps(plain)
    # Half of a surrogate pair, as of a file name that is no text, is no UTF-8.
    return f"{told}\n".encode("utf-8", "backslashreplace")


def _ended(event: NodeEnded) -> str:
    """Return the line of a node, part by part: a general encoder takes twice as long."""
    parts = [f'{{"kind": "node_ended", "node": {_text(event.node)}, "status": "{event.status}"']
    if event.attempts:
        parts.append(
            f', "started": {event.started:.6f}, "ended": {event.ended:.6f}, '
            f'"attempts": {event.attempts}, "load_seconds": {event.load_seconds:.6f}, '
            f'"function_seconds": {event.function_seconds:.6f}, '
            f'"save_seconds": {event.save_seconds:.6f}'
        )
    if event.spark_seconds is not None:
        parts.append(f', "spark_seconds": {event.spark_seconds:.6f}')
    if event.error is not None:
        parts.append(f', "error": {_dumps(_said(event.error))}')
    # Of what is only in memory there is nothing to tell but that it is lazy, or who made it.
    reports = [
        _report(one)
        for one in event.data_sets
        if one.location or one.is_lazy or one.state or one.version or one.preview
    ]
    if reports:
        parts.append(f', "data_sets": [{", ".join(reports)}]')
    if event.checks:
        parts.append(f', "checks": {_dumps([_said(one) for one in event.checks])}')
    if event.jobs:
        from sparkpipe.spark_jobs import plain_job  # who runs without Spark need not wait for it

        parts.append(f', "jobs": {_dumps([plain_job(one) for one in event.jobs])}')
    if event.jobs_left_out:
        parts.append(f', "jobs_left_out": {event.jobs_left_out}')
    if event.cores is not None:
        parts.append(f', "cores": {event.cores}')
    if event.reason:
        parts.append(f', "reason": {_text(event.reason)}')
    if event.since:
        parts.append(f', "since": {_text(event.since)}')
    parts.append("}")
    return "".join(parts)


def _report(one: DataSetReport) -> str:
    told = (
        f'{{"name": {_text(one.name)}, "type": {_text(one.type)}, '
        f'"location": {_text(one.location)}, "direction": "{one.direction}", '
        f'"seconds": {one.seconds:.6f}'
    )
    if one.rows is not None:
        told += f', "rows": {int(one.rows)}'  # numpy has numbers of its own
    if one.bytes is not None:
        told += f', "bytes": {int(one.bytes)}'
    if one.version is not None:
        told += f', "version": {_text(str(one.version))}'
    if one.is_lazy:
        told += ', "is_lazy": true'
    if one.state is not None:
        told += f', "state": {_text(str(one.state))}'
    if one.lag is not None:
        told += f', "lag": {int(one.lag)}'
    if one.table_id is not None:
        told += f', "table_id": {_text(one.table_id)}'
    if one.columns:
        told += f', "columns": {_dumps(one.columns)}'
    if one.preview:
        told += f', "preview": {_dumps(one.preview)}'
    return f"{told}}}"


def _said(one: CheckReport | ErrorReport) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if value not in (None, "", ())}


def decode(line: bytes) -> dict[str, Any]:
    """Return a line as a mapping, whatever it tells.

    Raises:
        ValueError: It is none; most often the process has ended while it was written.
    """
    try:
        told = json.loads(line.decode())
    except RecursionError as exc:
        raise ValueError("no event") from exc
    if not isinstance(told, dict) or not isinstance(told.get("kind"), str):
        raise ValueError("no event")
    return told


def parse(line: bytes) -> dict[str, Any]:
    """Return a line as a mapping whose values are what they have to be.

    Raises:
        ValueError: It is none.
    """
    told = decode(line)
    check_line(told)
    return told


def error_of(told: Mapping[str, Any]) -> ErrorReport | None:
    """Return the error of which a line tells."""
    error = told.get("error")
    if error is None:
        return None
    kind, message, location = (str(error.get(name, "")) for name in ("type", "message", "location"))
    return ErrorReport(kind, message, location, _fixed(error.get("lines", [])))


def data_sets_of(told: Mapping[str, Any]) -> tuple[DataSetReport, ...]:
    """Return what was loaded and saved, of which a line tells."""
    plain = {"name": "", "type": "", "location": "", "direction": "load", "seconds": 0.0}
    return tuple(
        DataSetReport(
            **{name: _fixed(value) for name, value in (plain | one).items() if name in _REPORT}
        )
        for one in told.get("data_sets", ())
    )


def _fixed(value: Any) -> Any:
    return tuple(map(_fixed, value)) if isinstance(value, list) else value


def checks_of(told: Mapping[str, Any]) -> tuple[CheckReport, ...]:
    """Return what checks have found, of which a line tells."""
    plain = {"direction": "save", "outcome": "passed"}
    return tuple(
        CheckReport(**{name: value for name, value in (plain | one).items() if name in _CHECK})
        for one in told.get("checks", ())
    )


def jobs_of(told: Mapping[str, Any]) -> tuple[SparkJob, ...]:
    """Return what Spark has run, of which a line tells."""
    jobs = told.get("jobs")
    if not jobs:
        return ()
    from sparkpipe.spark_jobs import job_of

    return tuple(map(job_of, jobs))
