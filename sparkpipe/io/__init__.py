"""Data sets and the catalog that holds them."""

from sparkpipe.errors import (
    DataSetAlreadyExistsError,
    DataSetError,
    DataSetNotFoundError,
    VersionNotFoundError,
)
from sparkpipe.io.cached import CachedDataSet, CachedDataset
from sparkpipe.io.catalog import DataCatalog
from sparkpipe.io.core import (
    AbstractDataSet,
    AbstractDataset,
    AbstractVersionedDataSet,
    AbstractVersionedDataset,
    Version,
)
from sparkpipe.io.lambda_data_set import LambdaDataSet, LambdaDataset
from sparkpipe.io.memory import MemoryDataSet, MemoryDataset
from sparkpipe.io.partitioned import PartitionedDataSet, PartitionedDataset

DatasetAlreadyExistsError = DataSetAlreadyExistsError
DatasetError = DataSetError
DatasetNotFoundError = DataSetNotFoundError

__all__ = [
    "AbstractDataSet",
    "AbstractDataset",
    "AbstractVersionedDataSet",
    "AbstractVersionedDataset",
    "CachedDataSet",
    "CachedDataset",
    "DataCatalog",
    "DataSetAlreadyExistsError",
    "DataSetError",
    "DataSetNotFoundError",
    "DatasetAlreadyExistsError",
    "DatasetError",
    "DatasetNotFoundError",
    "LambdaDataSet",
    "LambdaDataset",
    "MemoryDataSet",
    "MemoryDataset",
    "PartitionedDataSet",
    "PartitionedDataset",
    "Version",
    "VersionNotFoundError",
]
