"""Dictionaries and lists that nobody changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


def frozen(value: Any) -> Any:
    """Return a copy of a value in which no dictionary, list or set can be changed.

    It is equal to the value, and can be written as JSON and pickled as that can.

    >>> params = frozen({"rates": [1, 2]})
    >>> params == {"rates": [1, 2]}
    True
    >>> params["rates"].append(3)
    Traceback (most recent call last):
        ...
    TypeError: What is told to several cannot be changed; change a copy of it.
    """
    if isinstance(value, Mapping):
        return _Dict({key: frozen(one) for key, one in value.items()})
    if isinstance(value, list):
        return _List(map(frozen, value))
    if type(value) is tuple:
        return tuple(map(frozen, value))
    return frozenset(value) if isinstance(value, set) else value


def freeze_mappings(thing: Any) -> None:
    """Put a frozen copy in the place of each mapping among the fields of a frozen dataclass."""
    for name, value in vars(thing).items():
        if isinstance(value, Mapping):
            object.__setattr__(thing, name, frozen(value))


def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
    raise TypeError("What is told to several cannot be changed; change a copy of it.")


class _Dict(dict[Any, Any]):
    def __reduce__(self) -> Any:  # else pickle would fill an empty one
        return type(self), (dict(self),)

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


class _List(list[Any]):
    def __reduce__(self) -> Any:
        return type(self), (list(self),)

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse
