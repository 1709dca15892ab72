"""Whose a checkpoint is, and of which query: told before Spark fails, or mixes two up.

A file beside those of Spark keeps the node, the table and what of the query the state depends on.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.spark.jobs.plans import analyzed_plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_logger = logging.getLogger(__name__)

#: The file; Spark looks at none of this name.
OWNER = "sparkpipe.json"

# What is another one each time that Spark makes the same plan: numbers of columns, hashes of
# objects, the id of a watermark, and the counter behind a lambda's parameter.
_VARIES = re.compile(r"#\d+L?|@[0-9a-f]+\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_PARAMETER = re.compile(r"\blambda (\w+)_\d+\b")
# What keeps state from batch to batch.
_STATEFUL = (
    *("Aggregate", "Distinct", "Deduplicate", "DeduplicateWithinWatermark", "Join", "GlobalLimit"),
    *("EventTimeWatermark", r"\w+WithState\w*"),  # functions of states, in Scala and Python
)
_STATE = re.compile(rf"^[\s:+!~-]*({'|'.join(_STATEFUL)})\b(.*)")
_SOURCE = re.compile(r"\bStreaming(?:Execution)?Relation")
_NO_STATE = "nothing"
_WORDS = {
    "node": "it is that of node '{}'",
    "target": "it is that of a stream into {}",
    "output_mode": "its output mode was '{}'",
    "sources": "it had {} sources",
    "state": "its state was that of: {}",
}


@contextmanager
def owned(folder: Path | None, frame: DataFrame, owner: Mapping[str, str]) -> Iterator[None]:
    """Refuse a checkpoint of another node, table or query; what is within makes it its own.

    Args:
        folder: The checkpoint; None if it is on no disk of this machine, where nothing is known.
        frame: The stream.
        owner: Whose it is to be: ``node``, ``target``, ``output_mode``.

    Raises:
        DataSetError: It is another's.
    """
    if folder is None:
        yield
        return
    is_used = (folder / "offsets").is_dir()
    now = {**owner, **_of_query(frame)}
    before = _read(folder) if is_used else {}
    for what, told in before.items():
        # Outside of a run no node is known.
        if now.get(what) and told and now[what] != told and what in _WORDS:
            raise DataSetError(
                f"the checkpoint {folder} does not fit: {_WORDS[what].format(told)}, and is "
                f"{now[what]!r} now.",
                hint="Give each stream a checkpoint of its own. One that has changed begins anew "
                "with a new folder, and takes again what its source has. If only a name has "
                f"changed, remove {OWNER} from it.",
            )
    _write(folder, {**before, **{name: value for name, value in now.items() if value}})
    yield


def keeps_state(frame: DataFrame) -> bool:
    """Return whether a stream keeps state from batch to batch; true where nobody tells.

    Args:
        frame: The stream.
    """
    return _of_query(frame).get("state") != _NO_STATE


def _of_query(frame: DataFrame) -> dict[str, str]:
    """Return what of a query Spark's own state depends on; empty where nobody tells."""
    try:
        plan = analyzed_plan(frame)
    except Exception as exc:  # a guarded JVM, a server that explains nothing
        _logger.debug("The plan of a stream is not known: %s", exc)
        return {}
    return query_of(plan) if plan else {}


def query_of(plan: str) -> dict[str, str]:
    r"""Return the number of sources in a plan, and what keeps state.

    >>> query_of("~Aggregate [a#1L], [a#1L, count(1) AS n#2L]\n+- StreamingRelation ...")
    {'sources': '1', 'state': 'Aggregate [a], [a, count(1) AS n]'}
    """
    lines = _steady(plan).splitlines()
    # A plan of nothing but a source is told as that source alone.
    sources = max(1, sum(bool(_SOURCE.search(line)) for line in lines))
    # A join with what is no stream keeps none.
    found = [match for line in lines if (match := _STATE.match(line))]
    state = [f"{one[1]}{one[2]}".strip() for one in found if one[1] != "Join" or sources > 1]
    return {"sources": str(sources), "state": "; ".join(state) or _NO_STATE}


def _steady(text: str) -> str:
    """Return what is the same each time of the text of a plan."""
    return _PARAMETER.sub(r"lambda \1", _VARIES.sub("", text))


def _read(folder: Path) -> Mapping[str, Any]:
    try:
        told = json.loads((folder / OWNER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(told, dict):
        return {}
    # Earlier versions wrote some of what varies.
    return {**told, "state": _steady(str(told["state"]))} if told.get("state") else told


def _write(folder: Path, owner: Mapping[str, Any]) -> None:
    with suppress(OSError):  # who may not write it, Spark will tell
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OWNER).write_text(json.dumps(owner, indent=1), encoding="utf-8")
