"""The configuration of a project as an archive: made by ``package``, read by ``--conf-source``."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from sparkpipe.errors import ConfigError

_TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar")
_ZIP_SUFFIXES = (".zip",)

# Configuration is text; what is larger is something else, or means harm.
_MOST_FILES = 10_000
_MOST_BYTES = 256 * 2**20

#: The environment of one machine, with its secrets.
_LOCAL = "local"


def is_archive(path: Path) -> bool:
    """Return whether a path is a file with the name of an archive."""
    return path.name.lower().endswith((*_TAR_SUFFIXES, *_ZIP_SUFFIXES)) and not path.is_dir()


def pack(conf_source: Path, target: Path) -> list[str]:
    """Write the environments of a folder, except ``local``, into a ``.tar.gz``.

    Args:
        conf_source: The folder of configuration.
        target: The archive; replaced if it is there.

    Returns:
        The names of the files in it, below ``conf_source``.
    """
    names = sorted(_names_in(conf_source))
    with tarfile.open(target, "w:gz", dereference=True) as archive:
        for name in names:
            archive.add(conf_source / name, f"conf/{name}", filter=_nobodys)
    return names


def _names_in(conf_source: Path) -> Iterator[str]:
    """Name the files that belong into an archive; a linked environment is one, too."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(conf_source, followlinks=True):
        below = Path(folder).relative_to(conf_source)
        seen.add(os.path.realpath(folder))
        folders[:] = [
            name
            for name in folders
            if not name.startswith((".", "__"))
            and below / name != Path(_LOCAL)
            and os.path.realpath(Path(folder, name)) not in seen  # a link to what it lies in
        ]
        yield from ((below / name).as_posix() for name in files if not name.startswith("."))


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def unpack(path: Path, folder: Path) -> Path:
    """Unpack an archive into an empty folder; nothing of it can lie anywhere else.

    Returns:
        The folder of environments: ``folder``, or the only folder in it.

    Raises:
        ConfigError: It cannot be read, or holds what does not belong in it.
    """
    is_zip = path.name.lower().endswith(_ZIP_SUFFIXES)
    left = _MOST_BYTES
    try:
        members = _zip_members(path) if is_zip else _tar_members(path)
        for count, (name, source) in enumerate(members):
            inside = _checked(path, name)
            if _is_of_a_mac(inside):
                source.close()
                continue
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, target.open("wb") as file:
                # What the archive says of sizes need not be true.
                while chunk := source.read(min(left + 1, 2**20)):
                    left -= len(chunk)
                    if left < 0:
                        raise ConfigError(f"{path} holds more than {_MOST_BYTES >> 20} MB.")
                    file.write(chunk)
            if count >= _MOST_FILES:
                raise ConfigError(f"{path} holds more than {_MOST_FILES:,} files.")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError) as exc:
        raise ConfigError(
            f"The configuration archive {path} cannot be read: {exc}.",
            hint="Give a folder, or a .tar.gz or .zip of one.",
        ) from exc
    entries = list(folder.iterdir())
    if (folder / "base").is_dir() or len(entries) != 1 or not entries[0].is_dir():
        return folder
    return entries[0]


def _tar_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                continue
            source = archive.extractfile(member) if member.isreg() else None
            if source is None:
                raise _refused(path, member.name, "is a link or a device")
            yield member.name, source


def _zip_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _refused(path, member.filename, "is a link")
            try:
                source = archive.open(member)
            except RuntimeError as exc:
                raise ConfigError(f"{path} cannot be read: it has a password.") from exc
            yield member.filename, source


def _checked(path: Path, name: str) -> PurePosixPath:
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or any(c in name for c in "\\:\0"):
        raise _refused(path, name, "would lie outside the folder")
    return inside


def _is_of_a_mac(inside: PurePosixPath) -> bool:
    """Whether a member is what macOS adds to each file for itself."""
    return "__MACOSX" in inside.parts or inside.name.startswith(("._", ".DS_Store"))


def _refused(path: Path, name: str, what: str) -> ConfigError:
    return ConfigError(
        f"{path}: {name!r} {what}; such an archive is not unpacked.",
        hint="Make it by 'sparkpipe package'.",
    )


class ConfSource:
    """A folder of configuration, or an archive of one, which is unpacked for as long as this lives.

    Attributes:
        given: The folder or the archive.
        folder: The folder of environments.

    Raises:
        ConfigError: There is no such archive, or it cannot be read.
    """

    def __init__(self, given: Path) -> None:
        self.given = self.folder = given
        self._remove: Callable[[], object] | None = None
        if not is_archive(given):
            return
        if not given.exists():
            raise ConfigError(f"There is no configuration archive {given}.")
        folder = Path(tempfile.mkdtemp(prefix="sparkpipe-conf-"))
        self._remove = weakref.finalize(self, _remove, folder, os.getpid())
        self.folder = unpack(given, folder)

    def close(self) -> None:
        """Remove what was unpacked."""
        if self._remove is not None:
            self._remove()

    def named_in(self, message: str) -> str:
        """Return a message with what was given: where it was unpacked tells nobody anything."""
        return message.replace(str(self.folder), str(self.given))


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a process that was forked has the same objects
        shutil.rmtree(folder, ignore_errors=True)
