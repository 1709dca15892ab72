"""What tells one save of a run from all others, so that none has an effect twice.

A save is told by the run, its node, the table, and which of the node's saves to that table it is.
A run that continues another one counts as that one, as long as the node is what it was.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from sparkpipe.events import RunDescription

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
    """

    run: str
    node: str
    slices: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    number: int = 0
    key: str = ""
    is_first: bool = True

    def metadata(self) -> str:
        """Return what a commit keeps of it, as JSON."""
        told = {
            "run": self.run,
            "node": self.node,
            "slice": dict(self.slices),
            "code": self.code,
            "save": self.key and f"{self.key}/{self.number}",
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
    verdict: str = ""


_batch: ContextVar[_Batch | None] = ContextVar("_batch", default=None)


@contextmanager
def of_batch(query: str, number: int) -> Iterator[None]:
    """Let saves within it be told by a batch of a stream: it may come again in another run.

    Args:
        query: The id of the query, which its checkpoint keeps.
        number: The number of the batch.
    """
    token = _batch.set(_Batch(query, number))
    try:
        yield
    finally:
        _batch.reset(token)


@contextmanager
def by_verdict(checks: str) -> Iterator[None]:
    """Let saves of a batch within it be others than those that other checks have led to.

    A batch may come again after its checks were changed. What they reject then is not what was
    rejected, and would be lost if it counted as saved.

    Args:
        checks: What has judged it, the same in each process.
    """
    batch = _batch.get()
    token = _batch.set(None if batch is None else replace(batch, verdict=checks))
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
    told = [batch.query, target, batch.verdict]
    key = _digest(told if batch.verdict else told[:2])
    return SaveMark(run, node, number=batch.number, key=key, is_first=False)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
