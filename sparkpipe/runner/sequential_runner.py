"""One node after the other."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from sparkpipe.pipeline.node import Node
from sparkpipe.runner.loop import Done, Pool
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.work import Work


class SequentialRunner(AbstractRunner):
    """Runs one node after the other, on the thread that calls it.

    What a Spark session keeps for a thread (job group, properties) therefore holds in the nodes.

    >>> from sparkpipe.io import DataCatalog
    >>> from sparkpipe.pipeline import node, pipeline
    >>> double = pipeline([node(lambda x: 2 * x, "x", "y")])
    >>> SequentialRunner().run(double, DataCatalog(feed_dict={"x": 4}))
    {'y': 8}
    """

    def _pool(self, work: Work) -> AbstractContextManager[Pool]:
        return nullcontext(CallingThread(work))

    def _lanes(self) -> int:
        return 1


class CallingThread:
    """A pool of one slot: the thread that calls it.

    Args:
        work: What nodes run with.
    """

    lanes = (1,)

    def __init__(self, work: Work) -> None:
        self._perform = work.perform

    def lane_of(self, node: Node) -> int:
        """Return the only lane."""
        return 0

    def start(self, node: Node, done: Done) -> None:
        """Run a node before returning.

        Raises:
            KeyboardInterrupt: The node was interrupted.
        """
        try:
            done(self._perform(node))
        except KeyboardInterrupt as error:
            done(error)
            raise
        except BaseException as error:
            done(error)
