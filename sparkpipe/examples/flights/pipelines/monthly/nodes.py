"""Functions that look at the flights of a month."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def delays_by_day(flights: DataFrame, month: date, late_minutes: int) -> DataFrame:
    """Return delays by day and origin.

    Args:
        flights: One row for each flight of the year.
        month: The first day of the month that is counted.
        late_minutes: A flight that arrives later than this is late.
    """
    from pyspark.sql import functions as F

    late = (F.col("arr_delay") > late_minutes).cast("int")
    return (
        flights.where(F.trunc("date", "month") == F.lit(month))
        .groupBy("date", "origin")
        .agg(
            F.count("*").alias("flights"),
            F.sum(F.col("cancelled").cast("int")).alias("cancelled"),
            F.avg("arr_delay").alias("mean_arr_delay"),
            F.avg(late).alias("share_late"),
        )
        .withColumn("month", F.lit(f"{month:%Y-%m}"))
    )


def planes_seen(flights: DataFrame, month: date) -> DataFrame:
    """Return for each plane the last day of the month on which it flew, and where from.

    Args:
        flights: One row for each flight of the year.
        month: The first day of the month that is looked at.
    """
    from pyspark.sql import functions as F

    flown = flights.where((F.trunc("date", "month") == F.lit(month)) & F.col("tailnum").isNotNull())
    last = F.max_by("origin", F.struct("date", "time_hour", "origin"))
    return flown.groupBy("tailnum").agg(F.max("date").alias("last_day"), last.alias("origin"))
