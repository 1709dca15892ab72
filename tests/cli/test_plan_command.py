"""``sparkpipe plan``: what would run, without running it."""

from __future__ import annotations

import json
import subprocess
import sys

from cli_project import ShopProject


def test_the_plan_has_levels_data_and_places(shop: ShopProject) -> None:
    said = shop.command("plan")
    assert said.status == 0, said.text
    assert said.out.splitlines() == [
        "Pipeline '__default__' (local, SequentialRunner):",
        "Level 1",
        "  double",
        "    loads    numbers        json.JSONDataSet  data/numbers.json",
        "             params:factor  parameter",
        "    saves    doubled        json.JSONDataSet  data/doubled.json",
        "Level 2",
        "  total",
        "    loads    doubled  json.JSONDataSet  data/doubled.json",
        "    saves    report   json.JSONDataSet  data/report.json",
        "Level 3",
        "  shout",
        "    loads    report   json.JSONDataSet  data/report.json",
        "    saves    shouted  MemoryDataSet     in memory",
        "3 nodes to run.",
    ]
    assert not (shop.path / "data" / "doubled.json").exists()


def test_filters_are_those_of_a_run(shop: ShopProject) -> None:
    said = shop.command("plan", "--to-nodes", "total", "--runner", "ThreadRunner", "--tags=first")
    assert "(local, ThreadRunner)" in said.out
    assert said.out.endswith("\n1 node to run, 2 left out by the filters.\n")


def test_a_plan_that_cannot_succeed_is_shown_with_its_problems(shop: ShopProject) -> None:
    said = shop.command("plan", "--nodes", "total,shout", "--format", "json")
    checked = shop.command("check", "--nodes", "total,shout")
    planned = json.loads(said.out)

    assert [node["name"] for node in planned["nodes"]] == ["total", "shout"]
    assert planned["problems"] == [
        "Input 'doubled' of node 'total' (JSONDataSet): "
        f"the file does not exist: {shop.path}/data/doubled.json"
    ]
    assert (said.status, said.err) == (checked.status, checked.err)
    assert said.status == 2


def test_a_filter_that_names_nothing_is_a_problem(shop: ShopProject) -> None:
    said = shop.command("plan", "--nodes", "totla")
    assert said.status == 2
    assert "'totla'" in said.err
    assert "Traceback" not in said.text


def test_nothing_is_loaded_and_spark_is_not_imported(shop: ShopProject) -> None:
    shop.write(
        "conf/base/catalog.yml",
        shop.read("conf/base/catalog.yml").replace("json.JSONDataSet", "spark.SparkDataSet", 1),
    )
    shop.write("data/numbers.json", "no json")
    program = (
        "import sys; from sparkpipe.session import Session; planned = Session().plan(); "
        "print(planned, planned._repr_html_() != ''); "
        "print([m for m in ('pyspark', 'pandas', 'py4j') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=shop.path, capture_output=True, text=True, check=True
    )
    assert "spark.SparkDataSet" in shown.stdout
    assert shown.stdout.endswith("True\n[]\n"), shown.stdout


def test_the_api_takes_what_a_run_takes(shop: ShopProject) -> None:
    program = (
        "from sparkpipe.session import Session\n"
        "planned = Session().plan(to_nodes='total', tags=['first'], runner='ThreadRunner',"
        " max_workers=2, inputs={'numbers': [1]}, params={'factor': 3})\n"
        "print([n.name for n in planned.nodes], planned.nodes[0].loads[0].type, planned.problems)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=shop.path, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "['double'] MemoryDataSet ()\n"


def test_only_missing_runs_what_the_plan_says(shop: ShopProject) -> None:
    shop.write("data/doubled.json", "[7]")
    planned = shop.command("plan", "--only-missing", "--to-nodes", "total")
    said = shop.command("run", "--only-missing", "--to-nodes", "total")

    assert "    skipped  'doubled' exists\n" in planned.out
    assert "    runs     'report' is missing\n" in planned.out
    assert said.status == 0, said.text
    assert "Node 'double' is skipped: 'doubled' exists." in said.err
    assert json.loads(shop.read("data/report.json")) == {"total": 7}

    again = shop.command("run", "--only-missing", "--to-nodes", "total")
    assert again.status == 0, again.text
    assert "0 of 2 nodes to run." in again.err


def test_a_run_of_what_is_missing_goes_on_by_names(shop: ShopProject) -> None:
    # What it has written exists by now, so what is missing is no longer what was to run.
    shop.replace("shop/nodes.py", "return str(report).upper()", "return report.nothing")
    said = shop.command("run", "--only-missing")
    assert said.status == 1, said.text
    assert "sparkpipe run --from-nodes shout" in said.err


def test_a_run_defers_to_another_environment(shop: ShopProject) -> None:
    entry = "{{type: json.JSONDataSet, filepath: {}/{}.json}}\n"
    for env in ("dev", "prod"):
        lines = (f"{name}: {entry.format(env, name)}" for name in ("numbers", "doubled", "report"))
        shop.write(f"conf/{env}/catalog.yml", "".join(lines))
    shop.write("prod/numbers.json", "[5]")
    options = ("--env", "dev", "--defer", "prod")

    assert "Error: Input 'numbers'" in shop.command("plan", "--env", "dev").err
    planned = shop.command("plan", *options)
    assert (
        "    loads    numbers        json.JSONDataSet  prod/numbers.json (of prod)\n" in planned.out
    )
    assert (planned.status, planned.err.count("Error")) == (0, 0)
    assert shop.command("check", *options).status == 0
    said = shop.command("run", *options)
    assert said.status == 0, said.text
    assert "'numbers' is read from 'prod': " in said.err
    assert json.loads(shop.read("dev/report.json")) == {"total": 10}
    assert [path.name for path in (shop.path / "prod").iterdir()] == ["numbers.json"]

    shop.write("conf/base/catalog.yml", shop.read("conf/base/catalog.yml"))
    shop.write("conf/dev/catalog.yml", "{}")
    shop.write("conf/prod/catalog.yml", "{}")
    refused = shop.command("run", *options)
    assert refused.status == 2
    assert "Node 'double' saves 'doubled'" in refused.err
    assert "its place in 'prod', too" in refused.err

    said = shop.command("run", "--env", "prod", "--defer", "prod")
    assert said.err.strip() == (
        "Error: The environment 'prod' cannot defer to itself. "
        "Run in another one: --env dev --defer prod."
    )
    assert "no environment 'prd'" in shop.command("run", "--defer", "prd").err


def test_a_failed_run_goes_on_with_the_same_environments(shop: ShopProject) -> None:
    shop.write("conf/prod/.keep", "")
    shop.write(
        "conf/dev/catalog.yml", "doubled: {type: MemoryDataSet}\nreport: {type: MemoryDataSet}\n"
    )
    shop.replace("shop/nodes.py", "return str(report).upper()", "return report.nothing")
    said = shop.command("run", "--env", "dev", "--defer", "prod")
    assert "sparkpipe run --defer prod --env dev --from-nodes" in said.err
