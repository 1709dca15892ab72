"""``${...}`` in configuration, resolved by OmegaConf: loaded only where a file uses it.

OmegaConf keeps its resolvers for the whole process. Ours look up, in one context variable, for
whom they work: two sessions in two threads do not see each other's globals and parameters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any

from sparkpipe.config.growth import refers_without_end
from sparkpipe.config.keys import key_for, with_own_keys, with_text_keys
from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.redaction import is_secret

_NOTHING = object()


@dataclass
class Sources:
    """Where values come from that are not in the files themselves.

    Attributes:
        globals: What ``${globals:name}`` gives; None where globals themselves are read.
        runtime_params: What ``${runtime_params:name}`` gives; None where it must not be used.
        read_defaults: Returns what it gives where the run has no such parameter, and no default
            is written there.
        resolvers: Functions of the user, for ``${name:arguments}``.
        reads_environment: Whether ``${oc.env:NAME}`` may be used.
        is_secret: Whether the values are for nobody's eyes, so that no message has their text.
        protects_type: Whether ``type`` must not depend on parameters of the run.
        used_params: Whether a parameter of the run was asked for.
        asked_params: Names of the parameters of the run that were asked for, of all keys.
        slice_of: Returns what ``${slice:name}`` gives; None where it must not be used.
        refusal: Why a built-in resolver has refused; OmegaConf keeps no causes.
    """

    globals: Mapping[str, Any] | None = None
    runtime_params: Mapping[str, Any] | None = None
    read_defaults: Callable[[], Mapping[str, Any]] = dict
    resolvers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    reads_environment: bool = False
    is_secret: bool = False
    protects_type: bool = False
    used_params: bool = False
    asked_params: set[str] = field(default_factory=set)
    slice_of: Callable[[str], Any] | None = None
    refusal: ConfigError | None = None

    @cached_property
    def _defaults(self) -> Mapping[str, Any]:
        return self.read_defaults()

    def default_of(self, name: str) -> Any:
        """Return what the parameters' files say, or ``_NOTHING``."""
        try:
            value = _at(self._defaults, name, _NOTHING)
        except ConfigError as exc:
            raise self.refuse(
                f"asks for the parameter '{name}', which cannot be read: {exc.message}", exc.hint
            ) from exc
        return _NOTHING if has_interpolation(value) else value

    def refuse(self, message: str, hint: str = "") -> ConfigError:
        """Return the error to raise."""
        self.refusal = ConfigError(message, hint=hint)
        return self.refusal


_sources: ContextVar[Sources | None] = ContextVar("_sources", default=None)


def has_interpolation(value: Any) -> bool:
    """Return whether a text somewhere in a value has ``${`` in it."""
    seen: set[int] = set()
    to_visit = [value]
    while to_visit:
        one = to_visit.pop()
        if isinstance(one, str):
            if "${" in one:
                return True
        elif isinstance(one, (Mapping, list)) and id(one) not in seen:
            seen.add(id(one))  # anchors may share one value a billion times
            to_visit += one.values() if isinstance(one, Mapping) else one
    return False


def with_texts(
    value: Any,
    text: Callable[[str], Any],
    known: dict[int, Any],
    key: Callable[[Any], Any] = lambda key: key,
) -> Any:
    """Return a value with each text in it replaced; what anchors share stays shared.

    Args:
        value: What a file says.
        text: Returns what stands for a text.
        known: What has been replaced so far, by identity.
        key: Returns what stands for a key.
    """
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, (dict, list)):
        return value
    if id(value) not in known:
        known[id(value)] = (
            {key(name): with_texts(inner, text, known, key) for name, inner in value.items()}
            if isinstance(value, dict)
            else [with_texts(inner, text, known, key) for inner in value]
        )
    return known[id(value)]


def interpolated(
    values: Mapping[str, Any], origins: Mapping[str, str], sources: Sources
) -> dict[str, Any]:
    """Return the values with every ``${...}`` in them resolved.

    Args:
        values: What the files of one environment say.
        origins: File and line of each key, for messages.
        sources: Where other values come from.

    Raises:
        ConfigError: Something is asked for that there is not.
    """
    result = dict(values)
    keys = [key for key, value in values.items() if has_interpolation(value)]
    if not keys:
        return result
    from omegaconf import OmegaConf

    _register(sources)
    with _using(sources):
        quick = _Quick()
        for key in keys[:]:
            with suppress(_NotQuickError):
                result[key] = quick.resolved(values[key])
                keys.remove(key)
        if not keys:
            return result
        # Dates are values of YAML and not of OmegaConf, and its keys are texts.
        texts = with_text_keys(dict(values), {})
        for key in keys:
            if refers_without_end(texts, key):
                raise ConfigError(
                    f"{origins.get(key, key)}: '{key}' refers to others, and they to others, "
                    "more often than can be resolved."
                )
        with _told(origins, None, sources):
            root = OmegaConf.create(texts, flags={"allow_objects": True})
        for key in keys:
            sources.used_params, sources.refusal = False, None
            with _told(origins, key, sources):
                resolved = _plain(root[key])
                if sources.protects_type and sources.used_params:
                    _check_types(root, key, resolved, sources)
            result[key] = with_own_keys(resolved)
    return result


class _NotQuickError(Exception):
    """A value is not as simple as that, or wrong, which is for OmegaConf to tell with its place."""


class _Quick:
    """Resolves each distinct ``${globals:...}``, ``${slice:...}`` and ``${oc.env:...}`` once.

    OmegaConf takes half a millisecond for a text. Of a thousand entries that begin with one
    ``${globals:folder}`` this leaves one to it.
    """

    _FIELD = re.compile(r"\$\{(?:globals|slice|oc\.env):[\w ./,:-]*\}", re.ASCII)

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._known: dict[int, Any] = {}

    def resolved(self, value: Any) -> Any:
        return with_texts(value, self._text, self._known)

    def _text(self, text: str) -> Any:
        if "${" not in text:
            return text
        fields = self._FIELD.findall(text)
        if text.count("${") != len(fields) or "\\" in text or "$$" in text:
            raise _NotQuickError
        if fields[0] == text:
            return self._field(text)
        for field_ in dict.fromkeys(fields):
            text = text.replace(field_, self._shown(field_))
        return text

    def _shown(self, field_: str) -> str:
        value = self._field(field_)
        # What is put in is not looked at again.
        if isinstance(value, (dict, list)) or "${" in str(value):
            raise _NotQuickError
        return str(value)

    def _field(self, field_: str) -> Any:
        if field_ not in self._fields:
            from omegaconf import OmegaConf

            try:
                root = OmegaConf.create({"x": field_}, flags={"allow_objects": True})
                self._fields[field_] = _plain(root["x"])
            except Exception as exc:
                raise _NotQuickError from exc
        return self._fields[field_]


def _plain(value: Any) -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _check_types(root: Any, key: str, value: Any, sources: Sources) -> None:
    """Refuse a ``type`` that needs the parameters of the run: it names code that is imported."""
    params, sources.runtime_params = sources.runtime_params, None
    try:
        for path in _paths_of_type(value):
            node = root[key]
            for step in path:
                node = node[step]
    finally:
        sources.runtime_params = params


def _paths_of_type(value: Any) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if key == "type":
            yield (key,)
        if isinstance(inner, (dict, list)):
            for path in _paths_of_type(inner):
                yield (key, *path)


@contextmanager
def _using(sources: Sources) -> Iterator[None]:
    token = _sources.set(sources)
    try:
        yield
    finally:
        _sources.reset(token)


@contextmanager
def _told(origins: Mapping[str, str], key: str | None, sources: Sources) -> Iterator[None]:
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except OmegaConfBaseException as exc:
        full_key = str(getattr(exc, "full_key", None) or key or "")
        first = re.split(r"[.\[]", full_key)[0] if key is None else key
        where = f"{origins.get(first, first)}: '{full_key}'"
        refusal = sources.refusal
        if refusal is not None:
            raise ConfigError(f"{where} {refusal.message}", hint=refusal.hint) from exc
        if sources.is_secret or is_secret(full_key.rpartition(".")[2]):
            raise ConfigError(
                f"{where} has a '${{' that cannot be resolved; its text is not shown.",
                hint=r"For the text itself write \${...}.",
            ) from None
        reason = str(exc).partition("\n")[0].rstrip(".")
        raise ConfigError(
            f"{where} cannot be resolved: {reason}.",
            hint="Values may refer to others of the same environment, and to ${globals:name}. "
            r"For the text itself write \${...}.",
        ) from exc
    except RecursionError as exc:
        raise ConfigError(f"{origins.get(str(key), key)}: '{key}' refers to itself.") from exc


def _register(sources: Sources) -> None:
    from omegaconf import OmegaConf

    for name, function in (
        ("globals", _of_globals),
        ("runtime_params", _of_runtime_params),
        ("slice", _of_slice),
        # As OmegaConf's own, but for where we say no.
        ("oc.env", _of_environment),
    ):
        OmegaConf.register_resolver(name, function, replace=True, annotation_validation="off")
    for name, function in sources.resolvers.items():
        if not OmegaConf.has_resolver(name):
            own = _own_resolver(name, function)
            with suppress(ValueError):  # another thread was faster
                OmegaConf.register_resolver(name, own, annotation_validation="off")


def _asked() -> Sources:
    """Return for whom a resolver works; outside our files it knows of nothing."""
    return _sources.get() or Sources(reads_environment=True)


def _own_resolver(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)  # OmegaConf looks at the names of the arguments
    def resolve(*args: Any, **kwargs: Any) -> Any:
        sources = _asked()
        if name not in sources.resolvers:
            raise sources.refuse(f"asks for '{name}', which is none of the custom_resolvers.")
        return sources.resolvers[name](*args, **kwargs)

    return resolve


def _of_globals(name: Any, default: Any = _NOTHING) -> Any:
    sources = _asked()
    if sources.globals is None:
        raise sources.refuse(
            f"asks for the global '{name}', which is not possible here.",
            "In globals.yml write ${name}.",
        )
    if str(name).startswith("_"):
        raise sources.refuse(
            f"asks for the global '{name}', which begins with '_': it is for use in its file only."
        )
    value = _at(sources.globals, str(name), default)
    if value is _NOTHING:
        raise sources.refuse(
            f"asks for the global '{name}', which is not set.",
            did_you_mean(str(name), sources.globals)
            or f"Set it in globals.yml, or give a default: ${{globals:{name},default}}.",
        )
    return value


def _of_runtime_params(name: Any, default: Any = _NOTHING) -> Any:
    sources = _asked()
    if sources.runtime_params is None:
        raise sources.refuse(
            f"depends on the parameter '{name}' of the run, which is not allowed here.",
            "A type, and what is in globals.yml, must not come from there.",
        )
    sources.used_params = True
    sources.asked_params.add(str(name))
    value = _at(sources.runtime_params, str(name), default)
    if value is _NOTHING:
        value = sources.default_of(str(name))
    if value is _NOTHING:
        raise sources.refuse(
            f"asks for the parameter '{name}' of the run, which is not given.",
            f"Give --params {name}:..., or its default in parameters.yml or here: "
            f"${{runtime_params:{name},default}}.",
        )
    return value


def _of_slice(name: Any) -> Any:
    sources = _asked()
    if sources.slice_of is None:
        raise sources.refuse(
            f"depends on the slice '{name}', which is not possible here.",
            "The catalog, parameters and globals may.",
        )
    try:
        return sources.slice_of(str(name))
    except ConfigError as exc:
        raise sources.refuse(f"asks for what is none: {exc.message}", exc.hint) from exc


def _of_environment(name: str, default: Any = _NOTHING) -> Any:
    sources = _asked()
    if not sources.reads_environment:
        raise sources.refuse(
            f"asks for the environment variable '{name}', which only credentials may.",
            "Write it into credentials.yml, or give the value by --params and "
            "${runtime_params:name}.",
        )
    value = os.environ.get(name, default)
    if value is _NOTHING:
        raise sources.refuse(
            f"asks for the environment variable '{name}', which is not set.",
            f"Set it, or give a default: ${{oc.env:{name},default}}.",
        )
    return value if value is None else str(value)


def _at(values: Any, path: str, default: Any) -> Any:
    """Return what lies at a path of names with dots between them."""
    for step in path.split("."):
        if isinstance(values, Mapping) and (key := key_for(values, step)) in values:
            values = values[key]
        elif isinstance(values, list) and step.isdigit() and int(step) < len(values):
            values = values[int(step)]
        else:
            return default
    return values
