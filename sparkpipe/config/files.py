"""One configuration file: YAML or JSON, read by the safe loader only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from sparkpipe.errors import ConfigError

#: Endings of configuration files.
SUFFIXES = (".yml", ".yaml", ".json")

_CSafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster
_CSafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


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


def read_file(path: Path, shown: str = "") -> tuple[dict[str, Any], dict[str, int]]:
    """Read a configuration file.

    Args:
        path: A ``.yml``, ``.yaml`` or ``.json`` file.
        shown: How to name it in messages.

    Returns:
        Its content, and the line of each first-level key. An empty file is an empty mapping.

    Raises:
        ConfigError: It is not UTF-8, YAML or JSON, or not a mapping; says where.
    """
    shown = shown or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{shown} is not a text in UTF-8: {exc.reason}.") from exc
    except OSError as exc:
        raise ConfigError(f"{shown} cannot be read: {exc.strerror}.") from exc
    if path.suffix == ".json":
        lines: dict[str, int] = {}
        values = _read_json(text, shown)
    else:
        values, lines = _read_yaml(text, shown)
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{shown} must be a mapping of names to values; it is a {type(values).__name__}."
        )
    return {str(key): value for key, value in values.items()}, {
        str(key): lines.get(str(key), 1) for key in values
    }


def _read_json(text: str, shown: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigError(f"{shown}: '{twice}' is set twice.", hint="Remove one of them.")
        return values

    try:
        return json.loads(text, object_pairs_hook=unique) if text.strip() else None
    except json.JSONDecodeError as exc:
        raise ConfigError(f"{shown}:{exc.lineno} is not JSON: {exc.msg}.") from exc


def _read_yaml(text: str, shown: str) -> tuple[Any, dict[str, int]]:
    loader = _SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, {}
        lines: dict[str, int] = {}
        for mapping in _mappings(root):
            seen: dict[str, int] = {}
            for key, _ in mapping.value:
                line = key.start_mark.line + 1
                if not isinstance(key.value, str):
                    continue  # a list or mapping as key is refused when it is constructed
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise ConfigError(
                        f"{shown}:{line}: '{key.value}' is set twice, first in line "
                        f"{seen[key.value]}.",
                        hint="Remove one of them.",
                    )
                seen[key.value] = line
            if mapping is root:
                lines = seen
        return loader.construct_document(root), lines
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f"{shown}:{mark.line + 1}" if mark else shown
        raise ConfigError(
            f"{where} is not YAML that can be read: {exc.problem or exc.context}.",
            hint="Check the indentation, colons and quotes there.",
        ) from exc
    except (yaml.YAMLError, ValueError) as exc:  # ValueError: a date such as 2026-13-45
        raise ConfigError(f"{shown} is not YAML that can be read: {exc}.") from exc
    finally:
        loader.dispose()


def _mappings(root: Any) -> Iterator[Any]:
    seen: set[int] = set()
    to_visit = [root]
    while to_visit:
        node = to_visit.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            to_visit.extend(value for _, value in node.value)
        else:
            to_visit.extend(node.value)


def read_value(text: str) -> Any:
    """Read a value as YAML does; a text that is no YAML is that text."""
    try:
        return yaml.load(text, _SafeLoader)
    except (yaml.YAMLError, ValueError):
        return text


def read_texts(text: str) -> Any:
    """Read a value as YAML does, but for that each scalar stays a text."""
    if not text or text.startswith("#"):
        return text
    try:
        return yaml.load(text, yaml.BaseLoader)  # makes nothing else
    except yaml.YAMLError:
        return text


def why_no_date(text: str) -> str:
    """Return why YAML cannot make a date of a text that looks like one; else nothing."""
    try:
        yaml.load(text, _SafeLoader)
    except ValueError as exc:
        return str(exc)
    except yaml.YAMLError:
        pass
    return ""


def to_yaml(values: Mapping[str, Any]) -> str:
    r"""Return the text of a configuration file that is read back as these values.

    >>> to_yaml({"orders": {"type": "text.TextDataSet", "version": "1e3"}})
    "orders:\n  type: text.TextDataSet\n  version: '1e3'\n"
    """
    text: str = yaml.dump(dict(values), Dumper=_SafeDumper, sort_keys=False, allow_unicode=True)
    return text
