"""See :mod:`sparkpipe.hooks`."""

from sparkpipe.hooks import HookSpecs, hook_impl, hook_spec
from sparkpipe.hooks import create_hook_manager as _create_hook_manager

__all__ = ["HookSpecs", "_create_hook_manager", "hook_impl", "hook_spec"]
