"""``sparkpipe info``."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

from sparkpipe import __version__
from sparkpipe.cli.project_command import ProjectCommand, echo_table
from sparkpipe.cli.streams import echo

if TYPE_CHECKING:
    from sparkpipe.project import Project

_PACKAGES = ("pyspark", "delta-spark", "databricks-connect", "pandas", "pyarrow", "kedro-datasets")


@click.command(cls=ProjectCommand)
@click.option("--verbose", "-v", is_flag=True, help="Show tracebacks.")
def info(*, verbose: bool) -> None:
    """Tell versions, the project, where things are, and the commands of project and plugins.

    Starts no Spark, and needs no project.
    """
    from sparkpipe.cli.extensions import project_here

    project = project_here()
    echo_table([*_versions(), *_spark(), *_project(project)])
    _show_plugins(project)


def _versions() -> list[tuple[str, str]]:
    rows = [
        ("sparkpipe", __version__),
        ("Python", f"{platform.python_version()} ({sys.executable})"),
        ("System", platform.platform()),
    ]
    runtime = os.environ.get("DATABRICKS_RUNTIME_VERSION")
    if runtime:
        rows.append(("Databricks", f"runtime {runtime}, whose Spark is taken as it is"))
    for package in _PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            # The runtime of Databricks has both, though not always as packages.
            if package == "pyspark" and not runtime:
                rows.append((package, "not installed (pip install 'sparkpipe[spark]')"))
            if package == "delta-spark" and not runtime:
                rows.append((package, "not installed"))
    return rows


def _spark() -> list[tuple[str, str]]:
    from sparkpipe.spark.start.java import java_executable, java_problem, java_version, release_text

    executable = java_executable()
    problem = java_problem()
    told = java_version(release_text(executable)) if executable else ""
    rows = [("Java", problem or f"{told or 'of an unknown version'} ({executable})")]
    names = ("JAVA_HOME", "SPARK_HOME", "SPARK_CONF_DIR")
    rows += [(name, os.environ[name]) for name in names if os.environ.get(name)]
    rows += [("Delta", told)] if (told := _delta()) else []
    if os.environ.get("SPARK_REMOTE"):
        # It may hold a token.
        rows.append(("SPARK_REMOTE", os.environ["SPARK_REMOTE"].partition("/;")[0]))
    return rows


def _delta() -> str:
    """Say whether a session of this machine has Delta; empty where none would be started here."""
    from importlib.util import find_spec

    from sparkpipe.spark.session import SparkProvider
    from sparkpipe.spark.start.jars import delta_package, kept_jars

    provider = SparkProvider()
    if find_spec("pyspark") is None or not provider.starts_jvm():
        return ""
    problem = provider.delta_problem()
    package = delta_package()
    if problem or package is None:
        return problem.removeprefix("Delta is needed, and ") or "given to Spark, not by delta-spark"
    return f"{package} ({'kept' if kept_jars(package) else 'fetched at the first start'})"


def _project(project: Project | None) -> list[tuple[str, str]]:
    from sparkpipe.errors import ConfigError
    from sparkpipe.project import find_project
    from sparkpipe.spark.warm.folder import FOLDER

    if project is None:
        try:
            find_project()
        except ConfigError as exc:
            return [("Project", f"none: {exc.message}")]
        return []
    return [
        ("Project", str(project.path)),
        ("Package", f"{project.package_name} in {project.source_dir}"),
        ("Configuration", str(project.conf_source)),
        ("Logs", str(project.path / "logs")),
        ("Warm session", str(project.path / FOLDER)),
    ]


def _show_plugins(project: Project | None) -> None:
    from sparkpipe.cli.extensions import (
        commands_of,
        groups_of,
        has_cli,
        project_commands,
    )
    from sparkpipe.errors import ConfigError
    from sparkpipe.hooks import ENTRY_POINTS
    from sparkpipe.plugins import find_entry_points

    rows = []
    for entry in find_entry_points(*groups_of(in_project=True)):
        commands = ", ".join(sorted(commands_of(entry))) or "none"
        rows.append((f"  {entry.name}", _package_of(entry), f"commands: {commands}"))
    for entry in find_entry_points(ENTRY_POINTS):
        rows.append((f"  {entry.name}", _package_of(entry), "hooks"))
    echo("Plugins:" if rows else "Plugins: none")
    echo_table(rows)
    if project is None or not has_cli(project):
        return
    try:
        told = ", ".join(sorted(project_commands(project))) or "none"
    except ConfigError as exc:
        told = str(exc)
    echo(f"Commands of {project.package_name}.cli: {told}")


def _package_of(entry: object) -> str:
    dist = getattr(entry, "dist", None)
    return f"{dist.name} {dist.version}" if dist is not None else ""
