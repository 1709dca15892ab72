"""Tells what a run would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import make_plan
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
        for name, readers in make_plan(pipeline).shared(catalog).items():
            self._logger.info(
                "'%s' stays in memory and is read by %d nodes (%s): a Spark frame would be "
                "persisted until they have run.",
                name,
                len(readers),
                ", ".join(readers),
            )
