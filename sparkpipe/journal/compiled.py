"""What Python keeps of functions and methods: what they hold, read and do, and where they are."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from sparkpipe.journal.digests import digest_of_value


def held_by(func: FunctionType) -> Iterator[Any]:
    """Give what a function keeps of the function around it."""
    for cell in func.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # nothing yet
            continue


def module_of(thing: FunctionType | type) -> str:
    """Return the module in which a function or class was written, whatever it says of itself."""
    if isinstance(thing, FunctionType):
        return str(thing.__globals__.get("__name__", thing.__module__))
    return thing.__module__


def methods_in(value: Any) -> list[FunctionType]:
    """Return the functions of a method or property; none of all else."""
    if isinstance(value, property):
        held = [value.fget, value.fset, value.fdel]
    elif isinstance(value, functools.cached_property):
        held = [value.func]
    else:
        held = [getattr(value, "__func__", value)]  # of a class method
    return [one for one in held if isinstance(one, FunctionType)]


def names_outside(code: CodeType) -> Iterator[str]:
    """Give the names that code reads outside of itself, and those of attributes."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from names_outside(const)


def bytecode_of(code: CodeType) -> str:
    """Return what code does, where its source cannot be read."""
    consts = [
        bytecode_of(one) if isinstance(one, CodeType) else _told(one) for one in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars)
    return f"{sys.version_info[:2]} {code.co_code.hex()} {consts} {names}"


def _told(const: Any) -> str:
    return digest_of_value(const, repr)
