"""See :mod:`sparkpipe.hooks`, where all hooks are of one class."""

from sparkpipe.hooks import HookSpecs

DataCatalogSpecs = HookSpecs
DatasetSpecs = HookSpecs
KedroContextSpecs = HookSpecs
NodeSpecs = HookSpecs
PipelineSpecs = HookSpecs

__all__ = [
    "DataCatalogSpecs",
    "DatasetSpecs",
    "HookSpecs",
    "KedroContextSpecs",
    "NodeSpecs",
    "PipelineSpecs",
]
