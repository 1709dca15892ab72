import logging
from typing import Any

import pandas as pd


def split(model_input: pd.DataFrame, role: str) -> tuple[pd.DataFrame, pd.Series]:
    rides = model_input[model_input["role"] == role].sort_values("ride_id")
    return rides[["minutes"]], rides["ride_id"]


def split_members(model_input: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    return split(model_input, "member")


def split_guests(model_input: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    return split(model_input, "guest")


def train(X: pd.DataFrame, model_options: dict[str, Any]) -> dict[str, float]:
    price = model_options["price"]
    return {"slope": price["per_minute"], "intercept": price["unlock"], "rides": len(X)}


def evaluate(
    regressor: dict[str, float], X: pd.DataFrame, ids: pd.Series, currency: str
) -> dict[str, Any]:
    prices = regressor["intercept"] + regressor["slope"] * X["minutes"]
    logging.getLogger(__name__).info("Rides cost %.2f %s", prices.sum(), currency)
    return {
        "revenue": round(float(prices.sum()), 2),
        "rides": [int(one) for one in ids],
        "currency": currency,
    }
