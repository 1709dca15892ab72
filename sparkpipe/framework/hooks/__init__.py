"""See :mod:`sparkpipe.hooks`."""

from sparkpipe.hooks import HookSpecs, hook_impl, hook_spec

__all__ = ["HookSpecs", "hook_impl", "hook_spec"]
