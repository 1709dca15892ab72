"""See :mod:`sparkpipe.context`."""

from sparkpipe.context import ContextError, ProjectContext
from sparkpipe.context import ContextError as KedroContextError
from sparkpipe.context import ProjectContext as KedroContext

__all__ = ["ContextError", "KedroContext", "KedroContextError", "ProjectContext"]
