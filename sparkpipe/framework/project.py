"""See :mod:`sparkpipe.project.current`."""

from collections.abc import Mapping
from typing import Any

from sparkpipe.logging import apply_logging_config
from sparkpipe.pipeline import Pipeline
from sparkpipe.project import find_pipelines as _find_pipelines
from sparkpipe.project import make_importable
from sparkpipe.project.current import (
    configure_project,
    current,
    pipelines,
    settings,
    validate_settings,
)

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


def find_pipelines() -> dict[str, Pipeline]:
    """Find the pipelines of the current project; see :func:`sparkpipe.project.find_pipelines`."""
    project = current().project
    make_importable(project)
    return _find_pipelines(project.package_name)


def __getattr__(name: str) -> Any:
    if name == "PACKAGE_NAME":
        return current().project.package_name
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
