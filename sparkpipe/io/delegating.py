"""The base of wrappers that add one thing to a data set, and show themselves as what is inside."""

from __future__ import annotations

import copy
from typing import Any

from sparkpipe.io import foreign
from sparkpipe.io.data_set import AbstractDataSet
from sparkpipe.io.for_run import InRun, at_version, forget, of_run
from sparkpipe.io.wrapper import WrapperDataSet


class DelegatingDataSet(WrapperDataSet):
    """Loads and saves by the data set inside, whose name, place, options and versions it shows.

    A subclass overrides ``_save`` or ``_load``, and calls that of this class.

    Args:
        dataset: The data set inside, of any class.
    """

    #: Messages name the class of what is inside.
    _SHOWS_INNER = True

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __getattr__(self, name: str) -> Any:
        # What asks a data set for an attribute of its own class finds it.
        if name.startswith("__") or name == "_dataset":  # as when it is unpickled
            raise AttributeError(name)
        return getattr(self._dataset, name)

    def _inner(self) -> Any:
        return self._dataset

    def _load(self) -> Any:
        return self._dataset.load()

    def _save(self, data: Any) -> None:
        self._dataset.save(data)

    def _exists(self) -> bool:
        return bool(self._dataset.exists())

    def _describe(self) -> dict[str, Any]:
        describe = foreign.attribute(self._dataset, "_describe")
        return dict(describe()) if callable(describe) else {}

    def __str__(self) -> str:
        return str(self._dataset)

    def refuse(self, data: Any) -> None:
        """Refuse what a data set inside would not save, before anything is done with it.

        Args:
            data: What is to be saved.

        Raises:
            DataSetError: It would not be saved.
        """
        if isinstance(self._dataset, DelegatingDataSet):
            self._dataset.refuse(data)

    def _around(self, dataset: Any) -> Any:
        """Return the same around another data set."""
        if dataset is self._dataset:
            return self
        other = copy.copy(self)
        other._dataset = dataset
        return other

    def _of_run(self, part: InRun) -> Any:
        return self._around(of_run(self._dataset, part))

    def _at_version(self, version: str) -> Any:
        return self._around(at_version(self._dataset, version))

    def _forget(self) -> None:
        forget(self._dataset)

    def _settle(self) -> None:
        if issubclass(type(self._dataset), AbstractDataSet):
            self._dataset._settle()
