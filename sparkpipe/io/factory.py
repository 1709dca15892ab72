"""From the configuration of a data set to the data set."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from sparkpipe.errors import CredentialsNotFoundError, DataSetError, did_you_mean
from sparkpipe.io.core import Version, check_version_name
from sparkpipe.io.declared import unwrapped
from sparkpipe.io.importing import import_object, install_hint
from sparkpipe.io.patterns import Pattern, body_problems, filled, is_pattern
from sparkpipe.redaction import redacted_text

#: Types by the names that a catalog uses; more are found by their dotted path.
KNOWN_TYPES = (
    "CachedDataSet",
    "IncrementalDataSet",
    "LambdaDataSet",
    "MemoryDataSet",
    "PartitionedDataSet",
    "json.JSONDataSet",
    "matplotlib.MatplotlibWriter",
    "pandas.CSVDataSet",
    "pandas.ExcelDataSet",
    "pandas.FeatherDataSet",
    "pandas.JSONDataSet",
    "pandas.ParquetDataSet",
    "pandas.SQLQueryDataSet",
    "pandas.SQLTableDataSet",
    "pickle.PickleDataSet",
    "spark.DeltaTableDataSet",
    "spark.SparkDataSet",
    "spark.SparkHiveDataSet",
    "spark.SparkJDBCDataSet",
    "spark.SparkStreamingDataSet",
    "spark.SparkTableDataSet",
    "text.TextDataSet",
    "databricks.ManagedTableDataSet",
    "yaml.YAMLDataSet",
)

# Packages with data sets of Kedro, and how they are called where they are installed from.
_OF_KEDRO = {
    "kedro_datasets": "kedro-datasets",
    "kedro_datasets_experimental": "kedro-datasets-experimental",
}

_ON = ("true", "yes", "on", "1")
_OFF = ("false", "no", "off", "0", "")

#: By what a file counts as changed: its time and size, or a hash of all that is in it.
CHANGED_BY = ("time", "content")

# Keys of an entry that are for the catalog or other tools, not for the data set.
_CATALOG_KEYS = (
    *("type", "versioned", "layer", "credentials", "warn_below", "changed_by"),
    *("checks", "quarantine", "validator"),
)

# Of these the ones by which data is judged: around all else, by what knows the name, too.
_JUDGING = _CATALOG_KEYS[-3:]

# Keys of an entry that put something around its data set, by the module that does it, from the
# inside out: its ``fit_arguments(cls, config, arguments)`` returns what is left for the class, and
# its ``put_around(data_set, config)`` the wrapper. Each is imported where an entry has its keys.
_AROUND = {
    "sparkpipe.schemas.entry": ("schema", "schema_change"),
    "sparkpipe.io.preview": ("preview",),
}
_KEYS_AROUND = frozenset(key for keys in _AROUND.values() for key in keys)


def find_class(type_name: Any) -> Any:
    """Return the class that ``type:`` names.

    A name is looked for among the data sets of sparkpipe, then in ``kedro_datasets`` if that is
    installed, then as a dotted path. ``DataSet`` and ``Dataset`` are the same.

    Raises:
        DataSetError: There is no such class; says what was looked for and what to install.
    """
    from importlib.util import find_spec

    if isinstance(type_name, type):
        return type_name
    if not isinstance(type_name, str) or not type_name.strip():
        raise DataSetError(
            f"'type' must name a class, not {type_name!r}.",
            hint="For example pandas.CSVDataSet.",
        )
    known = _known_class(type_name)
    if known is not None:
        return known
    paths = [type_name] if "." in type_name else []
    looked_for = []
    if type_name.count(".") <= 1:  # the short form of a type: package.Class
        looked_for.append(f"sparkpipe.datasets.{type_name}")
        paths.insert(0, f"kedro_datasets.{type_name}")
    for path in paths:
        looked_for.append(path)
        if find_spec(path.partition(".")[0]) is None:
            continue
        for spelling in dict.fromkeys(_spellings(path)):
            try:
                return import_object(spelling)
            except DataSetError as exc:
                # A class that is there, but cannot be imported, tells more than its absence.
                absent = exc.__cause__
                if isinstance(absent, AttributeError) or (
                    isinstance(absent, ModuleNotFoundError)
                    and f"{spelling}.".startswith(f"{absent.name}.")
                ):
                    continue
                raise _with_extra_of_kedro(exc, spelling) from exc
    raise DataSetError(
        f"there is no data set type '{type_name}' (looked for {', '.join(looked_for)}).",
        hint=_type_hint(type_name),
    )


# Unlike the classes of a project, these stay what they are.
@lru_cache(maxsize=1000)
def _known_class(type_name: str) -> Any:
    exact = next((n for n in _spellings(type_name) if n in KNOWN_TYPES), None)
    if exact is None:
        return None
    return import_object(f"sparkpipe.{'datasets' if '.' in exact else 'io'}.{exact}")


def _with_extra_of_kedro(exc: DataSetError, path: str) -> DataSetError:
    """Say how to get what a data set of kedro-datasets needs."""
    package, *rest = path.split(".")
    if package not in _OF_KEDRO or not isinstance(exc.__cause__, ImportError) or len(rest) != 2:
        return exc
    extra = "-".join(rest).lower()
    return DataSetError(
        exc.message, hint=f"Install what it needs: pip install '{_OF_KEDRO[package]}[{extra}]'."
    )


def _spellings(name: str) -> list[str]:
    return [name, name.replace("Dataset", "DataSet"), name.replace("DataSet", "Dataset")]


def _nearest_type(name: str) -> str:
    """Say which known type may be meant; for 'CSVDataSet', which lacks its package, too."""

    def bare(name: str) -> str:  # what all names share makes them alike
        return name.replace("DataSet", "").replace("Dataset", "")

    for shorten in (bare, lambda known: bare(known).rpartition(".")[2]):
        by_name = {shorten(known): known for known in KNOWN_TYPES}
        near = did_you_mean(shorten(name), by_name)
        if near:
            return f"Did you mean '{by_name[near.split(chr(39))[1]]}'?"
    return ""


def _type_hint(name: str) -> str:
    from importlib.util import find_spec

    near = _nearest_type(name)
    if name.count(".") == 1 and find_spec("kedro_datasets") is None:
        kedro = "If it is one of kedro-datasets, install that: pip install kedro-datasets."
        return f"{near} {kedro}".strip()
    if "." in name:
        return near or install_hint(name)
    return near or f"Types: {', '.join(KNOWN_TYPES)}."


def parse_config(
    config: Mapping[str, Any],
    credentials: Mapping[str, Any] | None = None,
    version: Version | None = None,
    required: tuple[str, ...] = (),
) -> tuple[Any, dict[str, Any]]:
    """Return the class and the arguments that an entry of the catalog stands for.

    Args:
        config: The entry.
        credentials: All credentials of the project by name.
        version: The versions to use where the entry says ``versioned: true``.
        required: Arguments that will be given later.

    Raises:
        DataSetError: The entry is not possible.
    """
    if not isinstance(config, Mapping):
        raise DataSetError(
            f"the entry must be a mapping with a 'type', not {type(config).__name__}."
        )
    if "type" not in config:
        raise DataSetError("the entry has no 'type'.", hint=did_you_mean("type", map(str, config)))
    cls = find_class(config["type"])
    if not (isinstance(cls, type) and hasattr(cls, "load") and hasattr(cls, "save")):
        raise DataSetError(f"'{config['type']}' is no data set: no class with 'load' and 'save'.")
    known = {} if credentials is None else credentials
    arguments = {
        str(key): _with_credentials(value, known)
        for key, value in config.items()
        if key not in _CATALOG_KEYS
    }
    for module in _around(config):
        arguments = module.fit_arguments(cls, config, arguments)
    if config.get("credentials") is not None:
        arguments["credentials"] = resolve_credentials(config["credentials"], known)
    if "version" in arguments:
        raise DataSetError(
            "'version' cannot stand in an entry.",
            hint="Write 'versioned: true', and choose a version by --load-versions.",
        )
    share = config.get("warn_below", 1)
    if not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise DataSetError(f"'warn_below' must be a share above 0, at most 1, not {share!r}.")
    if config.get("changed_by", "time") not in CHANGED_BY:
        told = f"'changed_by' must be one of {', '.join(CHANGED_BY)}"
        raise DataSetError(f"{told}, not {config['changed_by']!r}.")
    if _asks_for_versions(cls, config):
        arguments["version"] = version or Version(None, None)
    elif version is not None and version.load is not None and _loads_versions(cls):
        arguments["version"] = Version(version.load, None)
    _check_arguments(cls, arguments, required)
    return cls, arguments


def refuse_passed_over(config: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse keys of the data set inside of another one that would have no effect there.

    Args:
        config: The configuration of the data set inside.
        known: Keys of it that have one.

    Raises:
        DataSetError: It has others, which stand in the entry, as ``checks`` do.
    """
    lost = [key for key in (*_JUDGING, *sorted(_KEYS_AROUND)) if key in config and key not in known]
    if lost:
        told = ", ".join(f"'{key}'" for key in lost)
        raise DataSetError(
            f"in 'dataset' {told} would have no effect.", hint="Write it in the entry, beside it."
        )


def _around(config: Mapping[str, Any]) -> list[Any]:
    """Return the modules that put something around the data set of an entry."""
    if config.keys().isdisjoint(_KEYS_AROUND):  # of most entries
        return []
    return [
        import_module(name) for name, keys in _AROUND.items() if not config.keys().isdisjoint(keys)
    ]


def has_versions(config: Any) -> bool:
    """Whether the data set of an entry keeps versions, or its format does."""
    if not isinstance(config, Mapping):
        return False
    try:
        cls = find_class(config.get("type"))
        return _asks_for_versions(cls, config) or _loads_versions(cls)
    except DataSetError:  # told when the data set is made
        return bool(config.get("versioned"))


def is_set(config: Mapping[str, Any], option: str) -> bool:
    """Whether a switch of an entry is on; words for it may stand in quotes.

    Raises:
        DataSetError: It is neither on nor off.

    >>> is_set({"versioned": "false"}, "versioned"), is_set({"versioned": True}, "versioned")
    (False, True)
    """
    value = config.get(option)
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word in _ON or word in _OFF:
        return word in _ON
    raise DataSetError(f"'{option}' is true or false, not '{value}'.")


def _loads_versions(cls: Any) -> bool:
    """Whether a class reads what a table was, though each save is none of our versions."""
    return getattr(cls, "_LOADS_VERSIONS", False) is True


def _asks_for_versions(cls: Any, config: Mapping[str, Any]) -> bool:
    if is_set(config, "versioned") or getattr(cls, "versioned", False) is True:
        return True
    inside = config.get("dataset")  # of a cache, which has the versions of what it wraps
    return (
        isinstance(inside, Mapping)
        and is_set(inside, "versioned")
        and "version" in options_of(cls).known
    )


def pattern_problems(
    pattern: Pattern, body: Any, credentials: Mapping[str, Any] | None = None
) -> list[str]:
    """Return what is wrong with the entry of a pattern, whatever its fields stand for."""
    problems = body_problems(pattern, body)
    known = body if isinstance(body, Mapping) else {}
    if problems or is_pattern(known.get("type", "")):
        return problems
    sample = filled(body, dict.fromkeys(pattern.fields, "x"))
    if is_pattern(known.get("credentials", "")):
        sample["credentials"] = {}  # which of them, only a name tells
    try:
        parse_config(sample, credentials)
    except DataSetError as exc:
        problems.append(str(exc))
    return problems


def _with_credentials(value: Any, credentials: Mapping[str, Any]) -> Any:
    """Put in the credentials that the configuration of a data set inside this one names."""
    if isinstance(value, list):
        return [_with_credentials(item, credentials) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: resolve_credentials(item, credentials)
        if key == "credentials" and isinstance(item, str)
        else _with_credentials(item, credentials)
        for key, item in value.items()
    }


def resolve_credentials(named: Any, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the credentials that an entry names, or that stand in it.

    Raises:
        CredentialsNotFoundError: There are none of that name.
        DataSetError: It is neither a name nor a mapping.
    """
    if isinstance(named, Mapping):
        found: dict[str, Any] = _with_credentials(named, credentials)
        return found
    if not isinstance(named, str):
        raise DataSetError(
            f"'credentials' must be the name of some, or a mapping, not a {type(named).__name__}."
        )
    if named not in credentials:
        shown = redacted_text(named)  # some write an address in its place
        raise CredentialsNotFoundError(
            f"there are no credentials '{shown}'.",
            hint=did_you_mean(str(named), credentials)
            or f"Add '{shown}' to {getattr(credentials, 'place', 'conf/local/credentials.yml')}.",
        )
    found = credentials[named]
    return dict(found) if isinstance(found, Mapping) else found


class Options(NamedTuple):
    """The arguments of a function that can be given by name, and which of them must be."""

    known: tuple[str, ...]
    needed: tuple[str, ...]
    open_ended: bool


# Catalogs have many entries of few classes, and a signature takes long to work out.
@lru_cache(maxsize=1000)
def options_of(function: Callable[..., Any]) -> Options:
    """Return the arguments of a function or class; open-ended if nobody can tell."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return Options((), (), True)
    named = {
        name: p
        for name, p in parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    return Options(
        tuple(named),
        tuple(name for name, p in named.items() if p.default is p.empty),
        any(p.kind is p.VAR_KEYWORD for p in parameters.values()),
    )


def _check_arguments(cls: Any, arguments: dict[str, Any], required: tuple[str, ...]) -> None:
    known, needed, open_ended = options_of(cls)
    if "metadata" not in known and not open_ended:
        arguments = {name: a for name, a in arguments.items() if name != "metadata"}
    if "version" in arguments and "version" not in known and not open_ended:
        raise DataSetError(f"{cls.__name__} cannot be versioned.", hint="Remove 'versioned: true'.")
    unknown = [name for name in (*arguments, *required) if name not in known]
    if unknown and not open_ended:
        offered = [name for name in known if name not in ("version", "self")]
        raise DataSetError(
            f"{cls.__name__} has no option '{unknown[0]}'.",
            hint=did_you_mean(unknown[0], offered) or f"Options: {', '.join(offered)}.",
        )
    missing = [name for name in needed if name not in arguments and name not in required]
    if missing:
        raise DataSetError(f"{cls.__name__} needs the option '{missing[0]}'.")


def build_data_set(
    config: Mapping[str, Any],
    credentials: Mapping[str, Any] | None = None,
    version: Version | None = None,
) -> Any:
    """Make a data set from its configuration; see :func:`parse_config` for the arguments.

    Raises:
        DataSetError: The configuration is not possible; the reason is given without a name.
    """
    cls, arguments = parse_config(config, credentials, version)
    for number in () if _loads_versions(cls) else version or ():
        if number is not None:
            check_version_name(number)
    try:
        data_set = _made(cls, arguments)
    except DataSetError:
        raise
    except Exception as exc:
        told = f"{cls.__name__} does not accept its options: {type(exc).__name__}: {exc}"
        hidden = redacted_text(_without_secrets(told, arguments.get("credentials")))
        raise DataSetError(hidden) from (exc if hidden == told else None)
    if config.get("changed_by") == "content":
        with suppress(AttributeError):  # a stranger's class may take no attributes
            unwrapped(data_set)._changed_by_content = True
    for module in _around(config):
        data_set = module.put_around(data_set, _with_credentials(config, credentials or {}))
    return data_set


def judged(
    name: str, config: Mapping[str, Any], data_set: Any, credentials: Mapping[str, Any]
) -> Any:
    """Return the data set of an entry, whose data is judged if the entry says so.

    Args:
        name: The name of the data set.
        config: The entry.
        data_set: What its type and options make.
        credentials: All credentials of the project by name.

    Raises:
        DataSetError: The checks are not possible.
    """
    if config.keys().isdisjoint(_JUDGING):
        return data_set
    with_checks = import_object("sparkpipe.checks.entry.with_checks")
    return with_checks(name, config, data_set, credentials)


def _without_secrets(text: str, credentials: Any) -> str:
    if isinstance(credentials, Mapping):
        for value in credentials.values():
            text = _without_secrets(text, value)
    elif isinstance(credentials, str) and credentials:
        text = text.replace(credentials, "***")
    return text


def _made(cls: Any, arguments: dict[str, Any]) -> Any:
    known, _, open_ended = options_of(cls)
    if "metadata" not in arguments or "metadata" in known or open_ended:
        return cls(**arguments)
    # It is for other tools, which find it where data sets that do take it have it.
    metadata = arguments.pop("metadata")
    data_set = cls(**arguments)
    with suppress(AttributeError):
        data_set.metadata = metadata
    return data_set
