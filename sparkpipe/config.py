"""Configuration: YAML and JSON files of ``conf/<environment>``, read by the safe loader only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sparkpipe.errors import ConfigError, did_you_mean

_CSafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster


class _SafeLoader(_CSafeLoader):  # type: ignore[misc]
    """Reads ``1e-3`` as a number, as YAML 1.2 and everybody else does."""


_SafeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z"),
    list("-+.0123456789"),
)

_ENVIRONMENT = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
_SUFFIXES = (".yml", ".yaml", ".json")

#: What may be asked for, and the files in which it lies.
PATTERNS: dict[str, tuple[str, ...]] = {
    "catalog": ("catalog*", "catalog*/**/*", "**/catalog*"),
    "parameters": ("parameters*", "parameters*/**/*", "**/parameters*"),
    "credentials": ("credentials*", "credentials*/**/*", "**/credentials*"),
    "spark": ("spark*", "spark*/**/*"),
    "logging": ("logging*", "logging*/**/*", "**/logging*"),
}


class Configuration(dict[str, Any]):
    """What was read, with the file and line of each of its first-level keys."""

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        super().__init__(values)
        self.origins = dict(origins)


class ConfigLoader:
    """Reads a project's configuration: the base environment, and another one on top of it.

    A first-level key of the other environment replaces that of base. Within an environment a key
    may stand in one file only. Also a mapping: ``config_loader["spark"]``.

    Args:
        conf_source: The folder of environments.
        env: The environment on top; by default ``local``.
        base_env: The environment below.
        runtime_params: Parameters given for this run, on top of all files.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        base_env: str = "base",
        default_run_env: str = "local",
        runtime_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.conf_source = Path(conf_source)
        self.env = env or default_run_env
        self.base_env = base_env
        self.runtime_params = dict(runtime_params or {})
        for name in (self.env, base_env):
            if not _ENVIRONMENT.fullmatch(name):
                raise ConfigError(
                    f"{name!r} cannot be an environment.",
                    hint="It is the name of a folder in conf, such as 'local'.",
                )
        if not self.conf_source.is_dir():
            raise ConfigError(
                f"There is no configuration folder {self.conf_source}.",
                hint="Make it, with a folder 'base' in it, or name another by --conf-source.",
            )
        if env is not None and not (self.conf_source / env).is_dir():
            known = [path.name for path in self.conf_source.iterdir() if path.is_dir()]
            raise ConfigError(
                f"There is no environment '{env}' in {self.conf_source}.",
                hint=did_you_mean(env, known) or f"Environments: {', '.join(sorted(known))}.",
            )

    def __getitem__(self, kind: str) -> Configuration:
        """Return the configuration of a kind; see :data:`PATTERNS`.

        Raises:
            ConfigError: A file cannot be read, or a key stands in two files of one environment.
        """
        if kind not in PATTERNS:
            raise ConfigError(
                f"There is no configuration '{kind}'.",
                hint=did_you_mean(kind, PATTERNS) or f"Kinds: {', '.join(PATTERNS)}.",
            )
        return self.get(*PATTERNS[kind])

    def get(self, *patterns: str) -> Configuration:
        """Return what the files that match any of the patterns say, base below environment.

        Raises:
            ConfigError: As of indexing.
        """
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for name in dict.fromkeys((self.base_env, self.env)):
            of_env, of_env_origins = self._read_environment(self.conf_source / name, patterns)
            values.update(of_env)
            origins.update(of_env_origins)
        return Configuration(values, origins)

    def _read_environment(
        self, folder: Path, patterns: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for path in sorted(_matching(folder, patterns)):
            shown = _shown(path)
            read, lines = read_file(path, shown)
            for key, value in read.items():
                if key in values:
                    raise ConfigError(
                        f"'{key}' is set twice in one environment: in {origins[key]} and in "
                        f"{shown}:{lines[key]}.",
                        hint="Remove one of them.",
                    )
                values[key] = value
                origins[key] = f"{shown}:{lines[key]}"
        return values, origins


def _matching(folder: Path, patterns: Sequence[str]) -> set[Path]:
    if not folder.is_dir():
        return set()
    found: Iterable[Path] = (path for pattern in patterns for path in folder.glob(pattern))
    hidden = (".", "_")
    return {
        path
        for path in found
        if path.suffix in _SUFFIXES
        and path.is_file()
        and not any(part.startswith(hidden) for part in path.relative_to(folder).parts)
    }


def _shown(path: Path) -> str:
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except (ValueError, FileNotFoundError):
        return str(path)


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


def parse_params(text: str) -> dict[str, Any]:
    """Read parameters as given on the command line.

    Values are YAML scalars; dots nest.

    Raises:
        ConfigError: A part is not ``name:value``.

    >>> parse_params("model.depth:3,name=x")
    {'model': {'depth': 3}, 'name': 'x'}
    """
    params: dict[str, Any] = {}
    for item in _split_params(text):
        match = re.match(r"\s*([\w.-]+)\s*[:=](.*)", item, re.DOTALL)
        if not match or not all(match[1].split(".")):
            raise ConfigError(
                f"--params: '{item.strip()}' is not a parameter.",
                hint="Write name:value, and more after a comma: a.b:1,c:text",
            )
        *groups, name = match[1].split(".")
        into = params
        for group in groups:
            into = into.setdefault(group, {})
            if not isinstance(into, dict):
                raise ConfigError(f"--params: '{group}' is both a value and a group.")
        into[name] = _param_value(match[2].strip())
    return params


def _param_value(text: str) -> Any:
    if not text or text.startswith("#"):  # a colour, not a comment
        return text
    try:
        return yaml.load(text, _SafeLoader)
    except (yaml.YAMLError, ValueError):
        return text


def _split_params(text: str) -> list[str]:
    """Part at commas outside brackets and quotes, so that lists and texts can be given."""
    parts, depth, quote, escaped = [""], 0, "", False
    for character in text:
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and quote == '"' and not escaped
        elif character in "'\"" and parts[-1].rstrip().endswith((":", "=", "[", "{", ",")):
            quote = character  # an apostrophe within a word is none
        else:
            depth += (character in "[{") - (character in "]}")
        if character == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``below`` with the values of ``above`` put in, mapping by mapping.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result
