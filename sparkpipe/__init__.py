"""Run pipelines of plain Python functions over a catalog of data sets, on Spark and beside it."""

__version__ = "0.1.0"

__all__ = ["__version__"]
