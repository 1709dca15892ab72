"""Functions that clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


def land(source: pd.DataFrame) -> pd.DataFrame:
    """Keep a source table as it comes, in a file that Spark reads in parallel."""
    return source


def clean_flights(raw: DataFrame) -> DataFrame:
    """Type the columns, and mark cancelled flights, which never left."""
    from pyspark.sql import functions as F

    whole = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    typed = raw.select(
        *[F.col(c).cast("int").alias(c) if c in whole else F.col(c) for c in raw.columns]
    )
    return (
        typed.withColumn("time_hour", F.to_timestamp("time_hour"))
        .withColumn("date", F.make_date("year", "month", "day"))
        .withColumn("cancelled", F.col("dep_time").isNull())
        .drop("year", "day", "minute")
    )


def clean_weather(raw: DataFrame, max_wind_speed: float) -> DataFrame:
    """Keep what a model can use; a wind that no one can stand in is a fault of the instrument.

    Args:
        raw: One row for each airport and hour.
        max_wind_speed: In miles an hour; above it a speed is unknown.
    """
    from pyspark.sql import functions as F

    wind = F.when(F.col("wind_speed") <= max_wind_speed, F.col("wind_speed"))
    return raw.select(
        "origin", "time_hour", "temp", "humid", wind.alias("wind_speed"), "precip", "visib"
    )


def clean_planes(raw: DataFrame) -> DataFrame:
    """Name the year for what it is, so that it does not meet that of the flight."""
    from pyspark.sql import functions as F

    return raw.select(
        "tailnum",
        F.col("year").cast("int").alias("year_built"),
        F.initcap("manufacturer").alias("manufacturer"),
        "engines",
        "seats",
    )
