"""What data sets of the user's own are written with; data sets for Kedro import these from here.

Each is defined in the module that answers its question: the contract in ``data_set``, versions in
``versions``, arguments in ``arguments``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import (
    DataSetAlreadyExistsError,
    DataSetError,
    DataSetNotFoundError,
    VersionNotFoundError,
)
from sparkpipe.io.arguments import (
    WEB,
    check_mappings,
    check_path,
    get_filepath_str,
    get_protocol_and_path,
    validate_on_forbidden_chars,
)
from sparkpipe.io.data_set import AbstractDataSet, AbstractDataset
from sparkpipe.io.declared import is_memory_only, is_single_process, location_of
from sparkpipe.io.effects import LoadEffect, SaveEffect
from sparkpipe.io.kinds import (
    has_load_and_save,
    holds_live,
    holds_spark,
    is_pandas_on_spark,
    is_spark_frame,
)
from sparkpipe.io.reasons import reason_of
from sparkpipe.io.versions import (
    AbstractVersionedDataSet,
    AbstractVersionedDataset,
    Version,
    check_version_name,
    generate_timestamp,
    glob_paths,
)

__all__ = [
    "CREDENTIALS_KEY",
    "DEFAULT_CHECKPOINT_FILENAME",
    "HTTP_PROTOCOLS",
    "PROTOCOL_DELIMITER",
    "VERSIONED_FLAG_KEY",
    "VERSION_FORMAT",
    "VERSION_KEY",
    "AbstractDataSet",
    "AbstractDataset",
    "AbstractVersionedDataSet",
    "AbstractVersionedDataset",
    "DataSetAlreadyExistsError",
    "DataSetError",
    "DataSetNotFoundError",
    "DatasetAlreadyExistsError",
    "DatasetError",
    "DatasetNotFoundError",
    "LoadEffect",
    "SaveEffect",
    "Version",
    "VersionNotFoundError",
    "check_mappings",
    "check_path",
    "check_version_name",
    "generate_timestamp",
    "get_filepath_str",
    "get_protocol_and_path",
    "glob_paths",
    "has_load_and_save",
    "holds_live",
    "holds_spark",
    "is_memory_only",
    "is_pandas_on_spark",
    "is_single_process",
    "is_spark_frame",
    "location_of",
    "parse_dataset_definition",
    "reason_of",
    "validate_on_forbidden_chars",
]

# What data sets written for Kedro import from here.
HTTP_PROTOCOLS = WEB
PROTOCOL_DELIMITER = "://"
VERSIONED_FLAG_KEY = "versioned"
VERSION_KEY = "version"
VERSION_FORMAT = "%Y-%m-%dT%H.%M.%S.%fZ"
CREDENTIALS_KEY = "credentials"
DEFAULT_CHECKPOINT_FILENAME = "CHECKPOINT"
DatasetAlreadyExistsError = DataSetAlreadyExistsError
DatasetError = DataSetError
DatasetNotFoundError = DataSetNotFoundError


def parse_dataset_definition(
    config: Mapping[str, Any], load_version: str | None = None, save_version: str | None = None
) -> tuple[Any, dict[str, Any]]:
    """Return the class and the arguments that an entry of a catalog stands for.

    Args:
        config: The entry, its credentials in place.
        load_version: Version to load where it is versioned; by default the latest.
        save_version: Version to save where it is versioned; by default the time.

    Raises:
        DataSetError: The entry is not possible.
    """
    from sparkpipe.io.factory import find_class, options_of, parse_config

    # What is missing the caller may give.
    needed = options_of(find_class(config.get("type"))).needed
    version = Version(load_version, save_version or generate_timestamp())
    return parse_config(config, version=version, required=needed)
