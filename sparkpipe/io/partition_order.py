"""In which order partitions are saved that are made of others of the same folder.

What a node gives for a partition may be the function that loads another one, as where each day
takes the place of the next. It is called when its partition is saved, and must still find what was
there when the node ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from graphlib import CycleError, TopologicalSorter
from types import FunctionType, MethodType
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.declared import target_of

# A function may have itself among what it needs.
_DEEPEST = 3


def in_order(targets: Mapping[str, Any], parts: Mapping[str, Any]) -> list[str]:
    """Return names of partitions: each before that from which it is loaded, else by the alphabet.

    Args:
        targets: The data sets to which they are saved.
        parts: What is saved: data, or functions that make it.

    Raises:
        DataSetError: Some would be loaded from each other.
    """
    loaded = {name: [*_loaded_by(part)] for name, part in parts.items()}
    if not any(loaded.values()):
        return sorted(targets)
    names = {place: name for name, one in targets.items() if (place := target_of(one))}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in sorted(targets):
        sorter.add(name)
        for source in {names.get(target_of(one), name) for one in loaded[name]} - {name}:
            sorter.add(source, name)
    try:
        return [*sorter.static_order()]
    except CycleError as exc:
        among = " and ".join(f"'{name}'" for name in sorted({*exc.args[1]}))
        raise DataSetError(
            f"partitions {among} would be loaded from each other while they are replaced.",
            hint="Call the functions in the node, and give what they return.",
        ) from None


def _loaded_by(part: Any, depth: int = 0) -> Iterator[Any]:
    """Give the data sets whose loads a function is, or has at hand."""
    inside: list[Any] = []
    if isinstance(part, MethodType):
        if part.__name__ == "load":
            yield part.__self__
    elif isinstance(part, partial):
        inside = [part.func, *part.args, *part.keywords.values()]
    elif isinstance(part, FunctionType):
        inside = [*(part.__defaults__ or ()), *(part.__kwdefaults__ or {}).values()]
        for cell in part.__closure__ or ():
            with suppress(ValueError):  # it is empty
                inside.append(cell.cell_contents)
    for one in inside if depth < _DEEPEST else ():
        yield from _loaded_by(one, depth + 1)
