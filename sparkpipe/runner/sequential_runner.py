"""One node after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.plan import make_plan
from sparkpipe.runner.loop import Done
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.task import perform

if TYPE_CHECKING:
    from pluggy import PluginManager


class SequentialRunner(AbstractRunner):
    """Runs one node after the other, on the thread that calls it.

    What a Spark session keeps for a thread (job group, properties) therefore holds in the nodes.

    >>> from sparkpipe.pipeline import node, pipeline
    >>> double = pipeline([node(lambda x: 2 * x, "x", "y")])
    >>> SequentialRunner().run(double, DataCatalog(feed_dict={"x": 4}))
    {'y': 8}
    """

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> None:
        pool = CallingThread(catalog, hook_manager, self._is_async, session_id)
        self._run_plan(make_plan(pipeline, self._expected_seconds), catalog, pool)


class CallingThread:
    """A pool of one slot: the thread that calls it.

    Args:
        catalog: Where the data is.
        hook_manager: As of :func:`~sparkpipe.runner.task.perform`.
        is_async: As of :func:`~sparkpipe.runner.task.perform`.
        session_id: As of :func:`~sparkpipe.runner.task.perform`.
    """

    lanes = (1,)

    def __init__(
        self,
        catalog: DataCatalog,
        hook_manager: PluginManager | None,
        is_async: bool,
        session_id: str | None,
    ) -> None:
        self._arguments = (catalog, hook_manager, is_async, session_id)

    def lane_of(self, node: Node) -> int:
        """Return the only lane."""
        return 0

    def start(self, node: Node, done: Done) -> None:
        """Run a node before returning.

        Raises:
            KeyboardInterrupt: The node was interrupted.
        """
        try:
            done(perform(node, *self._arguments))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            done(error)
