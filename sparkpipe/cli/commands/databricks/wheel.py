"""What a project says of its wheel: its name, what a job calls in it, and what it needs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from sparkpipe.project import Project

#: The group of entry points with the functions that jobs call.
TASKS = "sparkpipe.tasks"
_TASK = "run"

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?")
_SPARK = ("pyspark", "pyspark-client", "pyspark-connect", "delta-spark", "databricks-connect")
_WITH_SPARK = ("spark", "examples")


@dataclass(frozen=True)
class Wheel:
    """The wheel of a project.

    Attributes:
        name: The name of its distribution, as in the name of its file.
        entry_point: The name of the function that a job calls, among its entry points.
    """

    name: str
    entry_point: str

    @property
    def file_pattern(self) -> str:
        """The name of its file, for any version.

        >>> Wheel("corner_shop", "run").file_pattern
        'corner_shop-*.whl'
        """
        return f"{self.name}-*.whl"


def wheel_of(project: Project) -> Wheel:
    """Read the wheel of a project from its ``pyproject.toml``.

    Raises:
        ConfigError: It has no name or no function for jobs, or would install Spark.
    """
    file = project.config_file
    document: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    table = document.get("project")
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(table, dict) or not isinstance(name, str):
        raise ConfigError(
            f"{file} has no name in [project], so there is no wheel for a job.",
            hint="'sparkpipe package' builds one; see there what it needs.",
        )
    if not _REQUIREMENT.fullmatch(name):
        raise ConfigError(f"{file}: {name!r} cannot be the name of a wheel.")
    spark = brings_spark(map(str, table.get("dependencies", ())))
    if spark:
        raise ConfigError(
            f"{file}: the dependencies of the wheel hold {', '.join(spark)}, which would be "
            "installed over the Spark of the cluster.",
            hint="Move them to [project.optional-dependencies], such as "
            "spark = ['sparkpipe[spark]'], and depend on sparkpipe alone.",
        )
    points = table.get("entry-points", {})
    functions = points.get(TASKS, {}) if isinstance(points, dict) else {}
    if not functions:
        package = project.package_name
        raise ConfigError(
            f"{file} names no function that a job can call.",
            hint=f'Write into it:\n[project.entry-points."{TASKS}"]\n{_TASK} = '
            f'"{package}.__main__:{_TASK}"\nand into __main__.py of {package}:\n'
            "from sparkpipe.cli.installed_project import run_task\n"
            f'def {_TASK}(*args):\n    return run_task("{package}", args or None)',
        )
    # Other spellings are found by this one, too.
    return Wheel(
        re.sub(r"[-_.]+", "_", name).lower(), _TASK if _TASK in functions else next(iter(functions))
    )


def brings_spark(requirements: Iterable[str]) -> list[str]:
    """Return those of the requirements that install Spark, in the form of PEP 508.

    >>> brings_spark(["sparkpipe>=0.1", "sparkpipe[Spark, sql]", "pyspark==4; python_version>'3'"])
    ['sparkpipe[Spark, sql]', 'pyspark==4']
    >>> brings_spark(["pyspark>=4; extra == 'spark'", "pandas"])
    []
    """
    found = []
    for requirement in requirements:
        wanted, _, marker = requirement.partition(";")
        match = _REQUIREMENT.match(wanted)
        if match is None or re.search(r"\bextra\s*==", marker):
            continue
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        extras = {extra.strip().lower() for extra in (match[2] or "").split(",")}
        is_spark = name in _SPARK or (name == "sparkpipe" and not extras.isdisjoint(_WITH_SPARK))
        if is_spark:
            found.append(wanted.strip())
    return found
