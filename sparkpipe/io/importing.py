"""Objects by their dotted path."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

from sparkpipe.errors import DataSetError, did_you_mean, place_of, told_with_place

#: The extra of sparkpipe that brings a package.
_EXTRAS = {
    "pyspark": "spark",
    "delta": "spark",
    "pandas": "pandas",
    "pyarrow": "pandas",
    "openpyxl": "excel",
    "sqlalchemy": "sql",
    "matplotlib": "matplotlib",
    "sqlglot": "sql-nodes",
    "duckdb": "duckdb",
    "pandera": "pandera",
}


def import_object(path: str) -> Any:
    """Import ``package.module.name``.

    Raises:
        DataSetError: The module cannot be imported or has no such name; says which.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in path.split(".")):
        raise DataSetError(f"'{path}' is not a dotted path such as package.module.name.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        itself = f"{module_name}.".startswith(f"{exc.name}.")
        where = "" if itself else f" (imported {place_of(exc)})"
        raise DataSetError(
            f"'{path}' cannot be imported: there is no module '{exc.name}'{where}.",
            hint=install_hint(exc.name or module_name),
        ) from exc
    except Exception as exc:
        raise DataSetError(
            f"'{path}' cannot be imported: importing '{module_name}' raised {told_with_place(exc)}"
        ) from exc
    try:
        return getattr(module, name)
    except ImportError as exc:  # a package may import its parts when they are asked for
        raise DataSetError(
            f"'{path}' cannot be imported: {exc}.",
            hint=install_hint(exc.name or module_name),
        ) from exc
    except AttributeError as exc:
        raise DataSetError(
            f"'{path}' cannot be imported: '{module_name}' has no '{name}'.",
            hint=did_you_mean(name, (n for n in dir(module) if not n.startswith("_"))),
        ) from exc


def is_installed(module_name: str) -> bool:
    """Whether a top-level module can be imported; imports nothing."""
    try:
        return _found(module_name)
    except ModuleNotFoundError:
        return False


# What is found stays; what is absent is looked for again, as it may be installed meanwhile.
@lru_cache(maxsize=100)
def _found(module_name: str) -> bool:
    from importlib.util import find_spec

    if find_spec(module_name) is None:
        raise ModuleNotFoundError(module_name)
    return True


def missing_packages(modules: tuple[str, ...]) -> list[str]:
    """Tell the first of these modules that is not installed."""
    for module in modules:
        if not is_installed(module):
            return [f"the package {module} is not installed. {install_hint(module)}"]
    return []


def install_hint(module_name: str) -> str:
    """Say how to get a module that is missing."""
    package = module_name.partition(".")[0]
    if package in _EXTRAS:
        return f"Install it with: pip install 'sparkpipe[{_EXTRAS[package]}]'"
    return "Check the spelling, or install the package that brings it."
