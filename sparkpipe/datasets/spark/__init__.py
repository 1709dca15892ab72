"""Data sets that Spark reads and writes. None of them starts Spark before it is loaded or saved."""

from sparkpipe.datasets.spark.delta_table_data_set import DeltaTableDataSet, DeltaTableDataset
from sparkpipe.datasets.spark.spark_data_set import SparkDataSet, SparkDataset

__all__ = ["DeltaTableDataSet", "DeltaTableDataset", "SparkDataSet", "SparkDataset"]
