"""A data set made of functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.core import AbstractDataSet
from sparkpipe.io.importing import import_object

Function = Callable[..., Any] | str | None


class LambdaDataSet(AbstractDataSet):
    """Loads and saves by calling functions.

    Args:
        load: Returns the data.
        save: Takes the data.
        exists: Tells whether there is data.
        release: Lets go of it.
        state: Returns a text that changes when what ``load`` returns does; without one, nodes that
            read it never pass for unchanged.

    In YAML a function is given by its dotted path, which is imported at first use::

        airlines:
          type: LambdaDataSet
          load: my_project.sources.load_airlines
    """

    def __init__(
        self,
        load: Function,
        save: Function = None,
        exists: Function = None,
        release: Function = None,
        metadata: dict[str, Any] | None = None,
        state: Function = None,
    ) -> None:
        self._functions = {
            "load": load,
            "save": save,
            "exists": exists,
            "release": release,
            "state": state,
        }
        self.metadata = metadata
        for name, function in self._functions.items():
            if not (function is None or isinstance(function, str) or callable(function)):
                raise DataSetError(
                    f"'{name}' must be a function or the dotted path of one, "
                    f"not {type(function).__name__}."
                )

    @cached_property
    def _resolved(self) -> dict[str, Callable[..., Any] | None]:
        return {
            name: import_object(function) if isinstance(function, str) else function
            for name, function in self._functions.items()
        }

    def _function(self, name: str) -> Callable[..., Any]:
        function = self._resolved[name]
        if function is None:
            raise DataSetError(
                f"it has no '{name}' function.", hint=f"Give LambdaDataSet a '{name}'."
            )
        return function

    def _load(self) -> Any:
        return self._function("load")()

    def _save(self, data: Any) -> None:
        self._function("save")(data)

    def can_tell_presence(self) -> bool:
        """Whether it was given a function that tells whether there is data."""
        return self._resolved["exists"] is not None

    def _exists(self) -> bool:
        return super()._exists() if self._resolved["exists"] is None else self._resolved["exists"]()

    def _release(self) -> None:
        if self._resolved["release"] is not None:
            self._resolved["release"]()

    def functions(self) -> dict[str, Callable[..., Any] | None]:
        """Return the functions by what each is for.

        Raises:
            DataSetError: One cannot be imported.
        """
        return dict(self._resolved)

    def state(self) -> str | None:
        """Return what ``state`` tells; None without it."""
        tell = self._resolved["state"]
        return None if tell is None else str(tell())

    def why_unreadable(self) -> str:
        """Say that there is no function that loads."""
        return "" if self._functions["load"] is not None else _lacking("load")

    def why_unwritable(self) -> str:
        """Say that there is no function that saves."""
        return "" if self._functions["save"] is not None else _lacking("save")

    def _problems(self) -> list[str]:
        try:
            _ = self._resolved
        except DataSetError as exc:
            return [str(exc)]
        return []

    def _describe(self) -> dict[str, Any]:
        return {
            name: function if isinstance(function, str) else f"<{_name_of(function)}>"
            for name, function in self._functions.items()
            if function is not None
        }


LambdaDataset = LambdaDataSet


def _lacking(name: str) -> str:
    return f"it has no '{name}' function. Give LambdaDataSet a '{name}'."


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))
