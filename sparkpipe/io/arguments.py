"""What data sets are given: paths and options, taken apart and refused where they cannot be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.redaction import is_secret, redacted

if TYPE_CHECKING:
    from sparkpipe.io.versions import Version

#: Protocols of web servers, whose file system takes whole addresses.
WEB = ("http", "https")

# Their hosts are buckets and containers.
_CLOUDS = ("abfs", "abfss", "adl", "gcs", "gdrive", "gs", "oci", "oss", "s3", "s3a", "s3n")


def get_protocol_and_path(
    filepath: str | os.PathLike[str], version: Version | None = None
) -> tuple[str, str]:
    """Part a path into protocol and path, as Kedro does: without host, but for clouds.

    Args:
        filepath: A path or an address.
        version: The version of the data set, which web servers cannot have.

    Raises:
        DataSetError: There is a version, and the protocol is that of the web.

    >>> get_protocol_and_path("s3://me@bucket/a.csv"), get_protocol_and_path("data/a.csv")
    (('s3', 'bucket/a.csv'), ('file', 'data/a.csv'))
    >>> get_protocol_and_path("hdfs://nn:8020/a"), get_protocol_and_path("file:///C:/a")
    (('hdfs', '/a'), ('file', 'C:/a'))
    """
    from sparkpipe.io.files import split_protocol

    protocol, path = split_protocol(os.fspath(filepath))
    if protocol in WEB and version is not None:
        raise DataSetError(
            f"what lies at {protocol}:// cannot be versioned.", hint="Remove 'versioned: true'."
        )
    if protocol == "file" or protocol in WEB:
        return protocol, path
    host, slash, rest = path.partition("/")
    if protocol not in _CLOUDS:
        return protocol, f"{slash}{rest}"
    return protocol, f"{host.rpartition('@')[2].partition(':')[0]}{slash}{rest}"


def get_filepath_str(path: PurePath, protocol: str) -> str:
    """Return a path as its file system wants it: of web servers it is the whole address.

    >>> from pathlib import PurePosixPath
    >>> get_filepath_str(PurePosixPath("host/a.csv"), "https")
    'https://host/a.csv'
    """
    return f"{protocol}://{path.as_posix()}" if protocol in WEB else path.as_posix()


def check_path(name: str, path: Any) -> None:
    """Refuse what is no path.

    Raises:
        DataSetError: It is of another type, or empty.
    """
    if not isinstance(path, (str, os.PathLike)) or not str(path).strip():
        raise DataSetError(f"{name} must be a path, not {path!r}.")


def check_mappings(**options: Any) -> None:
    """Refuse options that are neither mappings nor None.

    Raises:
        DataSetError: One is something else.
    """
    for name, value in options.items():
        if value is not None and not isinstance(value, Mapping):
            shown = f"a {type(value).__name__}" if is_secret(name) else repr(redacted(value))
            raise DataSetError(f"{name} must be a mapping, not {shown}.")


def validate_on_forbidden_chars(**kwargs: str) -> None:
    """Refuse texts with spaces or semicolons.

    Raises:
        DataSetError: One has them; says which.
    """
    for name, value in kwargs.items():
        if " " in value or ";" in value:
            raise DataSetError(f"'{name}' must have no spaces or semicolons.")
