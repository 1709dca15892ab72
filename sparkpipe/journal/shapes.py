"""What the values of a line must be: whoever reads them relies on it, and files may hold anything.

What is not named here is passed over: a newer version may have added it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

# Until the year 5000: what is later is no time, and no clock shows it.
_LATEST = 1e11


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LATEST


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _mapping_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_text, value))


def _is_filter(value: Any) -> bool:
    return _is_text(value) or _list_of(_is_text)(value)


def _record(required: tuple[str, ...], checks: Mapping[str, Check]) -> Check:
    def check(value: Any) -> bool:
        return _is_mapping(value) and all(one in value for one in required) and _fits(value, checks)

    return check


def _fits(value: Mapping[str, Any], checks: Mapping[str, Check]) -> bool:
    return all(name not in checks or checks[name](one) for name, one in value.items())


_NODE = {"name": _is_name, "inputs": _list_of(_is_text), "outputs": _list_of(_is_text)}
_ERROR: dict[str, Check] = {
    **dict.fromkeys(("type", "message", "location"), _is_text),
    "lines": _list_of(_is_pair),
}
_DATA_SET: dict[str, Check] = {
    **dict.fromkeys(("name", "type", "location", "direction"), _is_text),
    **dict.fromkeys(("version", "state", "table_id"), _or_none(_is_text)),
    **dict.fromkeys(("rows", "bytes", "lag"), _or_none(_is_count)),
    "seconds": _is_number,
    "is_lazy": _is_flag,
    "columns": _list_of(_is_pair),
    "preview": _list_of(_list_of(_or_none(_is_text))),
}
_CHECK: dict[str, Check] = {
    **dict.fromkeys(("data_set", "check", "direction", "outcome", "told", "quarantine"), _is_text),
    **dict.fromkeys(("failed", "rows"), _or_none(_is_count)),
}
_STAGE: dict[str, Check] = {
    **dict.fromkeys(("name", "status"), _is_text),
    **dict.fromkeys(("id", "attempts", "tasks", "failed_tasks", "first_rdd"), _is_count),
    **dict.fromkeys(("started", "ended", "task_seconds"), _is_number),
    **dict.fromkeys(("longest_task", "median_task"), _or_none(_is_number)),
    **dict.fromkeys(("input_rows", "input_bytes", "output_rows", "output_bytes"), _is_count),
    **dict.fromkeys(("shuffle_read_rows", "shuffle_read_bytes"), _is_count),
    **dict.fromkeys(("shuffle_written_rows", "shuffle_written_bytes"), _is_count),
    **dict.fromkeys(("spilled_bytes", "result_bytes"), _is_count),
}
_JOB: dict[str, Check] = {
    "id": _is_count,
    **dict.fromkeys(("description", "status"), _is_text),
    **dict.fromkeys(("started", "ended"), _is_number),
    "stages": _list_of(_record(("id",), _STAGE)),
}
_LINE: dict[str, Check] = {
    **dict.fromkeys(("run_id", "node"), _is_name),
    **dict.fromkeys(("status", "reason", "since", "outcome"), _is_text),
    **dict.fromkeys(("project", "pipeline", "runner", "resumes", "host"), _is_text),
    **dict.fromkeys(("schema", "attempt", "attempts", "jobs_left_out", "lanes"), _is_count),
    "cores": _or_none(_is_count),
    "jobs": _list_of(_record(("id",), _JOB)),
    **dict.fromkeys(("time", "started", "ended", "seconds"), _is_number),
    **dict.fromkeys(("load_seconds", "function_seconds", "save_seconds"), _is_number),
    **dict.fromkeys(("options", "params", "extra_params"), _is_mapping),
    "selection": _mapping_of(_is_filter),
    "runner_options": _is_mapping,
    **dict.fromkeys(("versions", "slices"), _mapping_of(_is_text)),
    "spark_seconds": _or_none(_is_number),
    "environment": _or_none(_is_text),
    "identities": _mapping_of(_is_mapping),
    "plan": _list_of(_record(("name", "inputs", "outputs"), _NODE)),
    "error": _or_none(_record((), _ERROR)),
    "data_sets": _list_of(_record(("name", "type", "direction"), _DATA_SET)),
    "checks": _list_of(_record(("data_set", "check"), _CHECK)),
}
_REQUIRED = {
    "run_started": ("run_id", "plan", "time"),
    "node_started": ("node", "time"),
    "node_retried": ("node", "attempt"),
    "node_ended": ("node", "status"),
    "run_ended": ("outcome", "seconds"),
}


def check_line(told: Mapping[str, Any]) -> None:
    """Look whether the values of a line are what they have to be.

    Args:
        told: The line.

    Raises:
        ValueError: One is not, or is missing.
    """
    for name in _REQUIRED.get(told["kind"], ()):
        if name not in told:
            raise ValueError(f"it has no '{name}'")
    for name, value in told.items():
        if name in _LINE and not _LINE[name](value):
            raise ValueError(f"its '{name}' is not as it is written")
