"""What a data set can do, asked of any object with ``load`` and ``save``.

One of ours, and one of the user's that derives from :class:`AbstractDataSet`, declares it by its
methods; of what declares nothing it is guessed (:mod:`sparkpipe.io.foreign`). Everybody asks here.
None of these functions raises anything, loads anything or starts Spark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any, cast

from sparkpipe.io import foreign
from sparkpipe.io.data_set import AbstractDataSet
from sparkpipe.io.effects import LOAD_EFFECTS, SAVE_EFFECTS, LoadEffect, SaveEffect
from sparkpipe.io.tokens import content_state
from sparkpipe.redaction import redacted_text

_logger = logging.getLogger(__name__)

# A wrapper around a wrapper is rare; a ring of them must end.
_MOST_WRAPPERS = 16


def location_of(data_set: Any) -> str:
    """Return where a data set lies, for messages; empty where it has no place."""
    return redacted_text(str(_told(data_set, "location")))


def target_of(data_set: Any) -> str:
    """Return what is read and written, alike for all that share it; empty if nobody does."""
    return "" if is_memory_only(data_set) else str(_told(data_set, "target"))


def save_effect(data_set: Any) -> SaveEffect:
    """Return what a save does to what is there."""
    return cast(SaveEffect, _told(data_set, "save_effect"))


def load_effect(data_set: Any) -> LoadEffect:
    """Return what becomes of what was loaded when others write."""
    return cast(LoadEffect, _told(data_set, "load_effect"))


def why_unreadable(data_set: Any) -> str:
    """Say why no load can succeed, as far as is known; empty if one can."""
    return str(_told(data_set, "why_unreadable"))


def why_unwritable(data_set: Any) -> str:
    """Say why no save can succeed, as far as is known; empty if one can."""
    return str(_told(data_set, "why_unwritable"))


def is_confirmable(data_set: Any) -> bool:
    """Whether a node may confirm it."""
    own = _own(data_set, "is_confirmable")
    # Not that of a data set inside: whoever confirms calls the outer one.
    return foreign.is_confirmable(data_set) if own is None else bool(own[0])


def is_transactional(data_set: Any) -> bool:
    """Whether a write is one transaction, which leaves what is being read in place."""
    return bool(_told(data_set, "is_transactional"))


def saves_once(data_set: Any) -> bool:
    """Whether what a run has saved has no effect when a run saves it again that continues it."""
    return _called(unwrapped(data_set), "saves_once") is True


def is_memory_only(data_set: Any) -> bool:
    """Whether what it holds ends with the process."""
    for one in _chain(data_set):
        own = _own(one, "is_memory_only")
        if own is not None:
            return bool(own[0])
        # Kedro's cache says so of each of its objects, whatever is inside: a class means it.
        if getattr(type(one), "_EPHEMERAL", False) is True:
            return True
    return foreign.is_memory_only(one)


def is_single_process(data_set: Any) -> bool:
    """Whether it must stay in its process, or what it wraps must."""
    for one in _chain(data_set):
        own = _own(one, "is_single_process")
        if own is not None:
            return bool(own[0])
        if foreign.is_single_process(one):
            return True
    return False


def unwrapped(data_set: Any) -> Any:
    """Return the data set inside wrappers such as CachedDataSet, or the one given."""
    for innermost in _chain(data_set):
        data_set = innermost
    return data_set


def state_of(data_set: Any) -> str | None:
    """Return a token of what is there now, which a save changes; None if there is none.

    It is cheap, but for a data set whose entry says ``changed_by: content``.
    """
    if foreign.attribute(unwrapped(data_set), "_changed_by_content") is True:
        return content_of(data_set)
    return _own_state(data_set)


def state_to_load(data_set: Any) -> str | None:
    """Return a token of what a load would give; of what is read bit by bit, that is what is new."""
    if is_confirmable(data_set):
        told = _called(unwrapped(data_set), "state_of_news")
        if isinstance(told, str):
            return told
    return state_of(data_set)


def content_of(data_set: Any) -> str | None:
    """Return a token of what a data set holds: two that are equal mean equal data.

    Args:
        data_set: Files on local disk are told by a hash of all that is in them, all else by its
            state, such as the version of a Delta table.

    Returns:
        None if that cannot be told.
    """
    if version_of(unwrapped(data_set)) is not None:
        return _own_state(data_set)  # each save makes a file of its own
    path = Path(target_of(data_set))
    if not path.is_absolute() or (path / "_delta_log").is_dir():
        return _own_state(data_set)
    return content_state(path, is_of_spark=is_single_process(data_set))


def _own_state(data_set: Any) -> str | None:
    return cast("str | None", _told(data_set, "state"))


def problems_of(data_set: Any) -> list[str]:
    """Return what is known to be wrong with it before anything runs."""
    told = _called(data_set, "_problems")
    return [str(problem) for problem in told] if isinstance(told, (list, tuple)) else []


def warnings_of(data_set: Any) -> list[str]:
    """Return which of its options have no effect."""
    told = _called(data_set, "_warnings")
    return [str(warning) for warning in told] if isinstance(told, (list, tuple)) else []


def missing_data(data_set: Any) -> str:
    """Say why a load would find nothing, as far as is known; empty if it may find something."""
    told = _called(data_set, "_missing")
    return told if isinstance(told, str) else ""


def version_of(data_set: Any) -> Any:
    """Return the versions that it was made to load and save; None if it keeps none."""
    return foreign.versions(data_set)


def is_stream(data_set: Any) -> bool:
    """Whether what it loads goes on: a stream of Spark."""
    return foreign.is_stream(data_set)


def checkpoint_of(data_set: Any) -> str:
    """Return where a stream keeps how far it has come; empty if it is none, or nobody knows."""
    if not is_stream(data_set):
        return ""
    told = _called(data_set, "checkpoint")
    return told if isinstance(told, str) else foreign.checkpoint(data_set)


def has_batches(data_set: Any) -> bool:
    """Whether a stream is saved batch by batch; most are."""
    return _called(unwrapped(data_set), "has_batches") is not False


def why_no_batches(data_set: Any) -> str:
    """Say why the batches of a stream cannot be judged one by one; empty if they can."""
    told = _called(unwrapped(data_set), "why_no_batches")
    return told if isinstance(told, str) else "this type of data set does not give them"


def confirm_target(data_set: Any) -> str:
    """Return what a confirm writes, alike for all that share it; empty if nobody knows."""
    for one in _chain(data_set):
        told = _called(one, "confirm_target")
        if isinstance(told, str) and told:
            return told
    return foreign.confirm_target(data_set)


def gives_handle(data_set: Any) -> bool:
    """Whether what it loads can change what is stored, as a ``DeltaTable`` can."""
    return any(map(foreign.gives_handle, _chain(data_set)))


def can_tell_presence(data_set: Any) -> bool:
    """Whether it can tell that it has no data: a query, say, has no way to."""
    innermost = unwrapped(data_set)
    told = _called(innermost, "can_tell_presence")
    return told if isinstance(told, bool) else foreign.can_tell_presence(innermost)


def plan_notes(data_set: Any) -> tuple[str, ...]:
    """Return what is to know of it in a plan, in words: what its wrappers do."""
    told = (_called(one, "plan_note") for one in _chain(data_set))
    return tuple(note for note in told if isinstance(note, str) and note)


def companions_of(data_set: Any) -> tuple[str, ...]:
    """Return the names of others of its catalog that it uses while it is loaded or saved."""
    return _names_told(data_set, "companions")


def written_beside(data_set: Any) -> tuple[str, ...]:
    """Return the names of those companions that a save of it writes."""
    return _names_told(data_set, "written_beside")


def is_whole_or_nothing(data_set: Any) -> bool:
    """Whether a save that fails on its way leaves what was there, as far as is known."""
    told = _called(unwrapped(data_set), "is_whole_or_nothing")
    return told if isinstance(told, bool) else is_transactional(data_set)


def table_in_file(data_set: Any) -> str:
    """Return the name of its table in a file that can hold several; empty if it has none."""
    return foreign.table_in_file(data_set)


def file_suffix(data_set: Any) -> str:
    """Return the ending of the files that are its own in its folder; empty if all are."""
    return foreign.file_suffix(data_set)


def find_useless(data_set: Any) -> dict[str, str]:
    """Return which declarations of a class are passed over, by their names, and why.

    A run takes no harm from them: they may be methods of the user's that mean something else.
    """
    useless: dict[str, str] = {}
    for name, fits in _FITS.items():
        for method in _methods(type(data_set), name):
            try:
                value = method(data_set)
            except Exception as exc:
                useless[name] = f"raises {type(exc).__name__}: {exc}"
            else:
                if not fits(value):
                    useless[name] = f"says {value!r}, which is none of its values"
            break
    return useless


def _told(data_set: Any, name: str) -> Any:
    """Return what a data set declares, or the one inside; guessed of the innermost if none does."""
    for one in _chain(data_set):
        own = _own(one, name)
        if own is not None:
            return own[0]
    return getattr(foreign, name)(one)


def _own(data_set: Any, name: str) -> tuple[Any] | None:
    """Return, in a tuple, what the class of a data set declares; None if it declares nothing."""
    kind = type(data_set)  # a Mock may be an instance of anything
    # Asked several times for each load and save: issubclass() takes ten times as long.
    if AbstractDataSet not in kind.__mro__ or getattr(kind, name) is getattr(AbstractDataSet, name):
        return None
    for method in _methods(kind, name):
        try:
            value = method(data_set)
        except Exception:  # one of the user's that is called alike, and means something else
            _logger.debug("%s.%s() failed.", kind.__name__, name, exc_info=True)
            continue
        if _FITS[name](value):
            return (value,)
    return None


def _methods(kind: type, name: str) -> Iterator[Callable[[Any], Any]]:
    """Give the methods of a name, from the class up; what is no method is passed over."""
    for base in kind.__mro__:
        if base is AbstractDataSet:
            return
        found = base.__dict__.get(name)
        if isinstance(found, FunctionType):
            yield found


def _chain(data_set: Any) -> Iterator[Any]:
    """Give a data set, the one that it wraps, and so on."""
    for _ in range(_MOST_WRAPPERS):
        yield data_set
        own = _own(data_set, "wrapped")
        inner = foreign.wrapped(data_set) if own is None else own[0]
        if inner is None or inner is data_set:
            return
        data_set = inner


def _names_told(data_set: Any, method: str) -> tuple[str, ...]:
    """Return the names that a data set and those that it wraps tell, each once."""
    names: list[str] = []
    for one in _chain(data_set):
        told = _called(one, method)
        names += [str(name) for name in told] if isinstance(told, tuple) else []
    return tuple(dict.fromkeys(names))


def _called(data_set: Any, name: str) -> Any:
    """Return what a method says before a run; None where there is none, or it fails."""
    method = foreign.attribute(data_set, name)
    try:
        return method() if callable(method) else None
    except Exception:
        _logger.warning("%s.%s() failed.", type(data_set).__name__, name, exc_info=True)
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


#: What each declaration may be; any other answer is passed over.
_FITS: Mapping[str, Callable[[Any], bool]] = {
    "location": _is_text,
    "target": _is_text,
    "save_effect": lambda value: value in SAVE_EFFECTS,
    "load_effect": lambda value: value in LOAD_EFFECTS,
    "why_unreadable": _is_text,
    "why_unwritable": _is_text,
    "is_confirmable": _is_bool,
    "is_transactional": _is_bool,
    "is_memory_only": _is_bool,
    "is_single_process": _is_bool,
    "wrapped": lambda value: True,
    "state": lambda value: value is None or isinstance(value, str),
}
