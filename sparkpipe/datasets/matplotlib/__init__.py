"""Figures of matplotlib."""

from sparkpipe.datasets.matplotlib.matplotlib_writer import MatplotlibWriter

__all__ = ["MatplotlibWriter"]
