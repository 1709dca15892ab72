"""The pipelines of the example."""
