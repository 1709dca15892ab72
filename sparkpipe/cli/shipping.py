"""What a cluster needs of a project and of sparkpipe, as archives that Spark puts on its path."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sparkpipe

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_NAME = re.compile(r"[\w.-]+")
_COMPILED = (".pyc", ".so", ".pyd", ".dll", ".dylib")

#: The oldest time that a zip can tell: what is in the archive says the same whenever it is made.
_TIME = (1980, 1, 1, 0, 0, 0)


def as_zip(wheel: Path) -> Path:
    """Copy a wheel to beside itself under a name that executors take: Spark knows no ``.whl``."""
    name = "-".join(wheel.name.split("-")[:2])
    target = wheel.with_name(f"{name}.zip")
    shutil.copyfile(wheel, target)
    return target


def pack_sparkpipe(folder: Path, *, with_dependencies: bool) -> Path:
    """Write sparkpipe into an archive.

    Executors need it where a module of theirs imports it; they need nothing that it depends on. A
    driver in the cluster does: that lies in ``dependencies``, off the path of the executors.

    Args:
        folder: Where the archive goes.
        with_dependencies: Put in what sparkpipe depends on, without its compiled parts.

    Returns:
        The archive.
    """
    target = folder / f"sparkpipe-{sparkpipe.__version__}.zip"
    beside = target.with_suffix(".tmp")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in _own_files():
            _add(archive, path, name)
        if with_dependencies:
            for path, name in _files_of_dependencies():
                _add(archive, path, f"dependencies/{name}")
    beside.replace(target)
    return target


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    info = zipfile.ZipInfo(name, _TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, path.read_bytes())


def _own_files() -> Iterator[tuple[Path, str]]:
    package = Path(sparkpipe.__file__).parent
    for folder, folders, files in os.walk(package):
        folders[:] = sorted(set(folders) - {"__pycache__", "templates", "examples"})
        for name in sorted(files):
            path = Path(folder, name)
            yield path, path.relative_to(package.parent).as_posix()


def _files_of_dependencies() -> Iterator[tuple[Path, str]]:
    for distribution in _dependencies("sparkpipe"):
        for file in distribution.files or ():
            if file.suffix not in _COMPILED and file.parts[0] != "..":
                yield Path(str(file.locate())), file.as_posix()


def _dependencies(name: str) -> list[Distribution]:
    """Return what a package requires, and what that requires, without extras."""
    from importlib.metadata import PackageNotFoundError, distribution

    found: dict[str, Distribution] = {}
    names = [name]
    while names:
        for requirement in distribution(names.pop()).requires or ():
            match = _NAME.match(requirement)
            if match is None or match[0] in found or "extra ==" in requirement:
                continue
            try:
                found[match[0]] = distribution(match[0])
            except PackageNotFoundError:  # for another platform
                continue
            names.append(match[0])
    return [found[key] for key in sorted(found)]
