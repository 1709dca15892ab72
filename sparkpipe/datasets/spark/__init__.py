"""Data sets that Spark reads and writes. None of them starts Spark before it is loaded or saved."""

from sparkpipe.datasets.spark.delta_table_data_set import DeltaTableDataSet, DeltaTableDataset
from sparkpipe.datasets.spark.hive_data_set import SparkHiveDataSet, SparkHiveDataset
from sparkpipe.datasets.spark.jdbc_data_set import SparkJDBCDataSet, SparkJDBCDataset
from sparkpipe.datasets.spark.spark_data_set import SparkDataSet, SparkDataset
from sparkpipe.datasets.spark.streaming_data_set import (
    SparkStreamingDataSet,
    SparkStreamingDataset,
)
from sparkpipe.datasets.spark.table_data_set import SparkTableDataSet, SparkTableDataset

__all__ = [
    "DeltaTableDataSet",
    "DeltaTableDataset",
    "SparkDataSet",
    "SparkDataset",
    "SparkHiveDataSet",
    "SparkHiveDataset",
    "SparkJDBCDataSet",
    "SparkJDBCDataset",
    "SparkStreamingDataSet",
    "SparkStreamingDataset",
    "SparkTableDataSet",
    "SparkTableDataset",
]
