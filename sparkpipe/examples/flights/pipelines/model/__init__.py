"""A small model that tells late flights."""

from sparkpipe.examples.flights.pipelines.model.pipeline import create_pipeline

__all__ = ["create_pipeline"]
