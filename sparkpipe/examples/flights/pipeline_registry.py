"""The pipelines of the project by name."""

from sparkpipe.pipeline import Pipeline
from sparkpipe.project import find_pipelines


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline found in ``pipelines``.

    ``__default__`` is the sum of all but ``monthly``, which runs for the months that it is given.
    """
    found = find_pipelines()
    found["__default__"] -= found["monthly"]
    return found
