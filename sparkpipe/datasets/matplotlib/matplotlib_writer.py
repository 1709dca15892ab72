"""Figures of matplotlib as image files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, ClassVar

from sparkpipe.errors import DataSetError
from sparkpipe.io.core import Version
from sparkpipe.io.files import FileDataSet
from sparkpipe.io.partition_names import check_apart, check_partition_name
from sparkpipe.io.saving import add_to_old, refuse, replacing_folder
from sparkpipe.io.target import folds_case


class MatplotlibWriter(FileDataSet):
    """A figure saved as an image; ``save_args`` go to ``Figure.savefig``. It cannot be loaded.

    The format is that of the file's ending (``.png``, ``.svg``, ``.pdf``). A dictionary of figures
    is saved as a folder: its keys are the names of the files. A list is saved so, too, as
    ``0.png``, ``1.png``.

    Args:
        filepath: Path or address of the file or folder.
        fs_args: Arguments of the file system.
        credentials: For the file system; never shown.
        load_args: Not used.
        save_args: Options of ``Figure.savefig``.
        version: The version to save.
        overwrite: Remove the files that were in the folder, once the new ones are saved.
        metadata: Kept for other tools.
    """

    _IS_ONE_FILE: ClassVar[bool] = False
    _IS_ONE_PIECE: ClassVar[bool] = True
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        fs_args: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        version: Version | None = None,
        overwrite: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath, load_args, save_args, version, credentials, fs_args, metadata)
        self._overwrite = overwrite

    def why_unreadable(self) -> str:
        """Say that an image is no figure again."""
        return (
            "a figure that was saved as an image cannot be loaded again. "
            "Read the figure under a name of its own, or keep it by pickle.PickleDataSet."
        )

    def _read(self, file: IO[Any]) -> Any:
        raise DataSetError(self.why_unreadable())

    def _save(self, data: Any) -> None:
        if isinstance(data, (list, tuple)):
            suffix = self._save_args.get("format", "png")
            data = {f"{number}.{suffix}": figure for number, figure in enumerate(data)}
        if not isinstance(data, dict):
            super()._save(data)
            return
        for name, figure in data.items():
            check_partition_name(str(name), self._filepath)
            _check_figure(figure)
        folder = self._get_save_path()
        is_folding = self._is_local and folds_case(str(folder))
        check_apart(data, folds_case=is_folding, what="figure")
        if self._is_local:
            self._save_folder(str(folder), data)
            return
        before = self._fs.find(str(folder)) if self._overwrite else []
        for name, figure in data.items():
            with self._replacing(f"{folder}/{name}") as beside:
                self._save_figure(figure, Path(beside), PurePosixPath(str(name)).suffix)
        saved = {self._fs._strip_protocol(f"{folder}/{name}") for name in data}
        for old in before:
            if old not in saved:
                self._fs.rm_file(old)

    def _save_folder(self, folder: str, figures: dict[Any, Any]) -> None:
        """Save figures to a local folder, which is there with all of them or as it was."""
        is_version = self._version is not None
        home = Path(self._filepath) if is_version else None
        kept = None if self._overwrite else add_to_old
        with replacing_folder(Path(folder), home, refuse if is_version else kept) as beside:
            beside.mkdir()
            for name, figure in figures.items():
                path = beside / str(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                self._save_figure(figure, path, PurePosixPath(str(name)).suffix)

    def _write(self, file: IO[Any], data: Any) -> None:
        _check_figure(data)
        self._save_figure(data, file, self._filepath.suffix)

    def _save_figure(self, figure: Any, file: Path | IO[Any], suffix: str) -> None:
        # The file being written has a name of its own, so the format must be said.
        figure.savefig(file, **{"format": suffix.lstrip(".") or "png", **self._save_args})


def _check_figure(data: Any) -> None:
    if not hasattr(data, "savefig"):
        raise DataSetError(f"a matplotlib Figure is needed, not {type(data).__name__}.")
