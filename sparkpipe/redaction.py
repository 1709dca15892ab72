"""Configuration as it may be shown: without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

# Rather too many: service_account_json and private_key_pem are secrets, sort_keys is none.
_SECRET_KEY = re.compile(
    r"password|passwd|pwd|secret|token|credential|key|account|connection_?string|storage_options"
    r"|(^|[_.-])sas$",
    re.I,
)
# postgresql://user:password@host, and ;password=... of JDBC
_IN_URL = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]*(?=@)")
_IN_OPTIONS = re.compile(
    r"(?<=[?&;])((?:password|pwd|secret|token|sig|(?:access|account)_?key)[^=&;]*=)[^&;\s]*", re.I
)


def is_secret(key: str) -> bool:
    """Whether what stands under a key is never shown."""
    return _SECRET_KEY.search(key) is not None


def redacted(value: Any, *, names_credentials: bool = False) -> Any:
    """Return configuration, or what a data set tells of itself, with its secrets hidden.

    Args:
        value: Of any depth.
        names_credentials: It names credentials, as a catalog's YAML does: the name is shown.

    >>> redacted({"credentials": {"user": "x"}, "load_args": {"password": "x", "sep": ";"}})
    {'credentials': {'user': '***'}, 'load_args': {'password': '***', 'sep': ';'}}
    >>> redacted({"con": "postgresql://me:x@host/db"})
    {'con': 'postgresql://***@host/db'}
    >>> redacted({"credentials": "store"}, names_credentials=True)
    {'credentials': 'store'}
    """
    if isinstance(value, Mapping):
        return {
            key: _of_key(str(key), item, names_credentials=names_credentials)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redacted(item, names_credentials=names_credentials) for item in value]
    if isinstance(value, str):
        return _IN_OPTIONS.sub(rf"\g<1>{HIDDEN}", _IN_URL.sub(HIDDEN, value))
    return value


def _of_key(key: str, value: Any, *, names_credentials: bool) -> Any:
    if names_credentials and key == "credentials" and isinstance(value, str):
        return value
    if value is not None and is_secret(key):
        return dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else HIDDEN
    return redacted(value, names_credentials=names_credentials)
