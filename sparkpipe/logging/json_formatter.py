"""Logs as lines of JSON, for whoever collects them."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timezone
from typing import Any

from sparkpipe.io.log_records import message_of, work_of_records

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "label"}

# What steers a terminal, or is no character at all, and JSON would leave as it is.
_STEERS = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class JsonFormatter(logging.Formatter):
    r"""Writes a record as one line of JSON, with the run and the node for which it was logged.

    What code gives as ``extra`` is a key of its own.

    Args:
        args: See :class:`logging.Formatter`; what these say of the form has no effect.
        run_id: The run of records that are logged by threads that know of none.
        kwargs: Like ``args``.

    >>> record = logging.makeLogRecord({"msg": "%d\nrows", "args": (2,), "name": "shop", "shop": 7})
    >>> line = JsonFormatter().format(record)
    >>> {key: value for key, value in json.loads(line).items() if key != "time"}
    {'level': 'INFO', 'logger': 'shop', 'message': '2\nrows', 'shop': 7}
    """

    def __init__(self, *args: Any, run_id: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        extra = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname if record.levelno else "INFO",
            "logger": record.name,
            "message": message_of(record),
            **work_of_records(self._run_id),
            **extra,  # among them the work of a record that comes from another process
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        elif record.exc_text:  # it comes from another process
            told["traceback"] = record.exc_text
        if record.stack_info:
            told["stack"] = record.stack_info
        try:
            line = _as_json(told)
        except (TypeError, ValueError, RecursionError):  # an extra that JSON has no words for
            line = _as_json({key: _plain(value) for key, value in told.items()})
        return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", line)

    def line(self, text: str, level: str, logger: str, traceback_text: str = "") -> str:
        """Return a text that nobody has logged as a line.

        Args:
            text: The message.
            level: The name of its level.
            logger: What would have logged it.
            traceback_text: Where an error came from.
        """
        record = logging.LogRecord(logger, getattr(logging, level), "", 0, text, None, None)
        record.exc_text = traceback_text or None
        return self.format(record)


def _as_json(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, allow_nan=False, default=str)


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, bool)) or value is None else repr(value)
