from pathlib import PurePosixPath
from typing import Any

import fsspec
from kedro.io import AbstractVersionedDataSet, DataSetError, Version
from kedro.io.core import get_filepath_str, get_protocol_and_path


class LinesDataSet(AbstractVersionedDataSet):
    """A list of lines in a text file."""

    def __init__(self, filepath: str, version: Version = None):
        protocol, path = get_protocol_and_path(filepath, version)
        self._protocol = protocol
        self._fs = fsspec.filesystem(self._protocol)
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    def _load(self) -> list[str]:
        load_path = get_filepath_str(self._get_load_path(), self._protocol)
        with self._fs.open(load_path, "r") as file:
            return file.read().splitlines()

    def _save(self, data: list[str]) -> None:
        save_path = get_filepath_str(self._get_save_path(), self._protocol)
        self._fs.makedirs(str(PurePosixPath(save_path).parent), exist_ok=True)
        with self._fs.open(save_path, "w") as file:
            file.write("\n".join(data))
        self._invalidate_cache()

    def _exists(self) -> bool:
        try:
            load_path = get_filepath_str(self._get_load_path(), self._protocol)
        except DataSetError:
            return False
        return self._fs.exists(load_path)

    def _describe(self) -> dict[str, Any]:
        return dict(filepath=self._filepath, protocol=self._protocol, version=self._version)

    def _release(self) -> None:
        super()._release()
        self._invalidate_cache()

    def _invalidate_cache(self) -> None:
        self._fs.invalidate_cache(get_filepath_str(self._filepath, self._protocol))
