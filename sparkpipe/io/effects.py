"""What a save does to what is there, in one word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

#: ``replace``: what is saved takes the place of all that was there. ``append``: it is added.
#: ``merge``: rows of the same key are updated, others added. ``part``: it takes the place of its
#: own part only, as of a partition. ``keep``: what is there is never touched: a version of its own
#: is saved, or nothing, or the save fails.
SaveEffect = Literal["replace", "append", "merge", "keep", "part"]

#: What becomes of what was loaded when somebody writes. ``live``: it is read when somebody acts on
#: it, and may be what was written since. ``snapshot``: it stays as it was when it was loaded.
#: ``fixed``: each load gives the same, as of a version that is asked for.
LoadEffect = Literal["live", "snapshot", "fixed"]

LOAD_EFFECTS: tuple[str, ...] = get_args(LoadEffect)

SAVE_EFFECTS: tuple[str, ...] = get_args(SaveEffect)

_APPENDS = ("append", "a", "ab", "a+", "at", "a+b", "ab+")
_KEEPS = ("ignore", "error", "errorifexists", "fail", "x", "xb", "xt", "x+", "xb+")
_MERGES = ("upsert", "merge", "update")


def effect_of_mode(mode: Any, options: Mapping[str, Any] | None = None) -> SaveEffect:
    """Return the effect of a mode, as Spark, pandas and ``open`` call them.

    Args:
        mode: The word; one that is not known replaces.
        options: Options of Spark's writer, by which an overwrite may be of a part only.

    >>> effect_of_mode("overwrite"), effect_of_mode("errorIfExists"), effect_of_mode("ab")
    ('replace', 'keep', 'append')
    >>> effect_of_mode("overwrite", {"replaceWhere": "day = 1"})
    'part'
    """
    word = str(mode).lower()
    if word in _APPENDS:
        return "append"
    if word in _KEEPS:
        return "keep"
    if word in _MERGES:
        return "merge"
    given = {str(name).lower(): str(value).lower() for name, value in (options or {}).items()}
    dynamic = given.get("partitionoverwritemode") == "dynamic"
    return "part" if dynamic or "replacewhere" in given else "replace"
