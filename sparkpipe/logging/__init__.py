"""Logging as a project's ``logging.yml`` says: handlers, formatters and levels, no code to run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import ConfigError, DataSetError, did_you_mean

if TYPE_CHECKING:
    from logging import Handler as LogHandler
    from logging import LogRecord

    from sparkpipe.logging.json_formatter import JsonFormatter
    from sparkpipe.logging.rich_handler import RichHandler

__all__ = [
    "JsonFormatter",
    "RichHandler",
    "apply_logging_config",
    "checked_logging_config",
    "tell_once_of_failures",
]

_STREAMS = ("ext://sys.stdout", "ext://sys.stderr", "ext://sys.stdin")
_FILES = ("filename", "filepath", "path")


def __getattr__(name: str) -> Any:
    if name == "RichHandler":  # rich is loaded by those who use it only
        from sparkpipe.logging.rich_handler import RichHandler

        return RichHandler
    if name == "JsonFormatter":
        from sparkpipe.logging.json_formatter import JsonFormatter

        return JsonFormatter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def apply_logging_config(config: Mapping[str, Any], folder: Path | None = None) -> None:
    """Set up logging by a dictionary of the form of :func:`logging.config.dictConfig`.

    Args:
        config: What ``logging.yml`` says. Loggers that are not named stay as they are.
        folder: Relative paths of log files begin there; by default in the working folder.

    Raises:
        ConfigError: It is wrong, or names something that would be called.
    """
    import logging.config

    checked = checked_logging_config(config, folder or Path())
    for handler in checked["handlers"].values():
        for key in _FILES:
            if isinstance(handler.get(key), str):
                # What cannot be made is told when the file is opened.
                with suppress(OSError, ValueError):
                    Path(handler[key]).parent.mkdir(parents=True, exist_ok=True)
    try:
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **checked})
    except (ValueError, TypeError, AttributeError, ImportError) as exc:
        reason = exc.__cause__ or exc
        raise ConfigError(f"The logging configuration cannot be used: {exc} ({reason}).") from exc
    for name in ("", *(checked.get("loggers") or ())):
        for one in logging.getLogger(name).handlers:
            tell_once_of_failures(one, getattr(one, "baseFilename", type(one).__name__))


def tell_once_of_failures(handler: LogHandler, where: str) -> None:
    """Let a handler that cannot write, as on a full disk, say so once and not with a trace a line.

    Args:
        handler: The handler.
        where: What it writes to, for the message.
    """
    tell_error, has_told = handler.handleError, False

    def tell(record: LogRecord) -> None:
        nonlocal has_told
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            tell_error(record)
        elif not has_told:
            has_told = True
            told = f"Warning: {where} cannot be written: {error.strerror or error}."
            with suppress(OSError, AttributeError, ValueError):  # nobody can be told
                sys.stderr.write(f"{_in_form_of(handler, told)}\n")

    handler.handleError = tell  # type: ignore[method-assign]


def _in_form_of(handler: LogHandler, told: str) -> str:
    """Return a warning as a handler writes it where that is JSON, else as it is."""
    from sparkpipe.logging.json_formatter import JsonFormatter

    form = handler.formatter
    return form.line(told, "WARNING", __name__) if isinstance(form, JsonFormatter) else told


def checked_logging_config(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what can be given to :func:`logging.config.dictConfig`; sets up nothing.

    Args:
        config: See :func:`apply_logging_config`.
        folder: See :func:`apply_logging_config`.

    Raises:
        ConfigError: See :func:`apply_logging_config`.
    """
    for where, key, value in _leaves(config, ""):
        if key == "()":
            raise ConfigError(
                f"The logging configuration has a '()' in '{where}', which would call a function.",
                hint="Name a handler or formatter by 'class'.",
            )
        if not isinstance(value, str):
            continue
        if value.startswith("cfg://") or (value.startswith("ext://") and value not in _STREAMS):
            raise ConfigError(
                f"The logging configuration refers in '{where}' to '{value}'.",
                hint=f"Of these only streams can be given: {', '.join(_STREAMS)}.",
            )
    checked = dict(config)
    for section, base in (("handlers", "Handler"), ("formatters", "Formatter")):
        given = config.get(section) or {}
        if not isinstance(given, Mapping) or not all(
            isinstance(one, Mapping) for one in given.values()
        ):
            raise ConfigError(f"The logging configuration's '{section}' must be a mapping of them.")
        checked[section] = {
            name: _checked_class(f"{section}.{name}", one, base, folder)
            for name, one in given.items()
        }
    return checked


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for key, inner in items:
        path = f"{where}.{key}" if where else str(key)
        yield path, key, inner
        yield from _leaves(inner, path)


def _checked_class(
    where: str, config: Mapping[str, Any], base: str, folder: Path
) -> dict[str, Any]:
    import logging
    import logging.handlers

    from sparkpipe.io.importing import import_object

    checked = dict(config)
    path = config.get("class")
    if path is not None:
        try:
            found = import_object(path) if isinstance(path, str) else None
        except DataSetError as exc:
            hint = did_you_mean(path, ("sparkpipe.logging.RichHandler",))
            raise ConfigError(
                f"The logging configuration's '{where}': {exc.message}", hint=exc.hint or hint
            ) from exc
        if not isinstance(found, type) or not issubclass(found, getattr(logging, base)):
            raise ConfigError(
                f"The logging configuration's '{where}' has the class {path!r}, which is no "
                f"logging.{base}."
            )
    for key in ("queue", "listener"):
        if key in config:
            raise ConfigError(
                f"The logging configuration's '{where}' has a '{key}', which names code to call.",
                hint="Write to a file or a stream.",
            )
    for key in _FILES:
        value = config.get(key)
        if isinstance(value, str):
            checked[key] = str(folder / value)
    return checked
