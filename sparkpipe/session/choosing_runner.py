"""A runner by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import ConfigError, DataSetError, did_you_mean
from sparkpipe.io.importing import import_object
from sparkpipe.project import Project, make_importable
from sparkpipe.runner import AbstractRunner, SequentialRunner
from sparkpipe.runner.runner import accepts

#: The runners of ours, by the names that need no path.
RUNNERS = ("SequentialRunner", "ThreadRunner", "ParallelRunner", "HybridRunner", "DryRunner")

# How Kedro calls parameters where it takes them.
_PARAMS = ("extra_params", "runtime_params")

#: A runner, its class, its name or dotted path, or None for the default.
RunnerChoice = AbstractRunner | type[AbstractRunner] | str | None


def load_runner(
    runner: RunnerChoice,
    project: Project | None = None,
    **options: Any,
) -> AbstractRunner:
    """Return a runner by its name or dotted path.

    Args:
        runner: ``ThreadRunner``, ``my_package.runner.MyRunner``, a class, or a runner as it is.
        project: Its source folder is put on the path of imports.
        options: Arguments of its class; those that are None or False are left to their defaults.

    Raises:
        ConfigError: There is no such runner, it cannot be imported, or has no such option.
    """
    if isinstance(runner, AbstractRunner):
        return runner
    if isinstance(runner, type):
        return _made(runner, runner.__name__, options)
    if runner is not None and not isinstance(runner, str):
        raise ConfigError(
            f"A runner of type {type(runner).__name__} is none.",
            hint="Give a runner, its class, its name or its dotted path.",
        )
    runner = runner or SequentialRunner.__name__
    if "." not in runner and runner not in RUNNERS:
        raise ConfigError(
            f"There is no runner '{runner}'.",
            hint=did_you_mean(runner, RUNNERS)
            or f"Runners: {', '.join(RUNNERS)}, or package.module.Class for one of your own.",
        )
    if project is not None:
        make_importable(project)
    path = runner if "." in runner else f"sparkpipe.runner.{runner}"
    try:
        found = import_object(path)
    except DataSetError as exc:
        raise ConfigError(f"The runner {exc.message}", hint=exc.hint) from exc
    return _made(found, runner, options)


def _made(found: Any, runner: str, options: Mapping[str, Any]) -> AbstractRunner:
    given = {"is_async": False, **{name: value for name, value in options.items() if value}}
    for option in given:
        if option != "is_async" and not accepts(found, option):
            shown = "" if option in _PARAMS else f" (--{option.replace('_', '-')})"
            raise ConfigError(
                f"{runner} has no option '{option}'{shown}.",
                hint="Parameters of a run are given by params={...}."
                if option in _PARAMS
                else "Choose another runner, or leave out the option.",
            )
    try:
        made = found(**given)
    except TypeError as exc:
        raise ConfigError(
            f"The runner '{runner}' could not be made: {str(exc).rstrip('.')}.",
            hint="Its class must take is_async=False and need nothing else.",
        ) from exc
    if not isinstance(made, AbstractRunner):
        raise ConfigError(
            f"'{runner}' is no runner: it does not derive from sparkpipe.runner.AbstractRunner."
        )
    return made
