"""What tells one save of a run from all others, so that none has an effect twice.

A save is told by the run, its node, the table, and which of the node's saves to that table it is.
A run that continues another one counts as that one, as long as the node is what it was.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from sparkpipe.description import RunDescription

_LENGTH = 16


@dataclass(frozen=True)
class SaveMark:
    """One save.

    Attributes:
        run: The run.
        node: The node.
        slices: The slice that the run is of.
        code: A digest of the node's code; empty where nobody has worked it out.
        number: Which of the node's saves to this table it is, from 0.
        key: The same for all attempts at the same save, and for no other save; empty where that
            cannot be told, as of a run that nobody writes down.
        is_first: Whether no attempt at it was made before, as far as is known.
        of_batch: What is told of the batch of a stream.
    """

    run: str
    node: str
    slices: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    number: int = 0
    key: str = ""
    is_first: bool = True
    of_batch: Mapping[str, str] = field(default_factory=dict)

    def metadata(self) -> str:
        """Return what a commit keeps of it, as JSON."""
        told = {
            "run": self.run,
            "node": self.node,
            "slice": dict(self.slices),
            "code": self.code,
            "save": self.key and f"{self.key}/{self.number}",
            **self.of_batch,
        }
        return json.dumps({name: value for name, value in told.items() if value})

    def made(self, metadata: str | None) -> bool:
        """Whether a commit with this metadata is of this save."""
        try:
            told = json.loads(metadata or "null")
        except ValueError:  # somebody else's
            return False
        return (
            bool(self.key)
            and isinstance(told, dict)
            and (told.get("save") == f"{self.key}/{self.number}")
        )


class Saves:
    """The saves of one run. Safe to use from many threads.

    Args:
        run_id: The run.
        description: What is known of it.
    """

    def __init__(self, run_id: str, description: RunDescription) -> None:
        self._run_id = run_id
        self._description = description
        self._lock = threading.Lock()
        self._made: Counter[tuple[str, str]] = Counter()
        self._tried: set[tuple[str, str, int]] = set()
        #: Held while a setting of the session is that of one save.
        self.settings_lock = threading.Lock()

    @contextmanager
    def saving(self, node: str, target: str) -> Iterator[SaveMark]:
        """Give the mark of a save; it counts as made when what is within ends well.

        Args:
            node: The node that saves.
            target: The table, in one spelling for all that share it.
        """
        about = self._description
        identity = about.identities.get(node)
        with self._lock:
            number = self._made[node, target]
            is_first = not about.resumes and (node, target, number) not in self._tried
            self._tried.add((node, target, number))
        key = ""
        if identity:
            origin = "" if node in about.anew else about.origin
            origin = origin or self._run_id
            key = _digest([origin, node, target, dict(about.slices), identity])
        code = _digest(identity.get("code")) if identity else ""
        yield SaveMark(self._run_id, node, about.slices, code, number, key, is_first)
        with self._lock:
            self._made[node, target] = number + 1


@dataclass(frozen=True)
class _Batch:
    query: str
    number: int
    checks: str = ""
    is_new: bool = False
    rejected_at: str = ""

    def told(self) -> dict[str, str]:
        told = {"batch": self.name, "checks": self.checks, "rejected_at": self.rejected_at}
        return {name: value for name, value in told.items() if value}

    @property
    def name(self) -> str:
        return f"{self.query}/{self.number}"


_batch: ContextVar[_Batch | None] = ContextVar("_batch", default=None)


@contextmanager
def of_batch(query: str, number: int, checks: str = "", *, is_new: bool = False) -> Iterator[None]:
    """Let saves within it be told by a batch of a stream: it may come again in another run.

    Args:
        query: The id of the query, which its checkpoint keeps.
        number: The number of the batch.
        checks: What judges it, the same in each process; empty where nothing does.
        is_new: Whether it is known that it has not come before.
    """
    judged = checks and _digest(checks)
    token = _batch.set(_Batch(query, number, judged, is_new))
    try:
        yield
    finally:
        _batch.reset(token)


@contextmanager
def rejected_at(time: str) -> Iterator[None]:
    """Let saves within it be of the rows of a batch that were rejected at a time.

    A batch may come again and be judged otherwise: its checks, the code of its node or a table
    that it is joined with were changed. What is rejected then is not what was rejected, and would
    be lost if it counted as saved; and what was rejected is not to be saved.

    Args:
        time: As it stands in the rows.
    """
    batch = _batch.get()
    token = _batch.set(None if batch is None else replace(batch, rejected_at=time))
    try:
        yield
    finally:
        _batch.reset(token)


def is_of_batch() -> bool:
    """Whether the present work is for a batch of a stream."""
    return _batch.get() is not None


def batch_mark(run: str, node: str, target: str) -> SaveMark | None:
    """Return the mark of a save of a batch; None where none is saved.

    Args:
        run: The run; may be empty.
        node: The node; may be empty.
        target: The table, in one spelling for all that share it.
    """
    batch = _batch.get()
    if batch is None:
        return None
    told = [batch.query, target, *filter(None, [batch.checks])]
    if batch.rejected_at and not batch.is_new:
        # What was rejected before is left out of it, so what is rejected now is not there yet.
        told.append(batch.rejected_at)
    key = _digest(told)
    return SaveMark(run, node, number=batch.number, key=key, is_first=False, of_batch=batch.told())


def with_batch(metadata: str) -> str:
    """Return what a commit keeps of a save, and of the present batch.

    Args:
        metadata: That of the save; what is no JSON is somebody else's, and is kept in it.
    """
    batch = _batch.get()
    if batch is None:
        return metadata
    try:
        told = json.loads(metadata or "{}")
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {"metadata": metadata}
    return json.dumps({**told, **batch.told()})


def may_have_come() -> bool:
    """Whether the present work is for a batch that may have come before."""
    batch = _batch.get()
    return batch is not None and not batch.is_new


def marks_of_batch(found: Iterable[str | None]) -> list[dict[str, Any]]:
    """Return the marks of saves of the present batch that were made before.

    Args:
        found: What the commits of a table keep.
    """
    batch = _batch.get()
    marks = []
    for text in found:
        try:
            told = json.loads(text or "null")
        except ValueError:  # somebody else's
            continue
        if batch is not None and isinstance(told, dict) and told.get("batch") == batch.name:
            marks.append(told)
    return marks


def _digest(value: Any) -> str:
    import hashlib  # it loads OpenSSL

    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
