"""Functions that make features, train and evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame
    from sklearn.ensemble import HistGradientBoostingClassifier

LABEL = "late"
NUMBERS = ["month", "hour", "distance", "temp", "humid", "wind_speed", "precip", "visib", "age"]
CATEGORIES = ["carrier", "origin"]


def make_features(flights: DataFrame, late_minutes: int) -> DataFrame:
    """Return what is known of each flight before it leaves, and whether it came late."""
    from pyspark.sql import functions as F

    arrived = flights.where(F.col("arr_delay").isNotNull())
    return arrived.select(
        "date",
        "month",
        "hour",
        "distance",
        *("temp", "humid", "wind_speed", "precip", "visib"),
        (F.lit(2013) - F.col("year_built")).alias("age"),
        *CATEGORIES,
        (F.col("arr_delay") > late_minutes).alias(LABEL),
    )


def split(features: pd.DataFrame, test_share: float) -> dict[str, pd.DataFrame]:
    """Part by day, so that the weather of a test day is not known from training.

    Every n-th day is for the test; the same days at every run.
    """
    every = max(2, round(1 / test_share))
    days = features["date"].astype("datetime64[s]").dt.dayofyear
    in_test = days % every == 0
    columns = [*NUMBERS, *CATEGORIES, LABEL]
    return {"train": features.loc[~in_test, columns], "test": features.loc[in_test, columns]}


def _inputs(rows: pd.DataFrame) -> pd.DataFrame:
    types = {**dict.fromkeys(NUMBERS, "float32"), **dict.fromkeys(CATEGORIES, "category")}
    typed: pd.DataFrame = rows[[*NUMBERS, *CATEGORIES]].astype(types)
    return typed


def train_model(train: pd.DataFrame, options: dict[str, Any]) -> HistGradientBoostingClassifier:
    """Train gradient-boosted trees; ``options`` are those of the classifier."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(categorical_features="from_dtype", **options)
    return model.fit(_inputs(train), train[LABEL])


def evaluate(model: HistGradientBoostingClassifier, test: pd.DataFrame) -> dict[str, Any]:
    """Score the model on flights that it has not seen, beside always saying the same."""
    from sklearn.metrics import log_loss, roc_auc_score

    likely = model.predict_proba(_inputs(test))[:, 1]
    share_late = float(test[LABEL].mean())
    return {
        "rows": len(test),
        "share_late": round(share_late, 4),
        "roc_auc": round(float(roc_auc_score(test[LABEL], likely)), 4),
        "log_loss": round(float(log_loss(test[LABEL], likely)), 4),
        "log_loss_of_constant": round(float(log_loss(test[LABEL], [share_late] * len(test))), 4),
    }
