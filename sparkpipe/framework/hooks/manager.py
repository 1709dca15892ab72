"""See :mod:`sparkpipe.hooks`."""

from sparkpipe.hooks import create_hook_manager
from sparkpipe.hooks import create_hook_manager as _create_hook_manager

__all__ = ["_create_hook_manager", "create_hook_manager"]
