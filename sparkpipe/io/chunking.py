"""What becomes of chunks that are saved one after the other, as those of a generator's node."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any, Literal

from sparkpipe.io import foreign
from sparkpipe.io.data_set import AbstractDataSet
from sparkpipe.io.declared import is_memory_only, save_effect, unwrapped
from sparkpipe.io.lambda_data_set import LambdaDataSet

#: ``add``: a save adds to what earlier ones have saved. ``collect``: chunks are parts of one
#: mapping, which is saved when all are there. ``last``: only the last chunk would stay.
#: ``unknown``: a class of the user's that tells nothing of it.
Way = Literal["add", "collect", "last", "unknown"]

_LIBRARIES = ("sparkpipe.", "kedro.", "kedro_datasets.", "kedro_datasets_experimental.")


def way_of_chunks(data_set: Any) -> Way:
    """Return how a data set takes chunks that are saved one after the other."""
    inner = unwrapped(data_set)
    if isinstance(foreign.attribute(inner, "_filepath_arg"), str):  # partitions, also Kedro's
        return "collect"
    effect = save_effect(inner)
    # Each would take the place of the part that the one before has merged.
    replaces_part = getattr(foreign.attribute(inner, "_merge"), "within", "")
    if effect in ("append", "merge") and not replaces_part:
        return "add"
    if is_memory_only(inner) and not _is_of_user(inner):
        return "last"
    # What a user has written may add to what it saved before, as in Kedro's documentation.
    return "unknown" if isinstance(inner, LambdaDataSet) or _is_of_user(inner) else "last"


def parts_stay(data_set: Any) -> bool:
    """Whether partitions that are saved twice keep both, as where their data set appends."""
    inner = unwrapped(data_set)
    if foreign.attribute(inner, "_overwrite"):  # the second save would remove what the first saved
        return False
    if not hasattr(type(inner), "part_effect"):
        return True  # what others have written is called as it would be there: chunk after chunk
    return inner.part_effect() in ("append", "merge", "part")


def saves_lazily(data_set: Any) -> bool:
    """Whether functions among partitions are called when they are saved, and are not the data."""
    return foreign.attribute(unwrapped(data_set), "_save_lazily") is not False


def only_last_part(part: Any) -> str:
    """Say why a second chunk of a partition is refused, and what to do."""
    return (
        f"its function is a generator, which has given partition {part!r} before, and of several "
        "chunks only the last one would stay. Give each partition once, or let their data set "
        "append."
    )


def _is_of_user(data_set: Any) -> bool:
    """Whether a class of the user's says how to save, and not what that does."""
    for kind in type(data_set).__mro__:
        if kind.__module__.startswith(_LIBRARIES) and kind is not AbstractDataSet:
            return False
        own = vars(kind)
        if "save_effect" in own:
            return kind is AbstractDataSet
        if not {"save", "_save", "_write"}.isdisjoint(own):
            return True
    return True


def only_last(data_set: Any) -> str:
    """Say why a second chunk is refused, and what to do."""
    inner = unwrapped(data_set)
    advice = (
        "Return all of it at once, such as a list."
        if is_memory_only(inner)
        else "Save to what appends (mode: append, or 'a' in open_args_save) or to a "
        "PartitionedDataSet, or return all of it at once."
    )
    return (
        "its function is a generator, which saves chunk by chunk, and of several chunks "
        f"a {type(inner).__name__} would keep only the last one. {advice}"
    )


def may_give_many(function: Callable[..., Any]) -> bool:
    """Whether a function is a generator's that may give more than one chunk.

    >>> def one(x):
    ...     yield x
    >>> may_give_many(one), may_give_many(len)
    (False, False)
    """
    while isinstance(function, partial):
        function = function.func
    # Asked for each node; of a method, too, the code is that of its function.
    code = getattr(function, "__code__", None)
    if not (isinstance(code, CodeType) and code.co_flags & inspect.CO_GENERATOR):
        return False
    steps = [*dis.get_instructions(function)]
    names = [step.opname for step in steps]
    if "YIELD_FROM" in names or "SEND" in names or names.count("YIELD_VALUE") > 1:
        return True
    jumps = {*dis.hasjrel, *dis.hasjabs}
    return any(step.opcode in jumps and step.argval <= step.offset for step in steps)
