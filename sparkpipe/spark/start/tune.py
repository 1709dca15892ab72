"""Make once what lets later sessions on this machine start fast."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sparkpipe.errors import SparkStartError
from sparkpipe.spark.start.archive import archive_path, is_whole, make_archive, run_training
from sparkpipe.spark.start.jars import delta_package, kept_jars
from sparkpipe.spark.start.java import start_problem
from sparkpipe.spark.start.profile import CLASS_PATH, effective_settings, is_local, wants_package

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuned:
    """What tuning has come to.

    Attributes:
        archive: The class-data-sharing archive.
        seconds: How long it took to make; 0 if it was there already.
    """

    archive: Path
    seconds: float


def tune(settings: Mapping[str, str], log_file: Path) -> Tuned:
    """Keep Delta's jars and make the archive, where they are not there yet.

    Args:
        settings: Spark properties of the user.
        log_file: Where the output of Spark's JVM goes.

    Raises:
        SparkStartError: They cannot be made; says why.
    """
    started = time.perf_counter()
    properties = effective_settings(settings)
    if not is_local(properties):
        raise SparkStartError(
            f"Only local sessions can be tuned; spark.master is {properties['spark.master']}."
        )
    problem, hint = start_problem()
    if problem:
        raise SparkStartError(problem, hint=hint)
    package = delta_package()
    if package and wants_package(properties, package) and not kept_jars(package):
        run_training(settings, log_file)  # one start, in which Spark resolves them
        properties = effective_settings(settings)
    archive = archive_path(properties.get(CLASS_PATH, ""))
    if archive is None:
        raise SparkStartError(
            "There is no Spark here to tune.", hint="pip install 'sparkpipe[spark]' brings one."
        )
    if is_whole(archive):
        return Tuned(archive, 0.0)
    _logger.info("Making an archive of the classes that Spark loads (about a minute)...")
    make_archive(archive, settings, log_file)
    return Tuned(archive, time.perf_counter() - started)
