"""Texts of YAML and JSON as values: by the safe loader only, and none that grows without end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

# Configuration is written by people: what is larger is a mistake, or means harm. Aliases let a few
# lines stand for billions of values.
_MOST_LEVELS = 100
_MOST_VALUES = 1_000_000

# What is nested some 30,000 levels deep overflows the stack of C, which ends the process.
_MOST_BRACKETS, _LONGEST_LINE = 12_000, 1000

_CSafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster
_CSafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"


class _SafeLoader(_CSafeLoader):  # type: ignore[misc]
    """Reads ``1e-3`` as a number, as YAML 1.2 and everybody else does."""


class _SafeDumper(_CSafeDumper):  # type: ignore[misc]
    """Writes the text ``1e-3`` in quotes, because it would be read as a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _class in (_SafeLoader, _SafeDumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z"),
        list("-+.0123456789"),
    )


class UnreadableError(ValueError):
    """A text is no YAML or JSON that can be read.

    Args:
        problem: Why not.
        line: Where, from 1 on; None where that is not known.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


class TooLargeError(UnreadableError):
    """A text is nested too deeply, or stands for too many values."""


def read_yaml(text: str, *, are_names: bool = False) -> tuple[Any, dict[str, int]]:
    """Return the value of a text of YAML, and the line of each of its first-level keys.

    Args:
        text: The text.
        are_names: The first-level keys are names, as they are written: ``on`` is not ``True``.

    Raises:
        UnreadableError: It is none, or has a key twice.
    """
    _refuse_depth(text)
    try:
        loader = _SafeLoader(text)
    except yaml.reader.ReaderError as exc:
        raise UnreadableError(exc.reason) from exc
    try:
        root = loader.get_single_node()
        if root is None:
            return None, {}
        for key, _ in root.value if are_names and isinstance(root, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                key.tag = _TEXT
        lines = _examine(root, loader)
        return _construct(loader, root, lines)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise UnreadableError(
            str(exc.problem or exc.context), mark.line + 1 if mark else None
        ) from exc
    except yaml.YAMLError as exc:
        raise UnreadableError(getattr(exc, "reason", None) or str(exc)) from exc
    except RecursionError as exc:
        raise TooLargeError(f"it is nested more than {_MOST_LEVELS} levels deep") from exc
    finally:
        loader.dispose()


def _construct(loader: Any, root: Any, lines: dict[str, int]) -> tuple[Any, dict[str, int]]:
    try:
        return loader.construct_document(root), lines
    except (yaml.YAMLError, RecursionError):
        raise
    except Exception as exc:  # constructors raise whatever Python does
        node = next(reversed(loader.recursive_objects), root)  # what was being made
        kind = node.tag.rpartition(":")[2]
        # Of dates the reason has no word of the text, and helps.
        is_date = node.tag == _TIMESTAMP and isinstance(exc, ValueError)
        reason = f": {exc}" if is_date else ""
        raise UnreadableError(f"a value is no {kind}{reason}", node.start_mark.line + 1) from exc


def _refuse_depth(text: str) -> None:
    """Refuse what is nested deeper than the stack of C allows, before it is read.

    Each level takes a bracket, or a column of its line.
    """
    if text.count("[") + text.count("{") < _MOST_BRACKETS and all(
        len(line) < _LONGEST_LINE for line in text.split("\n")
    ):
        return
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _MOST_LEVELS:
                raise TooLargeError(
                    f"it is nested more than {_MOST_LEVELS} levels deep",
                    event.start_mark.line + 1,  # type: ignore[union-attr]
                )
    except (yaml.YAMLError, RecursionError):  # told when it is read
        return


def _examine(root: Any, loader: Any) -> dict[str, int]:
    """Refuse keys that are set twice, and what is too large; return the lines of the root's keys.

    What an alias stands for is counted each time, but looked at once.
    """
    lines: dict[str, int] = {}
    # Of each collection that has been looked at: how many values it stands for, and its levels.
    sizes: dict[int, tuple[int, int]] = {}
    begun: dict[int, list[Any]] = {}
    written = 0
    to_visit = [root]
    while to_visit:
        node = to_visit[-1]
        if isinstance(node, yaml.ScalarNode) or id(node) in sizes:
            to_visit.pop()
            continue
        inner = begun.get(id(node))
        if inner is None:
            inner = begun[id(node)] = _inner(node)
            if isinstance(node, yaml.MappingNode):
                keys = _lines_of_keys(node)
                _refuse_equal(node, loader)
                lines = keys if node is root else lines
            if inner:  # most have none
                ahead = [one for one in inner if id(one) not in sizes]
                if any(id(one) in begun for one in ahead):
                    raise TooLargeError("an alias stands within itself", node.start_mark.line + 1)
                if ahead:
                    to_visit += ahead
                    continue
        written += len(node.value)
        sizes[id(node)] = _size_of(node, [sizes[id(one)] for one in inner], written)
        to_visit.pop()
    return lines


def _size_of(node: Any, inner: list[tuple[int, int]], written: int) -> tuple[int, int]:
    """Return how many values a collection stands for, and its levels; refuse too many."""
    if not inner:
        return len(node.value), 1
    size = len(node.value) + sum(size for size, _ in inner)
    levels = 1 + max(levels for _, levels in inner)
    line = node.start_mark.line + 1
    if size > _MOST_VALUES and size > 2 * written:
        raise TooLargeError(f"by its aliases it stands for more than {_MOST_VALUES:,} values", line)
    if levels > _MOST_LEVELS:
        raise TooLargeError(f"it is nested more than {_MOST_LEVELS} levels deep", line)
    return size, levels


def _inner(node: Any) -> list[Any]:
    """Return the collections in a collection."""
    if isinstance(node, yaml.MappingNode):
        inner = [value for _, value in node.value if not isinstance(value, yaml.ScalarNode)]
        keys = [key for key, _ in node.value if not isinstance(key, yaml.ScalarNode)]
        return inner + keys if keys else inner
    return [one for one in node.value if not isinstance(one, yaml.ScalarNode)]


def _lines_of_keys(mapping: Any) -> dict[str, int]:
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        line = key.start_mark.line + 1
        if not isinstance(key.value, str):
            continue  # a list or mapping as key is refused when it is constructed
        if key.value in lines and key.tag != _MERGE:
            raise SetTwiceError(key.value, lines[key.value], line)
        lines[key.value] = line
    return lines


def _refuse_equal(mapping: Any, loader: Any) -> None:
    """Refuse keys that are written in two ways and are one, as ``on`` and ``yes`` are."""
    found: dict[Any, int] = {}
    for key, _ in mapping.value:
        if key.tag in (_TEXT, _MERGE) or not isinstance(key, yaml.ScalarNode):
            continue
        try:
            value = loader.yaml_constructors[key.tag](loader, key)
            first = found.get(value)
        except Exception:  # noqa: S112 - what is wrong with it is told when it is constructed
            continue
        line = key.start_mark.line + 1
        if first is not None:
            raise SetTwiceError(key.value, first, line)
        found[value] = line


class SetTwiceError(UnreadableError):
    """A key stands twice in one mapping.

    Args:
        key: The key.
        first: The line where it stands first.
        line: The line where it stands again.
    """

    def __init__(self, key: str, first: int | None = None, line: int | None = None) -> None:
        super().__init__(f"'{key}' is set twice{f', first in line {first}' if first else ''}", line)


def read_json(text: str) -> Any:
    """Return the value of a text of JSON; None for an empty one.

    Raises:
        UnreadableError: It is none, or has a key twice.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            raise SetTwiceError(next(name for name in names if names.count(name) > 1))
        return values

    deep = f"it is nested more than {_MOST_LEVELS} levels deep"
    try:
        value = json.loads(text, object_pairs_hook=unique) if text.strip() else None
    except json.JSONDecodeError as exc:
        raise UnreadableError(exc.msg, exc.lineno) from exc
    except RecursionError as exc:
        raise TooLargeError(deep) from exc
    except UnreadableError:
        raise
    except ValueError as exc:  # a number of thousands of digits
        raise UnreadableError("a value is no int") from exc
    if _levels_of(value) > _MOST_LEVELS:
        raise TooLargeError(deep)
    return value


def _levels_of(value: Any) -> int:
    levels, row = 0, [value]
    while row := [one for one in row if isinstance(one, (dict, list))]:
        levels += 1
        row = [inner for one in row for inner in (one.values() if isinstance(one, dict) else one)]
    return levels


def read_value(text: str) -> Any:
    """Read a value as YAML does; a text that is no YAML is that text.

    Raises:
        TooLargeError: It is nested too deeply, or stands for too many values.
    """
    try:
        return read_yaml(text)[0]
    except TooLargeError:
        raise
    except UnreadableError:
        return text


def read_texts(text: str) -> Any:
    """Read a value as YAML does, but for that each scalar stays a text."""
    if not text or text.startswith("#"):
        return text
    try:
        return yaml.load(text, yaml.BaseLoader)  # makes nothing else
    except (yaml.YAMLError, RecursionError):
        return text


def why_no_date(text: str) -> str:
    """Return why YAML cannot make a date of a text that looks like one; else nothing."""
    try:
        yaml.load(text, _SafeLoader)
    except ValueError as exc:
        return str(exc)
    except (yaml.YAMLError, AttributeError, KeyError, RecursionError):
        pass
    return ""


def to_yaml(values: Mapping[str, Any]) -> str:
    r"""Return the text of a configuration file that is read back as these values.

    >>> to_yaml({"orders": {"type": "text.TextDataSet", "version": "1e3"}})
    "orders:\n  type: text.TextDataSet\n  version: '1e3'\n"
    """
    text: str = yaml.dump(dict(values), Dumper=_SafeDumper, sort_keys=False, allow_unicode=True)
    return text
