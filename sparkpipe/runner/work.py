"""What a pool needs to run the nodes of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline.node import Node
from sparkpipe.plan import Plan
from sparkpipe.runner.task import NodeOutcome, perform

if TYPE_CHECKING:
    from pluggy import PluginManager


class Work(NamedTuple):
    """The nodes of one run, and what each of them runs with.

    Attributes:
        plan: The nodes in their order.
        catalog: Where their data is.
        hook_manager: Its hooks are called around each step.
        run_id: The name of the run.
        is_async: Load the inputs of a node side by side, and save its outputs side by side.
        is_watched: Whether anybody is told of the nodes.
        is_traced: Whether it is to be told what columns are made of.
    """

    plan: Plan
    catalog: DataCatalog
    hook_manager: PluginManager | None
    run_id: str
    is_async: bool
    is_watched: bool
    is_traced: bool = False

    def perform(self, node: Node) -> NodeOutcome:
        """Run a node on the present thread, and return how it went."""
        return perform(
            node,
            self.catalog,
            self.hook_manager,
            self.is_async,
            run_id=self.run_id,
            is_watched=self.is_watched,
            is_traced=self.is_traced,
        )
