"""Tables by pandas, which is imported when the first one is loaded or saved."""

from sparkpipe.datasets.pandas.excel import ExcelDataSet, ExcelDataset
from sparkpipe.datasets.pandas.parquet import ParquetDataSet, ParquetDataset
from sparkpipe.datasets.pandas.sql import (
    SQLQueryDataSet,
    SQLQueryDataset,
    SQLTableDataSet,
    SQLTableDataset,
)
from sparkpipe.datasets.pandas.tables import (
    CSVDataSet,
    CSVDataset,
    FeatherDataSet,
    FeatherDataset,
    JSONDataSet,
    JSONDataset,
)

__all__ = [
    "CSVDataSet",
    "CSVDataset",
    "ExcelDataSet",
    "ExcelDataset",
    "FeatherDataSet",
    "FeatherDataset",
    "JSONDataSet",
    "JSONDataset",
    "ParquetDataSet",
    "ParquetDataset",
    "SQLQueryDataSet",
    "SQLQueryDataset",
    "SQLTableDataSet",
    "SQLTableDataset",
]
