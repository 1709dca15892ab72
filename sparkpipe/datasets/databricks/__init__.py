"""Data sets of Databricks, which are those of Spark."""

from sparkpipe.datasets.spark.table_data_set import ManagedTableDataSet, ManagedTableDataset

__all__ = ["ManagedTableDataSet", "ManagedTableDataset"]
