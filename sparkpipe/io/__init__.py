"""Data sets and the catalog that holds them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import (
    DataSetAlreadyExistsError,
    DataSetError,
    DataSetNotFoundError,
    VersionNotFoundError,
)
from sparkpipe.io.catalog import DataCatalog
from sparkpipe.io.core import (
    CREDENTIALS_KEY,
    DEFAULT_CHECKPOINT_FILENAME,
    VERSION_FORMAT,
    AbstractDataSet,
    AbstractDataset,
    AbstractVersionedDataSet,
    AbstractVersionedDataset,
    DatasetAlreadyExistsError,
    DatasetError,
    DatasetNotFoundError,
    Version,
)
from sparkpipe.io.memory import MemoryDataSet, MemoryDataset

if TYPE_CHECKING:
    from sparkpipe.io.cached import CachedDataSet, CachedDataset
    from sparkpipe.io.incremental import IncrementalDataSet, IncrementalDataset
    from sparkpipe.io.lambda_data_set import LambdaDataSet, LambdaDataset
    from sparkpipe.io.partitioned import PartitionedDataSet, PartitionedDataset

__all__ = [
    "CREDENTIALS_KEY",
    "DEFAULT_CHECKPOINT_FILENAME",
    "VERSION_FORMAT",
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
    "IncrementalDataSet",
    "IncrementalDataset",
    "LambdaDataSet",
    "LambdaDataset",
    "MemoryDataSet",
    "MemoryDataset",
    "PartitionedDataSet",
    "PartitionedDataset",
    "Version",
    "VersionNotFoundError",
]

# Not every run needs these, and every run pays for what is imported here.
_ON_DEMAND = {
    "CachedDataSet": "cached",
    "CachedDataset": "cached",
    "IncrementalDataSet": "incremental",
    "IncrementalDataset": "incremental",
    "LambdaDataSet": "lambda_data_set",
    "LambdaDataset": "lambda_data_set",
    "PartitionedDataSet": "partitioned",
    "PartitionedDataset": "partitioned",
}


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return getattr(import_module(f"{__name__}.{_ON_DEMAND[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
