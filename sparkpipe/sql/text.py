"""The text of a query before it is parsed: what stands in it for slices and nested parameters.

Both become markers of named parameters, as SQL has them, and nothing in the text moves: a line and
a column of what is parsed are those of what was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparkpipe.slices.marks import PREFIX

# What is no code: comments, strings and quoted names. Then what others write for templates, what
# stands for a slice, and markers.
_PART = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<quoted>'(?:\\.|''|[^'\\])*'|"(?:\\.|""|[^"\\])*"|`(?:``|[^`])*`)
      | \{\{(?P<braces>[^{}]*)\}\}|\{%(?P<template>.*?)%\}
      | \$\{(?P<mark>[^}\n]*)\}
      | (?<![\w)\]:'"`]):(?P<marker>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)""",
    re.DOTALL | re.VERBOSE,
)
_SLICE = re.compile(rf"{PREFIX}(\w+)")
_PARAMETER = "params:"
_NAME = re.compile(r"[\w.]+|`[^`]+`")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a text, and where.

    Attributes:
        offset: Where it is, in characters from the start.
        message: What is wrong, without the place.
        hint: What to do.
    """

    offset: int
    message: str
    hint: str = ""


@dataclass(frozen=True)
class MarkedText:
    """A text of which every marker is one of SQL.

    Attributes:
        text: The text, as long as it was before.
        inputs: For each marker what a node loads for it: a parameter, or a slice.
        offsets: Where each of these stands first.
        spans: Where each marker begins and ends, as often as it stands there.
        problems: What cannot stand in a text.
    """

    text: str
    inputs: dict[str, str]
    offsets: dict[str, int]
    spans: tuple[tuple[int, int, str], ...]
    problems: tuple[Problem, ...]


def mark(text: str) -> MarkedText:
    """Return a text with the markers of SQL for its parameters and slices.

    >>> marked = mark("select * from trips where day = ${slice:day} and fare > :limits.fare")
    >>> marked.text
    'select * from trips where day = :slice__day  and fare > :limits_fare'
    >>> marked.inputs
    {'slice__day': 'slice:day', 'limits_fare': 'params:limits.fare'}
    """
    inputs: dict[str, str] = {}
    offsets: dict[str, int] = {}
    spans: list[tuple[int, int, str]] = []
    problems: list[Problem] = []
    # A marker that is written so must not be taken for one that is made.
    taken = {found["marker"] for found in _PART.finditer(text) if found["marker"]}

    def replace(found: re.Match[str]) -> str:
        written, start = found[0], found.start()
        if found["comment"] is not None:
            return written
        if found["quoted"] is not None:
            problems.extend(_in_quotes(written, start))
            return written
        if found["braces"] is not None or found["template"] is not None:
            problems.append(_template(found, start))
            # What is in the braces is read as it would be without them.
            return f"  {found['braces']}  " if found["braces"] else " " * len(written)
        if found["mark"] is not None:
            slice_name = _SLICE.fullmatch(found["mark"].strip())
            if slice_name is None:
                problems.append(_no_slice(written, start))
                return " " * len(written)
            source, marker = f"{PREFIX}{slice_name[1]}", f"slice__{slice_name[1]}"
        else:
            source = f"{_PARAMETER}{found['marker']}"
            marker = found["marker"].replace(".", "_")
        while inputs.get(marker, source) != source or (marker in taken and "." in written):
            marker += "_"
        spans.append((start, start + len(marker) + 1, marker))
        inputs[marker] = source
        offsets.setdefault(source, start)
        return f":{marker}".ljust(len(written))

    return MarkedText(_PART.sub(replace, text), inputs, offsets, tuple(spans), tuple(problems))


def _in_quotes(written: str, start: int) -> list[Problem]:
    at = written.find("${")
    if at < 0:
        return []
    return [
        Problem(
            start + at,
            f"{written} is a text, and in it nothing is put in place of ${{...}}.",
            "Leave the quotes out: ${slice:day} is a value, such as a date. The text of a slice "
            "comes by a parameter: write it into parameters.yml, and :name here.",
        )
    ]


def _template(found: re.Match[str], start: int) -> Problem:
    inside = (found["braces"] or "").strip()
    if _NAME.fullmatch(inside):
        return Problem(
            start,
            f"names need no braces, and {found[0]} is no SQL.",
            f"Write {inside} for the data set; :{inside.strip('`')} for a parameter.",
        )
    return Problem(
        start,
        f"{found[0].split(chr(10))[0]} is of a template, and a SQL node has none.",
        "Write the names of data sets as they are, :name for parameters, ${slice:day} for slices.",
    )


def _no_slice(written: str, start: int) -> Problem:
    return Problem(
        start,
        f"{written} is no slice.",
        "Write ${slice:day} for a slice, :name for the parameter 'name'.",
    )


def place_of(text: str, offset: int) -> tuple[int, int]:
    r"""Return line and column of an offset, both counted from 1.

    >>> place_of("select 1\nfrom x", 14)
    (2, 6)
    """
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1
