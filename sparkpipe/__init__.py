"""Run pipelines of plain Python functions over a catalog of data sets, on Spark and beside it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparkpipe.hooks import hook_impl
    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline import Pipeline
    from sparkpipe.pipeline.node import node
    from sparkpipe.pipeline.sql_node import sql_node
    from sparkpipe.session import Session

__version__ = "0.1.0"

__all__ = [
    "DataCatalog",
    "Pipeline",
    "Session",
    "__version__",
    "hook_impl",
    "node",
    "sql_node",
]

# Imported when asked for: importing sparkpipe itself must cost nothing.
_HOMES = {
    "DataCatalog": "sparkpipe.io",
    "Pipeline": "sparkpipe.pipeline",
    "Session": "sparkpipe.session",
    "hook_impl": "sparkpipe.hooks",
    "node": "sparkpipe.pipeline",
    "sql_node": "sparkpipe.pipeline",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Add the magics to a shell, for ``%load_ext sparkpipe``; see :mod:`sparkpipe.notebook`."""
    import_module("sparkpipe.notebook").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics out of a shell, for ``%unload_ext sparkpipe``."""
    import_module("sparkpipe.notebook").unload(shell)
