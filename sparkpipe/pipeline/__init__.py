"""Nodes and pipelines: what is computed from what."""

from sparkpipe.pipeline.node import node
from sparkpipe.pipeline.pipeline import Pipeline
from sparkpipe.pipeline.sql_node import sql_node

# After the module of the same name, whose place as an attribute the function takes.
from sparkpipe.pipeline.modular import pipeline  # isort: skip

__all__ = ["Pipeline", "node", "pipeline", "sql_node"]
