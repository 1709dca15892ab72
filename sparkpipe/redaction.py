"""Configuration as it may be shown: without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"

_SECRET_KEY = re.compile(
    r"password|passwd|pwd|secret|token|credential|(^|[_.-])(key|sas)$|api_?key|access_?key", re.I
)
# postgresql://user:password@host, and ;password=... of JDBC
_IN_URL = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]*(?=@)")
_IN_OPTIONS = re.compile(
    r"(?<=[?&;])((?:password|pwd|secret|token|sig|access_?key)[^=&;]*=)[^&;\s]*", re.I
)


def redacted(value: Any) -> Any:
    """Return configuration with its secrets hidden; the name of credentials is none.

    >>> redacted({"credentials": "store", "load_args": {"password": "x", "sep": ";"}})
    {'credentials': 'store', 'load_args': {'password': '[hidden]', 'sep': ';'}}
    >>> redacted({"con": "postgresql://me:x@host/db"})
    {'con': 'postgresql://[hidden]@host/db'}
    """
    if isinstance(value, Mapping):
        return {key: _of_key(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(item) for item in value]
    if isinstance(value, str):
        return _IN_OPTIONS.sub(rf"\g<1>{HIDDEN}", _IN_URL.sub(HIDDEN, value))
    return value


def _of_key(key: str, value: Any) -> Any:
    if key == "credentials" and isinstance(value, str):
        return value
    if value is not None and _SECRET_KEY.search(key):
        return dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else HIDDEN
    return redacted(value)
