"""YAML documents by PyYAML, safely."""

from __future__ import annotations

from typing import IO, Any, ClassVar

from sparkpipe.errors import DataSetError
from sparkpipe.io.files import FileDataSet


class YAMLDataSet(FileDataSet):
    """A YAML document of plain values: dictionaries, lists, text, numbers, dates.

    ``save_args`` go to :func:`yaml.safe_dump`. Neither saving nor loading makes other objects.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {
        "default_flow_style": False,
        "allow_unicode": True,
    }
    _BINARY = False

    def _read(self, file: IO[Any]) -> Any:
        import yaml

        return yaml.safe_load(file)

    def _write(self, file: IO[Any], data: Any) -> None:
        import yaml

        try:
            yaml.safe_dump(data, file, **self._save_args)
        except yaml.representer.RepresenterError as exc:
            kind = type(exc.args[-1]).__name__
            raise DataSetError(
                f"YAML cannot hold a {kind}.",
                hint="Turn it into plain values first, or use pickle.PickleDataSet.",
            ) from exc

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self._load_args:
            problems.append(f"load_args: {type(self).__name__} has none.")
        return problems


YAMLDataset = YAMLDataSet
