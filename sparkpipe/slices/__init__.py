"""Slices: the days, months or regions for each of which a run is done once.

What slices there are, how they are asked for, and the mark that stands for one that is not chosen.
Nothing here knows of pipelines, data sets or Spark.
"""

from sparkpipe.slices.asking import Asked, combinations, read_asked
from sparkpipe.slices.declaring import read_steps
from sparkpipe.slices.marks import marked, marks_in
from sparkpipe.slices.steps import Choice, Steps

__all__ = [
    "Asked",
    "Choice",
    "Steps",
    "combinations",
    "marked",
    "marks_in",
    "read_asked",
    "read_steps",
]
