"""What the project that is here knows of nodes and data sets, beyond what a journal tells."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sparkpipe.io import DataCatalog
from sparkpipe.io.columns import MOST_COLUMNS
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.functions import find_innermost
from sparkpipe.pipeline.node import Node
from sparkpipe.redaction import redacted_text
from sparkpipe.schemas import Column
from sparkpipe.schemas.declared import declared_schema

# More of a function nobody reads on a page.
_LONGEST_CODE = 8_000


@dataclass(frozen=True)
class Project:
    """The project as it is here; all of it may be missing.

    Attributes:
        nodes: By name.
        catalog: Tells the layers of data sets.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    catalog: DataCatalog | None = None

    @classmethod
    def of(cls, pipelines: Iterable[Pipeline], catalog: DataCatalog | None = None) -> Project:
        """Return what pipelines and a catalog tell.

        Args:
            pipelines: Of two nodes of one name, the first counts.
            catalog: That of the project.
        """
        nodes: dict[str, Node] = {}
        for pipeline in pipelines:
            for node in pipeline.nodes:
                nodes.setdefault(node.name, node)
        return cls(nodes, catalog)

    def about_node(self, name: str) -> dict[str, Any]:
        """Return namespace, tags and code of a node, as far as they are known.

        Args:
            name: Its name.
        """
        node = self.nodes.get(name)
        if node is None:
            return {}
        told = {"namespace": node.namespace, "tags": sorted(node.tags)} | code_of(node.func)
        return {key: value for key, value in told.items() if value}

    def columns_of(self, data_set: str) -> list[dict[str, str]]:
        """Return the columns that the entry of a data set declares; none where it declares none.

        Args:
            data_set: Its name.
        """
        config = self._entry(data_set)
        if "schema" not in config and "schema" not in (config.get("load_args") or ()):
            return []  # no data set is made to learn that
        with suppress(Exception):  # a run is shown whatever has become of the catalog since
            schema = None if self.catalog is None else declared_schema(self.catalog.get(data_set))
            return [_column(one) for one in schema.columns[:MOST_COLUMNS]] if schema else []
        return []

    def layer_of(self, data_set: str) -> str:
        """Return the layer that the entry of a data set names; empty where it names none.

        Args:
            data_set: Its name.
        """
        config = self._entry(data_set)
        metadata = config.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        viz = metadata.get("kedro-viz")
        named = (viz if isinstance(viz, Mapping) else metadata).get("layer")
        return str(named or config.get("layer") or "")

    def _entry(self, data_set: str) -> Mapping[str, Any]:
        config = self.catalog.config_of(data_set) if self.catalog is not None else None
        return config or {}


def _column(one: Column) -> dict[str, str]:
    kind = f"{one.type}{'' if one.nullable else ' NOT NULL'}"
    return {"name": one.name, "type": kind, "comment": one.comment}


def code_of(func: Callable[..., Any]) -> dict[str, str]:
    """Return the source of a function and where it stands; nothing where that is not known.

    Args:
        func: The function, or a partial or decorated one.
    """
    plain = find_innermost(func)
    plain = getattr(plain, "func", plain)
    where = f"{getattr(plain, '__module__', '')}.{getattr(plain, '__qualname__', '')}".strip(".")
    try:
        lines, first = inspect.getsourcelines(plain)
    except (OSError, TypeError):
        return {"function_name": where}
    text = redacted_text("".join(lines).rstrip())
    if len(text) > _LONGEST_CODE:
        text = f"{text[:_LONGEST_CODE]}\n… and {len(text) - _LONGEST_CODE} characters more"
    return {"function_name": where, "code": text, "line": str(first)}
