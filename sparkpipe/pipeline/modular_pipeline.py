"""The name that :mod:`sparkpipe.pipeline.modular` has in Kedro 0.18."""

from sparkpipe.errors import ModularPipelineError
from sparkpipe.pipeline.modular import pipeline

__all__ = ["ModularPipelineError", "pipeline"]
