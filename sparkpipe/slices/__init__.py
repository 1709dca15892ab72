"""Slices: the days, months or regions for each of which a run is done once.

What slices there are (``declaring``, ``steps``), how they are asked for (``asking``), and the mark
that stands for one that is not chosen (``marks``). Nothing here knows of pipelines, data sets or
Spark. Every catalog looks for marks, so nothing is imported here.
"""
