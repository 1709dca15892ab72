"""Logs as lines of JSON, for whoever collects them."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import Any

from sparkpipe.io.working import current_work

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "label"}


class JsonFormatter(logging.Formatter):
    r"""Writes a record as one line of JSON, with the run and the node for which it was logged.

    What code gives as ``extra`` is a key of its own.

    >>> record = logging.makeLogRecord({"msg": "%d\nrows", "args": (2,), "name": "shop", "shop": 7})
    >>> line = JsonFormatter().format(record)
    >>> {key: value for key, value in json.loads(line).items() if key != "time"}
    {'level': 'INFO', 'logger': 'shop', 'message': '2\nrows', 'shop': 7}
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        extra = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname if record.levelno else "INFO",
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in current_work()._asdict().items() if value},
            **extra,  # among them the work of a record that comes from another process
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)
