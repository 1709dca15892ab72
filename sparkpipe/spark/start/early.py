"""The properties that Spark must know before its JVM starts: they are too late in a session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sparkpipe.redaction import is_secret

#: Options of spark-submit by the properties that they set.
_OPTIONS = {
    "spark.app.name": "--name",  # else spark-submit takes the name of its program
    "spark.driver.memory": "--driver-memory",
    "spark.driver.cores": "--driver-cores",
    "spark.driver.extraJavaOptions": "--driver-java-options",
    "spark.driver.extraClassPath": "--driver-class-path",
    "spark.driver.extraLibraryPath": "--driver-library-path",
    "spark.jars": "--jars",
    "spark.jars.packages": "--packages",
    "spark.jars.excludes": "--exclude-packages",
    "spark.jars.repositories": "--repositories",
    "spark.submit.pyFiles": "--py-files",
    "spark.files": "--files",
    "spark.archives": "--archives",
}
_OTHERS = (
    "spark.driver.defaultJavaOptions",
    "spark.driver.memoryOverhead",
    "spark.driver.memoryOverheadFactor",
    "spark.driver.supervise",
    "spark.driver.userClassPathFirst",
    "spark.kerberos.keytab",
    "spark.kerberos.principal",
)
#: What is looked for before the driver runs, and how its machine in the cluster is asked for.
_PREFIXES = (
    "spark.driver.resource.",
    "spark.jars.",
    "spark.kubernetes.",
    "spark.pyspark.",
    "spark.yarn.",
)


def is_early(key: str) -> bool:
    """Whether Spark must know a property before its JVM starts."""
    return key in _OPTIONS or key in _OTHERS or key.startswith(_PREFIXES)


def is_withheld(key: str) -> bool:
    """Whether a property is early, and a secret that has no place in a command line."""
    return key.startswith(_PREFIXES) and is_secret(key)


def submit_options(properties: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give properties as options of spark-submit with their values, in the order of its help.

    >>> list(submit_options({"spark.driver.memory": "3g", "spark.yarn.queue": "nightly"}))
    [('--driver-memory', '3g'), ('--conf', 'spark.yarn.queue=nightly')]
    """
    for key, option in _OPTIONS.items():
        if properties.get(key):
            yield option, properties[key]
    for key, value in properties.items():
        if key not in _OPTIONS:
            yield "--conf", f"{key}={value}"
