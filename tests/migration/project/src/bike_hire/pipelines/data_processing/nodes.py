from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def tidy_stations(stations: pd.DataFrame) -> pd.DataFrame:
    return stations.assign(station_name=stations["station_name"].str.strip())


def clean_rides(rides: DataFrame, cleaning: dict[str, Any]) -> DataFrame:
    limits = cleaning["minutes"]
    return rides.filter(
        F.col("minutes").between(limits["least"], limits["most"])
        & F.col("role").isin(*cleaning["roles"])
    )


def join_stations(rides: DataFrame, stations: DataFrame) -> DataFrame:
    return rides.join(stations, "station_id").select("ride_id", "station_name", "role", "minutes")
