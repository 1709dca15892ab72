"""Bike hire"""

__version__ = "0.1"
