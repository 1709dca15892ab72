"""See :mod:`sparkpipe.current`."""

from sparkpipe.current import configure_project, pipelines, settings
from sparkpipe.project import find_pipelines

__all__ = ["configure_project", "find_pipelines", "pipelines", "settings"]
