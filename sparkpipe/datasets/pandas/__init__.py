"""Tables by pandas, which is imported when the first one is loaded or saved."""

from sparkpipe.datasets.pandas.tables import (
    CSVDataSet,
    CSVDataset,
    JSONDataSet,
    JSONDataset,
    ParquetDataSet,
    ParquetDataset,
)

__all__ = [
    "CSVDataSet",
    "CSVDataset",
    "JSONDataSet",
    "JSONDataset",
    "ParquetDataSet",
    "ParquetDataset",
]
