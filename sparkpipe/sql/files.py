"""Files of SQL: where a relative path leads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sparkpipe.errors import PipelineError, did_you_mean

# Folders of the project whose pipelines are being made: its own, and that of its package.
_folders: ContextVar[tuple[Path, ...]] = ContextVar("_folders", default=())


@contextmanager
def looking_in(*folders: Path) -> Iterator[None]:
    """Within it, a relative path is looked for in these folders, in their order.

    Args:
        folders: Instead of the working folder.
    """
    token = _folders.set(folders)
    try:
        yield
    finally:
        _folders.reset(token)


def read_file(path: str | Path) -> tuple[str, str]:
    """Return the text of a file, and what to call it.

    Args:
        path: Where it is; a relative one below the project, or below its package.

    Raises:
        PipelineError: It is nowhere, or no text.
    """
    folders = _folders.get() or (Path.cwd(),)
    places = [folder / path for folder in folders]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise _not_found(Path(path), places)
    try:
        text = found.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise PipelineError(f"{found} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise PipelineError(f"{found} is no text in UTF-8.") from exc
    return text, _shown(found, folders)


def _shown(file: Path, folders: tuple[Path, ...]) -> str:
    """Return a file as it is called wherever the project lies."""
    resolved = file.resolve()
    for folder in folders:
        if resolved.is_relative_to(folder.resolve()):
            return resolved.relative_to(folder.resolve()).as_posix()
    return file.as_posix()


def _not_found(path: Path, places: list[Path]) -> PipelineError:
    folders = [place.parent for place in places if place.parent.is_dir()]
    beside = [one.name for folder in folders for one in folder.glob("*.sql")]
    where = " or ".join(dict.fromkeys(place.parent.as_posix() for place in places))
    return PipelineError(
        f"There is no file {path.name} of SQL in {where}.",
        hint=did_you_mean(path.name, beside)
        or "A relative path starts at the folder of the project, or at that of its package.",
    )
