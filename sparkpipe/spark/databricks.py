"""Folders that are there on Databricks only, which Python sees as local ones."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: The volumes of Unity Catalog, the files of the workspace, and those of DBFS.
_IN_SHARED = ("/Volumes/", "/Workspace/", "/dbfs/")

_DBUTILS = (
    "Take 'from databricks.sdk.runtime import dbutils' within the function that needs it, and keep "
    "that out of nodes that run elsewhere: parameters and credentials come from the configuration."
)

#: What to do where a name of Databricks is not defined, and where a module is not installed.
_NAMES = {
    "dbutils": "dbutils is there on Databricks only, and as a name of its own in notebooks only. "
    + _DBUTILS,
    "displayHTML": "displayHTML is there in notebooks of Databricks only.",
    "spark": "spark is a name of notebooks only. Take get_spark() of sparkpipe.spark.session, or "
    "the sparkSession of a frame.",
}
_MODULES = {
    "pyspark.dbutils": f"pyspark.dbutils is there on Databricks only. {_DBUTILS}",
    "dbruntime": f"dbruntime is there on Databricks only. {_DBUTILS}",
    "databricks.sdk": "databricks.sdk is there on Databricks; elsewhere install it with: "
    "pip install databricks-sdk",
    "databricks.connect": "DatabricksSession is of databricks-connect, which is not installed. "
    "Install it, of the version of the compute, in an environment without pyspark: "
    "pip install databricks-connect. Code that runs on Databricks, too, asks "
    "sparkpipe.spark.session.get_spark() for the session.",
    "databricks": "The packages of Databricks are not installed: databricks-connect for a "
    "DatabricksSession, databricks-sdk for the rest.",
}

_DBFS = re.compile(r"dbfs:(?=/(?!/))")


def on_databricks() -> bool:
    """Return whether this process runs on compute of Databricks: a cluster, or serverless."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def catalog_hint(catalog: str) -> str:
    """Return what to do where Spark has no catalog of a name."""
    if on_databricks():
        return "Check its name, and that you may use it: SHOW CATALOGS lists those that you see."
    return (
        "Those of Unity Catalog are there on Databricks only: give another entry in an environment "
        f"for this machine. Elsewhere set spark.sql.catalog.{catalog} in spark.yml."
    )


def foreign_feature(exc: BaseException) -> str:
    """Return what to do where code asked for something that only Databricks has; else nothing.

    >>> foreign_feature(NameError("name 'dbutils' is not defined", name="dbutils")).split(",")[0]
    'dbutils is there on Databricks only'
    >>> foreign_feature(NameError("name 'x' is not defined", name="x"))
    ''
    """
    name = getattr(exc, "name", None) or ""
    if isinstance(exc, NameError) and name in _NAMES:
        return _NAMES[name]
    if isinstance(exc, ModuleNotFoundError):
        return next(
            (told for module, told in _MODULES.items() if f"{name}.".startswith(f"{module}.")), ""
        )
    return ""


def as_local(path: str) -> str:
    """Return the local path that Python has for an address ``dbfs:/``; another path as it is.

    >>> as_local("dbfs:/Volumes/main/shop/a.csv"), as_local("dbfs:/mnt/a.csv"), as_local("a.csv")
    ('/Volumes/main/shop/a.csv', '/dbfs/mnt/a.csv', 'a.csv')
    """
    match = _DBFS.match(path)
    if match is None:
        return path
    rest = path[match.end() :]
    return rest if rest.startswith("/Volumes/") else f"/dbfs{rest}"


def is_shared(path: str) -> bool:
    """Return whether a path lies in a folder that all compute of a workspace shares."""
    return as_local(path).startswith(_IN_SHARED)


def folder_problems(path: str) -> list[str]:
    """Report a path in a folder of Databricks that does not exist here; a save would create it.

    >>> folder_problems("data/a.csv"), folder_problems("/tmp/Volumes/a.csv")
    ([], [])
    """
    if not is_shared(path) or on_databricks():
        return []
    root = as_local(path)[1:].partition("/")[0]
    if Path(f"/{root}").is_dir():
        return []
    return [
        f"{path} is there on Databricks only: there is no folder /{root} here. "
        "Give another path in an environment for this machine."
    ]
