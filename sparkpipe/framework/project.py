"""See :mod:`sparkpipe.current`."""

from typing import Any

from sparkpipe.current import (
    configure_project,
    current,
    pipelines,
    settings,
    validate_settings,
)
from sparkpipe.logging import apply_logging_config as configure_logging
from sparkpipe.project import find_pipelines

__all__ = [
    "configure_logging",
    "configure_project",
    "find_pipelines",
    "pipelines",
    "settings",
    "validate_settings",
]


def __getattr__(name: str) -> Any:
    if name == "PACKAGE_NAME":
        return current().project.package_name
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
