"""Files of SQL: where a relative path leads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sparkpipe.errors import PipelineError, did_you_mean

# Where the project whose pipelines are being made lies, and what its package is called.
_project: ContextVar[tuple[Path, str] | None] = ContextVar("_project", default=None)


@contextmanager
def looking_in(folder: Path, package: str) -> Iterator[None]:
    """Within it, a relative path is looked for in a project, and then in its package.

    Args:
        folder: The folder of the project; else the working folder.
        package: The name of its package, which may lie in an archive.
    """
    token = _project.set((folder, package))
    try:
        yield
    finally:
        _project.reset(token)


def read_file(path: str | Path) -> tuple[str, str]:
    """Return the text of a file, and what to call it.

    Args:
        path: Where it is; a relative one below the project, or below its package.

    Raises:
        PipelineError: It is nowhere, or no text.
    """
    wanted = Path(path)
    folder, package = _project.get() or (Path.cwd(), "")
    places: list[Any] = [folder / wanted, *_in_package(package, wanted)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise _not_found(wanted, places)
    try:
        text = found.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise PipelineError(f"{found} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PipelineError(f"{found} is no text in UTF-8.") from exc
    return text.replace("\r\n", "\n").replace("\r", "\n"), _shown(found, folder, package, wanted)


def _in_package(package: str, path: Path) -> Iterator[Any]:
    """Give where a file of a package would be, in a folder or in an archive."""
    if not package or path.is_absolute():
        return
    from importlib.resources import files  # it imports much, and few ask for a file

    with suppress(ImportError):
        place: Any = files(package)
        for part in path.parts:
            place = place.joinpath(part)
        yield place


def _shown(found: Any, folder: Path, package: str, path: Path) -> str:
    """Return a file as it is called wherever the project lies."""
    if isinstance(found, Path):
        resolved = found.resolve()
        if resolved.is_relative_to(folder.resolve()):
            return resolved.relative_to(folder.resolve()).as_posix()
    if path.is_absolute():
        return path.as_posix()
    return f"{package.replace('.', '/')}/{path.as_posix()}" if package else path.as_posix()


def _not_found(path: Path, places: list[Any]) -> PipelineError:
    folders = [place.parent for place in places if isinstance(place, Path)]
    beside = [one.name for folder in folders if folder.is_dir() for one in folder.glob("*.sql")]
    where = " or ".join(dict.fromkeys(folder.as_posix() for folder in folders))
    return PipelineError(
        f"There is no file {path.name} of SQL in {where}.",
        hint=did_you_mean(path.name, beside)
        or "A relative path starts at the folder of the project, or at that of its package.",
    )
