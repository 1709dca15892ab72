"""Runners: where and how the nodes of a pipeline run."""

from typing import TYPE_CHECKING, Any

from sparkpipe.runner.dry_runner import DryRunner
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.sequential_runner import SequentialRunner
from sparkpipe.runner.task import run_node

if TYPE_CHECKING:
    from sparkpipe.runner.hybrid_runner import HybridRunner
    from sparkpipe.runner.parallel_runner import ParallelRunner
    from sparkpipe.runner.thread_runner import ThreadRunner

__all__ = [
    "AbstractRunner",
    "DryRunner",
    "HybridRunner",
    "ParallelRunner",
    "SequentialRunner",
    "ThreadRunner",
    "run_node",
]


def __getattr__(name: str) -> Any:
    # Pools take a while to import, and a run needs one of them at most.
    if name == "ThreadRunner":
        from sparkpipe.runner.thread_runner import ThreadRunner

        return ThreadRunner
    if name == "ParallelRunner":
        from sparkpipe.runner.parallel_runner import ParallelRunner

        return ParallelRunner
    if name == "HybridRunner":
        from sparkpipe.runner.hybrid_runner import HybridRunner

        return HybridRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
