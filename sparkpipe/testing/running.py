"""Run a pipeline in a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sparkpipe
from sparkpipe.errors import PreflightError, RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.session import load_runner
from sparkpipe.session.choosing_runner import RunnerChoice
from sparkpipe.spark.session import SparkProvider, activated, current_provider

if TYPE_CHECKING:
    from types import TracebackType

    from pyspark.sql import SparkSession

#: Properties of a session for tests: small, fast to start, without a server that can be seen.
TEST_SETTINGS: Mapping[str, Any] = {
    "spark.master": "local[2]",
    "spark.profile": "dev",
    "spark.ui.enabled": False,
    "spark.sql.shuffle.partitions": 2,
    "spark.sql.session.timeZone": "UTC",
}


def run_pipeline(
    pipeline: Pipeline | Iterable[Node | Pipeline] | Node,
    inputs: Mapping[str, Any] | None = None,
    *,
    catalog: DataCatalog | None = None,
    params: Mapping[str, Any] | None = None,
    runner: RunnerChoice = None,
    spark: SparkSession | None = None,
    **runner_options: Any,
) -> dict[str, Any]:
    """Run a pipeline on data that a test gives; without a catalog, nothing is read or written.

    Args:
        pipeline: A pipeline, or nodes.
        inputs: Data by name, in place of what the catalog has.
        catalog: Data sets for the rest; it stays as it is. By default there is none.
        params: Parameters, which nodes read as ``params:name`` and ``parameters``.
        runner: A runner, its class, its name, or its dotted path; by default SequentialRunner.
        spark: The Spark session of the run; by default the active one, or a new one.
        runner_options: For a runner given by name: arguments of its class.

    Returns:
        The outputs that the catalog does not hold, by name.

    Raises:
        PreflightError: Something is missing or wrong; all of it is told.
        RunFailedError: Nodes failed.
    """
    from sparkpipe.project.context import feed_of_params

    __tracebackhide__ = True  # by pytest
    chosen = pipeline if isinstance(pipeline, Pipeline) else _pipeline_of(pipeline)
    used = DataCatalog() if catalog is None else catalog.shallow_copy()
    if params is not None or "parameters" not in used:
        used.add_feed_dict(feed_of_params(params or {}), replace=True)
    used.add_feed_dict(inputs or {}, replace=True)
    provider = SparkProvider(session=spark) if spark is not None else current_provider()
    try:
        with activated(provider or SparkProvider(TEST_SETTINGS)):
            return load_runner(runner, **runner_options).run(chosen, used)
    except (PreflightError, RunFailedError) as exc:
        # A test shows what failed and where in the user's code, not by way of which runner; and no
        # run of the project is there to be continued.
        cause = exc.__cause__
        if isinstance(exc, RunFailedError):
            exc.hint = ""
            cause = exc.failures[0].__cause__ or exc.failures[0]
            cause.__traceback__ = _below_sparkpipe(cause.__traceback__) or cause.__traceback__
        raise exc.with_traceback(None) from cause


def _below_sparkpipe(frames: TracebackType | None) -> TracebackType | None:
    here = Path(sparkpipe.__file__).parent
    while frames is not None and here in Path(frames.tb_frame.f_code.co_filename).parents:
        frames = frames.tb_next
    return frames


def _pipeline_of(nodes: Iterable[Node | Pipeline] | Node) -> Pipeline:
    return Pipeline([nodes] if isinstance(nodes, Node) else [*nodes])
