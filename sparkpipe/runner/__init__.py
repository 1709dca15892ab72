"""Runners: where and how the nodes of a pipeline run."""

from typing import TYPE_CHECKING, Any

from sparkpipe.runner.dry_runner import DryRunner
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.sequential_runner import SequentialRunner
from sparkpipe.runner.task import run_node
from sparkpipe.runner.thread_runner import ThreadRunner

if TYPE_CHECKING:
    from sparkpipe.runner.parallel_runner import ParallelRunner

__all__ = [
    "AbstractRunner",
    "DryRunner",
    "ParallelRunner",
    "SequentialRunner",
    "ThreadRunner",
    "run_node",
]


def __getattr__(name: str) -> Any:
    # multiprocessing takes a while to import, and most runs need none of it.
    if name == "ParallelRunner":
        from sparkpipe.runner.parallel_runner import ParallelRunner

        return ParallelRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
