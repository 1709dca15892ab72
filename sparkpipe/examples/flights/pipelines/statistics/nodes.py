"""Functions that join and count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from pyspark.sql import Column, DataFrame


def join_flights(flights: DataFrame, weather: DataFrame, planes: DataFrame) -> DataFrame:
    """Add to each flight the weather at its hour of departure and the plane; none is lost."""
    return flights.join(weather, ["origin", "time_hour"], "left").join(planes, "tailnum", "left")


def _statistics(late_minutes: int) -> list[Column]:
    from pyspark.sql import functions as F

    late = (F.col("arr_delay") > late_minutes).cast("int")
    return [
        F.count("*").alias("flights"),
        F.sum(F.col("cancelled").cast("int")).alias("cancelled"),
        F.avg("dep_delay").alias("mean_dep_delay"),
        F.avg("arr_delay").alias("mean_arr_delay"),
        F.percentile("arr_delay", 0.9).alias("p90_arr_delay"),
        F.avg(late).alias("share_late"),
    ]


def delays_by_route(
    flights: DataFrame, airports: pd.DataFrame, late_minutes: int, min_flights: int
) -> DataFrame:
    """Return delays by origin and destination, for routes flown often enough to tell.

    Args:
        flights: One row for each flight.
        airports: Codes and names, a small pandas table.
        late_minutes: A flight that arrives later than this is late.
        min_flights: Routes with fewer flights are left out.
    """
    from pyspark.sql import functions as F

    columns = airports.rename(columns={"faa": "dest", "name": "destination"})
    names = flights.sparkSession.createDataFrame(columns[["dest", "destination"]])
    return (
        flights.groupBy("origin", "dest")
        .agg(*_statistics(late_minutes))
        .where(F.col("flights") >= min_flights)
        .join(F.broadcast(names), "dest", "left")
    )


def delays_by_hour(flights: DataFrame, late_minutes: int) -> DataFrame:
    """Return delays by origin and scheduled hour of departure."""
    return flights.groupBy("origin", "hour").agg(*_statistics(late_minutes))


def plot_delays_by_hour(delays: DataFrame) -> Figure:
    """Draw the mean delay through the day, a line for each airport."""
    from matplotlib.figure import Figure

    table = delays.toPandas().dropna(subset=["mean_arr_delay"])
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for origin, rows in table.sort_values("hour").groupby("origin"):
        axes.plot(rows["hour"], rows["mean_arr_delay"], marker="o", markersize=3, label=origin)
    axes.axhline(0, color="0.7", linewidth=0.8)
    axes.set_title("Delays grow through the day (flights from New York, 2013)", loc="left")
    axes.set_xticks(range(5, 24, 2))
    axes.set_xlabel("scheduled hour of departure")
    axes.set_ylabel("mean delay at arrival, minutes")
    axes.spines[["top", "right"]].set_visible(False)
    if not table.empty:  # a rehearsal without rows
        axes.legend(frameon=False, title="from")
    return figure
