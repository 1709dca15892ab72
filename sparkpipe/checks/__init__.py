"""Checks of data sets, written in their entries: words, and what they mean for Spark and pandas."""
