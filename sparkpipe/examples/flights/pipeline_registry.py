"""The pipelines of the project by name."""

from sparkpipe.pipeline import Pipeline
from sparkpipe.project import find_pipelines


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline found in ``pipelines``; ``__default__`` is the sum of all."""
    return find_pipelines()
