"""What ``spark.yml`` says: our own options, and the properties that go to Spark."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sparkpipe.errors import ConfigError, PreflightError, did_you_mean
from sparkpipe.spark.storage_levels import STORAGE_LEVELS

#: Profiles of a session on one machine, the default first.
PROFILES = ("local", "dev")

#: Where tables by name are remembered on one machine.
METASTORES = ("project", "memory")

_OURS = ("spark.pools", "spark.persist", "spark.profile", "spark.remote", "spark.metastore")
_POOL_NAME = re.compile(r"\w[\w.-]*")
_POOL_KEYS = ("weight", "minShare")


@dataclass(frozen=True)
class Pool:
    """A named pool of Spark's FAIR scheduler.

    Attributes:
        name: Its name, as in ``node(..., pool=name)``.
        weight: Its share beside the other pools, at least 1.
        min_share: Task slots that it gets before shares are counted.
    """

    name: str
    weight: int = 1
    min_share: int = 0


@dataclass(frozen=True)
class SparkOptions:
    """Options of ``spark.yml`` that are ours, not Spark's.

    Attributes:
        pools: Named pools of the scheduler.
        persist: Storage level of shared frames; None to persist none.
        profile: The profile of a session that is started here.
        remote: Address of a Spark Connect server.
        metastore: Where tables by name are remembered on one machine: ``project`` or ``memory``;
            None for what the project needs.
        metastore_folder: Where that is, once the project is known; None for in memory.
    """

    pools: tuple[Pool, ...] = ()
    persist: str | None = STORAGE_LEVELS[0]
    profile: str = PROFILES[0]
    remote: str | None = None
    metastore: str | None = None
    metastore_folder: str | None = None

    @property
    def pool_names(self) -> tuple[str, ...]:
        """The names of the pools."""
        return tuple(pool.name for pool in self.pools)


def read_settings(settings: Mapping[str, Any]) -> tuple[SparkOptions, dict[str, str]]:
    """Part settings into our options and Spark's properties.

    A list of values becomes one text with commas; a property without a value is left out.

    Args:
        settings: What ``spark.yml`` says. If it has ``origins``, they are named in errors.

    Raises:
        ConfigError: A key or value is wrong.
        PreflightError: More than one is.

    >>> read_settings({"spark.pools": ["heavy"], "spark.ui.enabled": False})
    (SparkOptions(pools=(Pool(name='heavy', weight=1, min_share=0),), ...),
     {'spark.ui.enabled': 'false'})
    """
    errors: list[ConfigError] = []
    origins: Mapping[str, str] = getattr(settings, "origins", {})
    ours: dict[str, Any] = {}
    properties: dict[str, str] = {}
    readers: dict[str, Callable[[Any], Any]] = {
        "spark.pools": _pools,
        "spark.persist": _persist,
        "spark.profile": _profile,
        "spark.remote": _remote,
        "spark.metastore": _metastore,
    }
    for key, value in settings.items():
        try:
            if key in readers:
                ours[key.removeprefix("spark.")] = readers[key](value)
            elif value is not None:
                properties[_property_name(key)] = _property_value(value)
        except ConfigError as exc:
            where = f"{origins[key]}: " if key in origins else ""
            errors.append(ConfigError(f"{where}'{key}' {exc.message}", hint=exc.hint))
    if ours.get("pools"):
        errors += _against_pools(properties)
    if len(errors) > 1:
        raise PreflightError([str(error) for error in errors])
    if errors:
        raise errors[0]
    return SparkOptions(**ours), properties


def _property_name(key: str) -> str:
    if not key.startswith("spark."):
        hint = did_you_mean(f"spark.{key}", _OURS) or "For Hadoop write spark.hadoop.<name>."
        raise ConfigError("is no property of Spark: those begin with 'spark.'.", hint=hint)
    for ours in _OURS:
        if key.startswith(f"{ours}."):
            raise ConfigError("is not known.", hint=f"'{ours}' takes its value as a whole.")
    from difflib import get_close_matches

    close = get_close_matches(key, _OURS, n=1, cutoff=0.9) if key.count(".") == 1 else []
    if close:
        raise ConfigError("is not known.", hint=f"Did you mean '{close[0]}'?")
    return key


def _property_value(value: Any) -> str:
    if isinstance(value, Mapping):
        raise ConfigError(
            "must be a single value, not a mapping.", hint="Write the whole name with dots."
        )
    if isinstance(value, (list, tuple)):
        return ",".join(map(_property_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pools(value: Any) -> tuple[Pool, ...]:
    if value is None or value is False:
        return ()
    if isinstance(value, (list, tuple)):
        return tuple(_pool(name, 1) for name in value)
    if not isinstance(value, Mapping):
        raise ConfigError(
            "must be a mapping of names to weights, or a list of names.",
            hint="{heavy: 1, light: 3}",
        )
    return tuple(_pool(name, given) for name, given in value.items())


def _pool(name: Any, given: Any) -> Pool:
    if not isinstance(name, str) or not _POOL_NAME.fullmatch(name):
        raise ConfigError(
            f"has a pool named {name!r}.", hint="Names are of letters, digits, '_', '-' and '.'."
        )
    options = given if isinstance(given, Mapping) else {"weight": given}
    for key in options:
        if key not in _POOL_KEYS:
            hint = did_you_mean(str(key), _POOL_KEYS) or f"Options: {', '.join(_POOL_KEYS)}."
            raise ConfigError(f"gives pool '{name}' the option {key!r}.", hint=hint)
    least = {"weight": 1, "minShare": 0}
    for key, number in options.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < least[key]:
            raise ConfigError(
                f"gives pool '{name}' the {key} {number!r}.",
                hint=f"It must be a whole number of {least[key]} or more.",
            )
    return Pool(name, options.get("weight", 1), options.get("minShare", 0))


def _against_pools(properties: Mapping[str, str]) -> list[ConfigError]:
    """Report properties that would keep Spark from reading the pools."""
    errors = []
    if properties.get("spark.scheduler.mode", "FAIR").upper() != "FAIR":
        errors.append(
            ConfigError(
                "'spark.pools' needs the FAIR scheduler.", hint="Leave out spark.scheduler.mode."
            )
        )
    if "spark.scheduler.allocation.file" in properties:
        errors.append(
            ConfigError(
                "'spark.pools' and 'spark.scheduler.allocation.file' both define pools.",
                hint="Keep one of them.",
            )
        )
    return errors


def _persist(value: Any) -> str | None:
    if value is None or value is False:
        return None
    if value is True:
        return STORAGE_LEVELS[0]
    level = str(value).upper()
    if level not in STORAGE_LEVELS:
        hint = did_you_mean(level, STORAGE_LEVELS) or f"Levels: {', '.join(STORAGE_LEVELS)}."
        raise ConfigError(f"is {value!r}, which is no storage level.", hint=hint)
    return level


def _profile(value: Any) -> str:
    if value is None:
        return PROFILES[0]
    if value not in PROFILES:
        hint = did_you_mean(str(value), PROFILES) or f"Profiles: {', '.join(PROFILES)}."
        raise ConfigError(f"is {value!r}, which is no profile.", hint=hint)
    return str(value)


def _metastore(value: Any) -> str | None:
    if value is not None and value not in METASTORES:
        hint = did_you_mean(str(value), METASTORES) or f"It is one of {', '.join(METASTORES)}."
        raise ConfigError(f"is {value!r}, which is no place for a metastore.", hint=hint)
    return None if value is None else str(value)


def _remote(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith("sc://"):
        raise ConfigError(
            "must be the address of a Spark Connect server.", hint="Such as sc://host:15002."
        )
    return value
