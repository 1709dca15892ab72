"""Files that go to a file system of fsspec, so that readers see all of one or nothing of it."""

from __future__ import annotations

import os
from contextlib import suppress
from glob import has_magic
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# A store of objects shows one when it is uploaded as a whole; to move it would copy it.
_STORES = frozenset(
    ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "ocilake", "oss", "r2", "tos")
)


def upload(fs: AbstractFileSystem, source: str, path: str, *, only_new: bool = False) -> None:
    """Upload a file: under another name first, where the file system shows what is not complete.

    Args:
        fs: The file system.
        source: The local file.
        path: Where it is to go.
        only_new: It is not to replace anything.

    Raises:
        FileExistsError: It is there, and was to be new.
        Exception: What the file system's package raises; nothing is left of the upload.
    """
    folder = str(PurePosixPath(path).parent)
    fs.makedirs(folder, exist_ok=True)
    if only_new and fs.exists(path):
        raise FileExistsError(f"{path} is there already")
    try:
        if not _shows_parts(fs) or not _put_beside(fs, source, path, folder):
            _put(fs, source, path, only_new)
    finally:
        fs.invalidate_cache(path)
        fs.invalidate_cache(folder)


def _shows_parts(fs: AbstractFileSystem) -> bool:
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    return _STORES.isdisjoint(protocols)


def _put_beside(fs: AbstractFileSystem, source: str, path: str, folder: str) -> bool:
    """Put a file beside its place and move it there; return whether this file system can."""
    beside = f"{folder}/.sparkpipe-{os.urandom(8).hex()}"
    try:
        fs.put_file(source, beside)
        try:
            move(fs, beside, path)
        except Exception:  # it has no such thing, or replaces nothing by it
            return False
        return True
    finally:
        with suppress(Exception):
            if fs.exists(beside):
                fs.rm_file(beside)


def move(fs: AbstractFileSystem, source: str, path: str) -> None:
    """Move a file, also where its path would be taken for a pattern.

    Args:
        fs: The file system.
        source: Where the file is.
        path: Where it is to go.
    """
    if has_magic(source):
        # What fsspec itself does in 'mv' takes it for a pattern, and puts the file elsewhere.
        with suppress(NotImplementedError):  # then 'mv' is not what fsspec does
            fs.cp_file(source, path)
            fs.rm_file(source)
            return
    fs.mv(source, path)


def remove(fs: AbstractFileSystem, path: str) -> None:
    """Remove a file or a folder and nothing else, also where its path would be a pattern.

    Args:
        fs: The file system.
        path: Where the file or folder is.
    """
    from fsspec.implementations.local import LocalFileSystem

    if not has_magic(path) or isinstance(fs, LocalFileSystem):
        fs.rm(path, recursive=True)
        return
    found = fs.find(path, withdirs=True, detail=True)
    for one in sorted(found, reverse=True):  # what lies in a folder goes before it
        if found[one]["type"] != "directory":
            fs.rm_file(one)
        else:
            with suppress(Exception):  # a store of objects has no folders
                fs.rmdir(one)


def _put(fs: AbstractFileSystem, source: str, path: str, only_new: bool) -> None:
    try:
        fs.put_file(source, path)
    except BaseException:
        if only_new:
            with suppress(Exception):
                fs.rm_file(path)
        raise
