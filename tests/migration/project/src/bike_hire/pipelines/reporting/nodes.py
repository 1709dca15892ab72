
import pandas as pd


def list_stations(stations: pd.DataFrame) -> list[str]:
    return sorted(stations["station_name"].str.strip())


def part_by_kind(weather: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {kind: rows for kind, rows in weather.groupby("kind")}


def mean_degrees(weather: pd.DataFrame) -> float:
    return round(float(weather["degrees"].mean()), 2)
