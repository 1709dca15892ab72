"""See :mod:`sparkpipe.project.current`."""

from sparkpipe.project import Project
from sparkpipe.project import Project as ProjectMetadata
from sparkpipe.project.current import bootstrap_project

__all__ = ["Project", "ProjectMetadata", "bootstrap_project"]
