"""Loaders: the files of a base environment, and those of another one on top of it."""

from __future__ import annotations

import re
from collections import UserDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sparkpipe.config.files import find_files, is_folder, names_of_folders, read_file, shown_path
from sparkpipe.config.interpolation import Sources, has_interpolation, interpolated
from sparkpipe.config.params import merged
from sparkpipe.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from sparkpipe.slices.steps import Choice, Steps

_ENVIRONMENT = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)

#: What may be asked for, and the files in which it lies.
PATTERNS: dict[str, tuple[str, ...]] = {
    "catalog": ("catalog*", "catalog*/**/*", "**/catalog*"),
    "parameters": ("parameters*", "parameters*/**/*", "**/parameters*"),
    "credentials": ("credentials*", "credentials*/**/*", "**/credentials*"),
    "spark": ("spark*", "spark*/**/*"),
    "journal": ("journal*", "journal*/**/*"),
    "lineage": ("lineage*", "lineage*/**/*"),
    "logging": ("logging*", "logging*/**/*", "**/logging*"),
    "globals": ("globals.yml", "globals.yaml", "globals.json"),
    "slices": ("slices.yml", "slices.yaml", "slices.json"),
}

# What may differ from slice to slice; Spark and its credentials are those of the whole run.
_OF_SLICES = ("catalog", "parameters", "globals")

_MERGE_STRATEGIES = ("destructive", "soft")


class MissingConfigError(ConfigError, KeyError):
    """There is no such configuration: no kind of that name, no folder, no environment."""


#: The names of Kedro.
MissingConfigException = MissingConfigError
BadConfigException = ConfigError


class Configuration(dict[str, Any]):
    """What was read, with the file and line of each of its first-level keys.

    Attributes:
        origins: File and line by key.
        place: The file in which more of it would be looked for.
    """

    def __init__(
        self, values: Mapping[str, Any], origins: Mapping[str, str], place: str = ""
    ) -> None:
        super().__init__(values)
        self.origins = dict(origins)
        self.place = place


class AbstractConfigLoader(UserDict[str, Any]):
    """What a project's configuration is asked for: ``config_loader["catalog"]``.

    A loader of one's own overrides ``__getitem__``. What is set, as in
    ``config_loader["credentials"] = {...}``, is given in place of what the files say.

    Args:
        conf_source: The folder of environments.
        env: The environment on top.
        runtime_params: Parameters given for this run.
        kwargs: What a loader of one's own takes.

    Attributes:
        asked_params: Names of the parameters of the run that the files read so far ask for.
        slices: The slices of this run by name.
    """

    slices: Mapping[str, Choice] = MappingProxyType({})

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.conf_source = str(conf_source)
        self.env = env
        self.runtime_params = dict(runtime_params or {})
        self.asked_params: set[str] = set()

    def file_params(self) -> Mapping[str, Any]:
        """Return what the files alone say of parameters: parameters of the run take its types.

        A loader of one's own that does not override it has no such types.
        """
        return Configuration({}, {})

    def __repr__(self) -> str:
        # Not what was set: that may be credentials.
        return f"{type(self).__name__}(conf_source={self.conf_source!r}, env={self.env!r})"


class ConfigLoader(AbstractConfigLoader):
    """Reads a project's configuration: the base environment, and another one on top of it.

    A first-level key of the other environment replaces that of base. Within an environment a key
    may stand in one file only. Keys that begin with ``_`` are for use within the files; only
    parameters keep them. ``${...}`` is a text like any other: :class:`OmegaConfigLoader` and
    :class:`TemplatedConfigLoader` resolve it.

    Args:
        conf_source: The folder of environments.
        env: The environment on top; by default that of ``default_run_env``.
        runtime_params: Parameters given for this run.
        config_patterns: Patterns of files by kind, beside those of :data:`PATTERNS` or in place of
            them.
        base_env: The environment below.
        default_run_env: The environment on top where none is given; it need not be there.

    Raises:
        ConfigError: An argument is wrong.
        MissingConfigError: There is no such folder or environment.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: Mapping[str, Any] | None = None,
        config_patterns: Mapping[str, Sequence[str]] | None = None,
        *,
        base_env: str = "base",
        default_run_env: str = "local",
    ) -> None:
        super().__init__(conf_source, env or default_run_env, runtime_params)
        self.base_env = base_env
        self.default_run_env = default_run_env
        self.config_patterns: dict[str, list[str]] = {
            kind: list(patterns) for kind, patterns in PATTERNS.items()
        }
        self.config_patterns.update(checked_patterns(config_patterns or {}))
        self._folder = Path(conf_source)
        for name in (env or default_run_env, base_env):
            if not isinstance(name, str) or not _ENVIRONMENT.fullmatch(name):
                raise ConfigError(
                    f"{name!r} cannot be an environment.",
                    hint="It is the name of a folder in conf, such as 'local'.",
                )
        self._refuse_missing(env)

    def _refuse_missing(self, env: str | None) -> None:
        shown = shown_path(self._folder)
        if not is_folder(self._folder):
            raise MissingConfigError(
                f"There is no configuration folder {shown}.",
                hint=f"Make it, with a folder '{self.base_env}' in it, or name another by "
                "--conf-source.",
            )
        known = sorted(names_of_folders(self._folder))
        told = f"Folders in it: {', '.join(known) or 'none'}."
        if self.base_env not in known and not is_folder(self._folder / self.base_env):
            raise MissingConfigError(
                f"There is no '{self.base_env}' in {shown}, so it is no folder of configuration.",
                hint=did_you_mean(self.base_env, known) or told,
            )
        # The usual one, which is not committed, need not be there when it is named, either.
        if env not in (None, self.default_run_env) and not is_folder(self._folder / env):
            raise MissingConfigError(
                f"There is no environment '{env}' in {shown}.",
                hint=did_you_mean(env, known) or f"Environments: {', '.join(known)}.",
            )

    @property
    def conf_paths(self) -> list[str]:
        """The folders that are read, the base environment first."""
        return [str(self._folder / name) for name in self._environments()]

    def __getitem__(self, kind: str) -> Any:
        """Return the configuration of a kind: what was set, or else what the files say.

        Raises:
            MissingConfigError: There is no such kind.
            ConfigError: A file cannot be read, or a key stands in two files of one environment.
        """
        if kind in self.data:
            return self.data[kind]
        if kind not in self.config_patterns:
            raise MissingConfigError(
                f"There is no configuration '{kind}'.",
                hint=did_you_mean(kind, self.config_patterns)
                or f"Kinds: {', '.join(self.config_patterns)}. "
                "For one of your own give config_patterns.",
            )
        return self._read(kind, self.config_patterns[kind])

    def file_params(self) -> Mapping[str, Any]:
        """Return what the files alone say of parameters.

        Raises:
            ConfigError: A file is wrong.
        """
        found: Mapping[str, Any] = self["parameters"]
        return found

    def get(self, *patterns: Any) -> Any:
        """Return what the files that match any of the patterns say, base below environment.

        The name of a kind stands for its patterns: ``get("spark")``.

        Raises:
            ConfigError: As when the loader is indexed.
        """
        names = [pattern for pattern in patterns if isinstance(pattern, str)]
        if names and (names[0] in self.data or names[0] in self.config_patterns):
            return self[names[0]]
        return self._read("", checked_patterns({"get": names})["get"])

    def _environments(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.base_env, self.env or self.default_run_env)))

    def _read(self, kind: str, patterns: Iterable[str]) -> Configuration:
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for name in self._environments():
            read, read_origins = read_environment(self._folder / name, patterns, kind)
            of_env = {
                key: value
                for key, value in self._resolve(kind, read, read_origins).items()
                if kind == "parameters" or not key.startswith("_")
            }
            values = self._put_on_top(kind, values, of_env)
            origins.update({key: read_origins[key] for key in of_env if key in read_origins})
        return Configuration(values, origins, f"{shown_path(self._folder / name)}/{kind}.yml")

    def _resolve(
        self, kind: str, values: dict[str, Any], origins: Mapping[str, str]
    ) -> dict[str, Any]:
        """Resolve ``${...}`` in what the files of one environment say."""
        return values

    def _put_on_top(
        self, kind: str, below: dict[str, Any], above: dict[str, Any]
    ) -> dict[str, Any]:
        return {**below, **above}


class OmegaConfigLoader(ConfigLoader):
    """The default: resolves ``${...}``, by OmegaConf, which is loaded only if a file uses it.

    ``${a.b}`` is a value of the same kind and environment; ``${globals:a.b,default}`` one of
    ``globals.yml``; ``${runtime_params:a.b,default}`` a parameter given for this run, else the
    default, or without one what the parameters' files say; ``${slice:name}`` the slice of this run;
    ``${oc.env:NAME,default}`` an environment variable, in credentials only. Parameters given for
    this run are merged into the parameters before they are resolved.

    Args:
        conf_source: See :class:`ConfigLoader`.
        env: See :class:`ConfigLoader`.
        runtime_params: See :class:`ConfigLoader`.
        config_patterns: See :class:`ConfigLoader`.
        base_env: See :class:`ConfigLoader`.
        default_run_env: See :class:`ConfigLoader`.
        custom_resolvers: Functions for ``${name:arguments}`` by name. If ``oc.env`` is one of
            them, environment variables can be used everywhere.
        merge_strategy: By kind ``destructive`` (the default: a first-level key replaces that of
            base) or ``soft`` (mappings are merged at every level).

    Raises:
        ConfigError: See :class:`ConfigLoader`.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: Mapping[str, Any] | None = None,
        config_patterns: Mapping[str, Sequence[str]] | None = None,
        *,
        base_env: str = "base",
        default_run_env: str = "local",
        custom_resolvers: Mapping[str, Callable[..., Any]] | None = None,
        merge_strategy: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            conf_source,
            env,
            runtime_params,
            config_patterns,
            base_env=base_env,
            default_run_env=default_run_env,
        )
        self._resolvers = dict(custom_resolvers or {})
        self.merge_strategy = dict(merge_strategy or {})
        for kind, strategy in self.merge_strategy.items():
            if strategy not in _MERGE_STRATEGIES:
                raise ConfigError(
                    f"merge_strategy: {strategy!r} for '{kind}' is no way to merge.",
                    hint=did_you_mean(str(strategy), _MERGE_STRATEGIES)
                    or "It is 'destructive' or 'soft'.",
                )
        for name, function in self._resolvers.items():
            if not callable(function) or name in ("globals", "runtime_params", "slice"):
                reason = "is a resolver of ours" if callable(function) else "must be a function"
                raise ConfigError(f"custom_resolvers: '{name}' {reason}.")

    def file_params(self) -> Mapping[str, Any]:
        """Return what the files alone say of parameters, with ``${...}`` unresolved.

        Raises:
            ConfigError: A file is wrong.
        """
        if "parameters" in self.data:
            return super().file_params()
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for name in self._environments():
            read, read_origins = read_environment(
                self._folder / name, self.config_patterns["parameters"]
            )
            values = self._put_on_top("parameters", values, read)
            origins |= read_origins
        return Configuration(values, origins)

    def _read(self, kind: str, patterns: Iterable[str]) -> Configuration:
        read = super()._read(kind, patterns)
        if kind == "parameters" and self.runtime_params:
            return Configuration(merged(read, self.runtime_params), read.origins)
        return read

    def _resolve(
        self, kind: str, values: dict[str, Any], origins: Mapping[str, str]
    ) -> dict[str, Any]:
        if not has_interpolation(values):
            return values
        seen = merged(values, self.runtime_params) if kind == "parameters" else values
        is_of_globals = kind == "globals"
        sources = Sources(
            globals=None if is_of_globals else self["globals"],
            runtime_params=None if is_of_globals else self.runtime_params,
            # Parameters that are being resolved cannot be asked for what they are resolved to.
            read_defaults=(
                self.file_params
                if kind == "parameters"
                else partial(self.__getitem__, "parameters")
            ),
            resolvers=self._resolvers,
            reads_environment=kind == "credentials" or "oc.env" in self._resolvers,
            is_secret=kind == "credentials",
            protects_type=kind != "parameters",
            asked_params=self.asked_params,
            slice_of=self._slice_of if kind in _OF_SLICES else None,
        )
        resolved = interpolated(seen, origins, sources)
        return {key: resolved[key] for key in values}

    def _slice_of(self, name: str) -> Any:
        """Return what stands for a slice: a mark, where the run has none of this name."""
        if name in self.slices:
            return self.slices[name].inserted
        from sparkpipe.slices.asking import known_step
        from sparkpipe.slices.marks import mark_of

        return mark_of(known_step(name, self._steps).name)

    @cached_property
    def _steps(self) -> Steps:
        from sparkpipe.slices.declaring import read_steps

        return read_steps(self["slices"])

    def _put_on_top(
        self, kind: str, below: dict[str, Any], above: dict[str, Any]
    ) -> dict[str, Any]:
        if self.merge_strategy.get(kind) == "soft":
            return merged(below, above)
        return super()._put_on_top(kind, below, above)


def checked_patterns(patterns: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return patterns of files by what they are for.

    Raises:
        ConfigError: One is none.
    """
    for kind, of_kind in patterns.items():
        if isinstance(of_kind, str) or not all(isinstance(one, str) and one for one in of_kind):
            raise ConfigError(
                f"The patterns of '{kind}' must be a list of texts, not {of_kind!r}.",
                hint=f'Write {{"{kind}": ["{kind}*", "{kind}*/**"]}}.',
            )
        for one in of_kind:
            if ".." in PurePath(one).parts or PurePath(one).is_absolute() or "\0" in one:
                raise ConfigError(
                    f"The pattern {one!r} of '{kind}' leads out of its environment.",
                    hint="Patterns are relative to the folder of an environment.",
                )
    # Of '**' alone pathlib makes folders, others make files.
    return {
        kind: [f"{one}/*" if one.endswith("**") else one for one in of_kind]
        for kind, of_kind in patterns.items()
    }


def read_environment(
    folder: Path, patterns: Iterable[str], kind: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the files of a folder say, and for each key where it stands.

    Args:
        folder: That of an environment.
        patterns: Of the files.
        kind: What they are for.

    Raises:
        ConfigError: A file cannot be read, or two say the same.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for path in find_files(folder, patterns):
        shown = shown_path(path)
        is_secret_file = kind == "credentials" or "credentials" in path.name
        read, lines = read_file(path, shown, is_secret_file=is_secret_file)
        for key, value in read.items():
            if key in values and not key.startswith("_"):
                raise ConfigError(
                    f"'{key}' is set twice in one environment: in {origins[key]} and in "
                    f"{shown}:{lines[key]}.",
                    hint="Remove one of them.",
                )
            values[key] = value
            origins[key] = f"{shown}:{lines[key]}"
    return values, origins
