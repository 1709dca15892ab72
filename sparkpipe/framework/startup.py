"""See :mod:`sparkpipe.current`."""

from sparkpipe.current import bootstrap_project
from sparkpipe.project import Project
from sparkpipe.project import Project as ProjectMetadata

__all__ = ["Project", "ProjectMetadata", "bootstrap_project"]
