"""What a record of a log tells, wherever it is written down."""

from __future__ import annotations

import logging

from sparkpipe.io.working import current_work


def message_of(record: logging.LogRecord) -> str:
    """Return the message of a record; of one whose parts do not fit, these parts.

    Args:
        record: The record. ``logging`` itself would print a trace of one that does not fit.
    """
    try:
        return record.getMessage()
    except Exception as exc:
        return f"{record.msg} {record.args} (they do not fit: {exc})"


def work_of_records(run_id: str) -> dict[str, str]:
    """Return the run and the node for which the present thread logs, as far as they are known.

    Args:
        run_id: The run of a thread that knows of none; may be empty.
    """
    work = current_work()
    known = {"run_id": work.run_id or run_id, "node": work.node}
    return {key: value for key, value in known.items() if value}
