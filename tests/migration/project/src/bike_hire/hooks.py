import logging

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pyspark import SparkConf
from pyspark.sql import SparkSession


class SparkHooks:
    @hook_impl
    def after_context_created(self, context) -> None:
        """Initialises a SparkSession using the config defined in project's conf folder."""
        parameters = context.config_loader["spark"]
        spark_conf = SparkConf().setAll(parameters.items())

        spark_session_conf = SparkSession.builder.appName(context.project_path.name).config(
            conf=spark_conf
        )
        _spark_session = spark_session_conf.getOrCreate()
        _spark_session.sparkContext.setLogLevel("WARN")


class RecordHooks:
    """Logs what the runs do."""

    @property
    def _logger(self):
        return logging.getLogger(__name__)

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog, save_version: str) -> None:
        self._logger.info("%d data sets, version %s", len(catalog.list()), save_version)

    @hook_impl
    def before_pipeline_run(self, run_params: dict, pipeline: Pipeline) -> None:
        self._logger.info("%s: %d nodes", run_params["pipeline_name"], len(pipeline.nodes))

    @hook_impl
    def after_node_run(self, node: Node, outputs: dict, session_id: str) -> None:
        self._logger.info("%s made %s", node.short_name, ", ".join(sorted(outputs)))
