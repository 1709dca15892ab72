"""Delays by route, airline and hour."""

from sparkpipe.examples.flights.pipelines.statistics.pipeline import create_pipeline

__all__ = ["create_pipeline"]
