"""The pipeline 'data_processing'."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]

__version__ = "0.1"
