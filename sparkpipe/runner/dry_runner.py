"""Tells what a run would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.io import DataCatalog
from sparkpipe.plan import Plan
from sparkpipe.runner.runner import AbstractRunner

if TYPE_CHECKING:
    from pluggy import PluginManager


class DryRunner(AbstractRunner):
    """Checks all that a run would check first, lists the nodes in their order, and runs none."""

    def _work_off(
        self,
        plan: Plan,
        catalog: DataCatalog,
        hook_manager: PluginManager | None,
        run_id: str,
    ) -> None:
        self._logger.info(
            "Actual run would execute %d nodes:\n%s",
            len(plan.nodes),
            "\n".join(f"  {node}" for node in plan.nodes),
        )
        for name, readers in plan.shared(catalog).items():
            self._logger.info(
                "'%s' stays in memory and is read by %d nodes (%s): a Spark frame would be "
                "persisted until they have run.",
                name,
                len(readers),
                ", ".join(readers),
            )
