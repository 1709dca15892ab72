"""Names that mean one thing for all nodes: functions, global views, and the current database.

Where nodes side by side give one of them different meanings, a query of one may get that of the
other; on Spark Connect, where names are looked up when a query runs, also one of an earlier node.
Nobody can part them, for any expression may call a function; so it is told.
"""

from __future__ import annotations

import logging
import re
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparkpipe.spark.jobs.run import NodeJobs

_logger = logging.getLogger(__name__)

_DATABASE = ""  # no function is called so

_FUNCTION = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?TEMP(?:ORARY)?\s+FUNCTION\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"`?(?P<name>\w+)`?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_GLOBAL_VIEW = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?GLOBAL\s+TEMP(?:ORARY)?\s+VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"`?(?P<name>\w+)`?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_GLOBAL = "global_temp."
_USE = re.compile(
    r"\s*(?:USE|SET\s+CATALOG)\s+(?:(?:DATABASE|SCHEMA|NAMESPACE|CATALOG)\s+)?(?P<name>[\w.`]+)",
    re.IGNORECASE,
)
_PLAIN = (int, float, str, bytes, bool, type(None))


class SharedNames:
    """What nodes have given names to on the session of a run. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._meanings: dict[str, dict[NodeJobs, Any]] = {}
        self._told: set[str] = set()

    def note_function(self, node: NodeJobs, name: str, meaning: Any, *, is_late: bool) -> None:
        """Note that a node has registered a function; warn if another one means something else.

        Args:
            node: The node.
            name: What the function is called.
            meaning: The function, or the text that makes it.
            is_late: Whether names are looked up when a query runs.
        """
        self._note(node, name.lower(), getattr(meaning, "func", meaning), is_late)

    def note_global_view(self, node: NodeJobs, name: str, meaning: Any, *, is_late: bool) -> None:
        """Note that a node has made a global view; warn if another one means something else.

        Args:
            node: The node.
            name: What the view is called.
            meaning: The frame, or the text that makes it.
            is_late: Whether names are looked up when a query runs.
        """
        self._note(node, f"{_GLOBAL}{name.strip('`').lower()}", meaning, is_late)

    def note_database(self, node: NodeJobs, database: str, *, is_late: bool) -> None:
        """Note that a node has chosen the current database; warn if another one has another."""
        self._note(node, _DATABASE, database.replace("`", "").lower(), is_late)

    def note_query(self, node: NodeJobs, query: str, *, is_late: bool) -> None:
        """Note what a query registers or chooses, if it does; see above."""
        made = _FUNCTION.match(query)
        if made is not None:
            self.note_function(node, made["name"], made["rest"], is_late=is_late)
            return
        viewed = _GLOBAL_VIEW.match(query)
        if viewed is not None:
            self.note_global_view(node, viewed["name"], viewed["rest"], is_late=is_late)
            return
        used = _USE.match(query)
        if used is not None:
            self.note_database(node, used["name"], is_late=is_late)

    def _note(self, node: NodeJobs, name: str, meaning: Any, is_late: bool) -> None:
        with self._lock:
            meanings = self._meanings.setdefault(name, {})
            other = next(
                (
                    one
                    for one, theirs in meanings.items()
                    if one is not node
                    and (is_late or not one.has_ended)
                    and not _is_same(theirs, meaning)
                ),
                None,
            )
            meanings[node] = meaning
            if other is None or name in self._told:
                return
            self._told.add(name)
        if name == _DATABASE:
            does, advice = "choose different current databases", "Name it with each table"
        elif name.startswith(_GLOBAL):
            does = f"make different global views '{name}'"
            advice = "Give each a name of its own, or make views that are not global"
        else:
            does = f"register different functions as '{name}'"
            advice = "Give each a name of its own"
        _logger.warning(
            "Nodes '%s' and '%s' %s, and share one session: a query of one may get that of the "
            "other. %s.",
            other.node,
            node.node,
            does,
            advice,
        )


def _is_same(one: Any, other: Any) -> bool:
    """Whether two functions do the same, as far as is seen: each node may define its own."""
    if isinstance(one, FunctionType) and isinstance(other, FunctionType):
        return one.__code__ == other.__code__ and all(map(_is_equal, _state(one), _state(other)))
    if hasattr(type(one), "sameSemantics") and type(one) is type(other):  # frames
        try:
            return bool(one.sameSemantics(other))
        except Exception:  # nothing is known, then
            return False
    return _is_equal(one, other)


def _state(function: FunctionType) -> list[Any]:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return [*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]


def _is_equal(one: Any, other: Any) -> bool:
    # Of anything else, to ask may cost much, or give a frame.
    return one is other or (isinstance(one, _PLAIN) and type(one) is type(other) and one == other)
