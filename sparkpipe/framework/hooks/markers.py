"""See :mod:`sparkpipe.hooks`."""

from sparkpipe.hooks import hook_impl, hook_spec

__all__ = ["hook_impl", "hook_spec"]
