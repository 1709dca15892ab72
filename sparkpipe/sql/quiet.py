"""sqlglot without its warnings: what it cannot do is told in other words, or is no fault."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, sqlglot logs errors only."""
    logger = logging.getLogger("sqlglot")
    errors = _Errors()
    logger.addFilter(errors)
    try:
        yield
    finally:
        logger.removeFilter(errors)


class _Errors(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR
