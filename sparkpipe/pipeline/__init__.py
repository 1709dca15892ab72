"""Nodes and pipelines: what is computed from what."""

from sparkpipe.pipeline.node import node
from sparkpipe.pipeline.pipeline import Pipeline, pipeline

__all__ = ["Pipeline", "node", "pipeline"]
