"""See :mod:`sparkpipe.project.context`."""

from sparkpipe.project.context import ContextError, ProjectContext
from sparkpipe.project.context import ContextError as KedroContextError
from sparkpipe.project.context import ProjectContext as KedroContext

__all__ = ["ContextError", "KedroContext", "KedroContextError", "ProjectContext"]
