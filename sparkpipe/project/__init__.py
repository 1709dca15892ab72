"""A project: finding it, its settings, its registry, and what its configuration makes."""

from sparkpipe.project.finding import Project, find_project
from sparkpipe.project.importing import import_from, make_importable
from sparkpipe.project.registry import (
    DEFAULT_PIPELINE,
    find_pipelines,
    load_pipelines,
    named_pipeline,
)

__all__ = [
    "DEFAULT_PIPELINE",
    "Project",
    "find_pipelines",
    "find_project",
    "import_from",
    "load_pipelines",
    "make_importable",
    "named_pipeline",
]
