"""Data sets as attributes of ``catalog.datasets``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import did_you_mean

if TYPE_CHECKING:
    from sparkpipe.io.catalog import DataCatalog


class DataSets:
    """The data sets of a catalog as attributes, for use at a prompt.

    In names that are no identifiers, ``__`` stands for the other characters:
    ``catalog.datasets.params__rate``.
    """

    __slots__ = ("_catalog",)
    _catalog: DataCatalog

    def __init__(self, catalog: DataCatalog) -> None:
        object.__setattr__(self, "_catalog", catalog)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """The data sets by their attributes, as hooks written for Kedro read them."""
        catalog = self._catalog
        return {_as_attribute(name): catalog[name] for name in catalog.list()}

    def __getattr__(self, attribute: str) -> Any:
        catalog = self._catalog
        if attribute.startswith("__") and attribute.endswith("__"):
            raise AttributeError(attribute)  # Python asks for such names, people do not
        if attribute in list(catalog):
            return catalog[attribute]
        names = {_as_attribute(name): name for name in catalog}
        if attribute in names:
            return catalog[names[attribute]]
        if attribute in catalog:  # made of a pattern
            return catalog[attribute]
        near = did_you_mean(attribute, names)
        raise AttributeError(f"The catalog has no data set '{attribute}'. {near}".rstrip())

    def __setattr__(self, attribute: str, value: Any) -> None:
        raise AttributeError(
            f"'{attribute}' cannot be set here. Use catalog['{attribute}'] = ... or catalog.add()."
        )

    def __dir__(self) -> list[str]:
        return sorted(map(_as_attribute, self._catalog))


def _as_attribute(name: str) -> str:
    return re.sub(r"\W+", "__", name)
