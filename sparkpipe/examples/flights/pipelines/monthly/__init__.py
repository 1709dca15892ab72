"""Delays by day, a month at a time."""

from sparkpipe.examples.flights.pipelines.monthly.pipeline import create_pipeline

__all__ = ["create_pipeline"]
