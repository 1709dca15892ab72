"""What depends on a slice, in a session that has none."""

from __future__ import annotations

from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.data_set import AbstractDataSet
from sparkpipe.slices.marks import PREFIX, marked


class UnchosenSlice(AbstractDataSet):
    """Stands for ``slice:<name>`` where no slice is chosen: it can be named, and not be loaded.

    Args:
        name: The name of the slice.
    """

    _EPHEMERAL = True

    def __init__(self, name: str) -> None:
        self.name = name

    def _load(self) -> Any:
        raise unchosen(f"'{PREFIX}{self.name}'", (self.name,))

    def _save(self, data: Any) -> None:
        raise DataSetError("a slice is not for writing.")

    def _exists(self) -> bool:
        return False

    def _describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def why_unwritable(self) -> str:
        """Return that a slice is chosen by the run."""
        return "a slice is not for writing."


def unchosen(what: str, slices: tuple[str, ...]) -> DataSetError:
    """Return the error for what depends on slices that are not chosen.

    Args:
        what: What depends on them.
        slices: Their names.
    """
    return DataSetError(
        f"{what} depends on {marked(slices)}, and none is chosen.", hint=hint(slices)
    )


def hint(slices: tuple[str, ...]) -> str:
    """Return how slices are chosen.

    >>> hint(("day", "region"))
    'Run with --slice day=... --slice region=..., or take session.with_slices("day=...", ...).'
    """
    options = " ".join(f"--slice {name}=..." for name in slices)
    arguments = ", ".join([f'"{slices[0]}=..."', *(["..."] if slices[1:] else [])])
    return f"Run with {options}, or take session.with_slices({arguments})."
