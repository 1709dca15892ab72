"""See :mod:`sparkpipe.current`."""

from collections.abc import Mapping
from typing import Any

from sparkpipe.current import (
    configure_project,
    current,
    pipelines,
    settings,
    validate_settings,
)
from sparkpipe.logging import apply_logging_config
from sparkpipe.project import find_pipelines

__all__ = [
    "configure_logging",
    "configure_project",
    "find_pipelines",
    "pipelines",
    "settings",
    "validate_settings",
]


def configure_logging(logging_config: Mapping[str, Any]) -> None:
    """Set up logging by a dictionary of the form of :func:`logging.config.dictConfig`.

    Raises:
        ConfigError: It is wrong, or names something that would be called.
    """
    apply_logging_config(logging_config)


def __getattr__(name: str) -> Any:
    if name == "PACKAGE_NAME":
        return current().project.package_name
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
