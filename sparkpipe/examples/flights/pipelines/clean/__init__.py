"""Typed and cleaned tables of flights, weather and planes."""

from sparkpipe.examples.flights.pipelines.clean.pipeline import create_pipeline

__all__ = ["create_pipeline"]
