"""Tells what a run would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline
from sparkpipe.runner.runner import AbstractRunner

if TYPE_CHECKING:
    from pluggy import PluginManager


class DryRunner(AbstractRunner):
    """Checks all that a run would check first, lists the nodes in their order, and runs none."""

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> None:
        nodes = pipeline.nodes
        self._logger.info(
            "Actual run would execute %d nodes:\n%s",
            len(nodes),
            "\n".join(f"  {node}" for node in nodes),
        )
