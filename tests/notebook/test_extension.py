"""``%load_ext sparkpipe`` and its magics, in a real kernel of Jupyter."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from cli_project import ShopProject, make_shop
from kernel import Kernel

_STATE = """
import asyncio, json, logging, signal, sys, threading
json.dumps({
    "handlers": [repr(h) for h in logging.getLogger().handlers],
    "ours": [logging.getLogger("sparkpipe").level, repr(logging.getLogger("sparkpipe").handlers)],
    "raising": logging.raiseExceptions,
    "loop": id(asyncio.get_event_loop()),
    "policy": repr(asyncio.get_event_loop_policy()),
    "out": [repr(one) for one in (sys.stdout, sys.stderr, sys.displayhook, sys.excepthook)],
    "signal": repr(signal.getsignal(signal.SIGINT)),
    "threads": threading.active_count(),
})
"""


def test_loading_gives_the_names_and_leaves_the_kernel_as_it_was(
    kernel: Kernel, shop: ShopProject
) -> None:
    before = kernel.good(_STATE).text
    loaded = kernel.good("%load_ext sparkpipe")
    assert (loaded.out, loaded.err, loaded.results) == ("", "", [])
    assert kernel.good(_STATE).text == before
    assert kernel.good("sorted(pipelines), list(catalog)[:2]").text == (
        "(['__default__', 'first'], ['numbers', 'doubled'])"
    )
    assert kernel.good("session.project.path.name").text == "'shop'"
    # None of these is needed to load, and Spark starts with the first cell that uses it.
    heavy = "{'pyspark', 'pandas', 'rich'} & set(sys.modules), 'spark' in globals()"
    assert kernel.good(heavy).text == "(set(), False)"


def test_unloading_takes_the_names_away(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    kernel.good("%unload_ext sparkpipe")
    assert kernel.good("{'session', 'catalog', 'pipelines'} & set(globals())").text == "set()"
    assert "not found" in kernel.run("%run_pipeline").err


def test_a_run_returns_its_outputs_and_shows_where_they_are(
    kernel: Kernel, shop: ShopProject
) -> None:
    kernel.good("%load_ext sparkpipe")
    ran = kernel.good("result = %run_pipeline --params factor:5\nresult")
    assert ran.text == "{'shouted': \"{'TOTAL': 30}\"}"
    assert "3 nodes done" in ran.html
    assert json.loads(shop.read("data/doubled.json")) == [5, 10, 15]
    assert kernel.good("session.report()").html.startswith("<iframe ")
    assert kernel.good("session.report_plan()").text == "Page(name='plan')"
    part = kernel.good("%run_pipeline __default__ --from-nodes total --to-outputs report")
    assert part.text == "{}"
    assert "1 node done" in part.html
    assert "data/report.json" in part.html
    assert kernel.good("result.pipeline_name, len(result.reports)").text == "('__default__', 3)"
    # The parameter was that run's alone.
    assert kernel.good("catalog.load('params:factor')").text == "2"
    planned = kernel.good("%run_pipeline first --runner DryRunner")
    assert "double" in planned.out
    assert not planned.results


def test_slices_run_and_are_shown(kernel: Kernel, shop: ShopProject) -> None:
    catalog = shop.read("conf/base/catalog.yml").replace(".json", "-${slice:day}.json")
    shop.write("conf/base/catalog.yml", catalog)
    shop.write("conf/base/slices.yml", "day: {every: 1 day, from: 2024-01-01, to: 2024-01-02}")
    shop.write("data/numbers-2024-01-01.json", "[1]")
    kernel.good("%load_ext sparkpipe")
    ran = kernel.good("result = %run_pipeline --slice day=2024-01-01\nresult")
    assert ran.text == "{'day=2024-01-01': {'shouted': \"{'TOTAL': 2}\"}}"
    assert "missing" in kernel.good("session.slices()").html


def test_a_failed_run_raises_and_the_kernel_lives(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    shop.replace("shop/nodes.py", 'return {"total": sum(doubled)}', "return sum(doubled) / 0")
    kernel.good("%reload_sparkpipe")
    failed = kernel.run("%run_pipeline")
    assert failed.error_name == "RunFailedError"
    assert "1 of 3 nodes done, 1 failed" in failed.error
    assert "division by zero" in failed.error
    assert f"{shop.path / 'shop' / 'nodes.py'}:7" in failed.error
    assert "%run_pipeline --from-nodes total" in failed.error
    failed = kernel.run(
        "%run_pipeline __default__ --params factor:5 --from-nodes double --no-progress"
    )
    again = "%run_pipeline __default__ --params factor:5 --no-progress --from-nodes total\n"
    assert f"To continue from there: {again}" in failed.error, "without the options of this run"
    assert "site-packages" not in failed.error
    caught = "from sparkpipe.errors import RunFailedError\n"
    caught += "try:\n    get_ipython().run_line_magic('run_pipeline', '')\n"
    caught += "except RunFailedError as exc:\n    told = exc.resume_from"
    kernel.good(caught)
    assert kernel.good("told").text == "('total',)"


def test_a_failed_run_is_continued_after_the_mistake_is_mended(
    kernel: Kernel, shop: ShopProject
) -> None:
    bad, good = "return sum(doubled) / 0", 'return {"total": sum(doubled)}'
    shop.replace("shop/nodes.py", good, bad)
    kernel.good("%load_ext sparkpipe")
    failed = kernel.run("%run_pipeline --params factor:5")
    assert "\nTo continue: %run_pipeline --resume\n" in failed.error
    shop.replace("shop/nodes.py", bad, good)
    kernel.good("%reload_sparkpipe")
    assert kernel.good("%run_pipeline --resume").text == "{'shouted': \"{'TOTAL': 30}\"}"
    ran = kernel.good("run = session.runs.run()\n[*run.nodes], bool(run.resumes)")
    assert ran.text == "(['total', 'shout'], True)"


def test_a_node_that_exits_ends_the_run_and_not_the_kernel(
    kernel: Kernel, shop: ShopProject
) -> None:
    shop.replace("shop/nodes.py", 'return {"total": sum(doubled)}', "raise SystemExit(0)")
    kernel.good("%load_ext sparkpipe")
    failed = kernel.run("%run_pipeline")
    assert failed.error_name == "RunFailedError"
    assert "Node 'total' failed: its function called sys.exit(0)." in failed.error
    assert kernel.good("1 + 1").text == "2"


def test_an_interrupt_ends_the_run_and_not_the_kernel(kernel: Kernel, shop: ShopProject) -> None:
    wait = "print('asleep', flush=True); import time; time.sleep(60)"
    shop.replace("shop/nodes.py", 'return {"total": sum(doubled)}', wait)
    kernel.good("%load_ext sparkpipe")
    timer = Timer(1.0, kernel.interrupt)
    timer.start()
    stopped = kernel.run("%run_pipeline")
    timer.join()
    assert (stopped.out, stopped.error_name) == ("asleep\n", "KeyboardInterrupt")
    place = f"{shop.path / 'shop' / 'nodes.py'}:7 in total"
    assert stopped.error == f"KeyboardInterrupt: the run was interrupted.\n  at {place}"
    assert kernel.good("%run_pipeline first").text == "{}"


def test_load_node_writes_a_cell_that_runs(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    cell = kernel.good("%load_node double").next_input
    assert "catalog.load('numbers')" in cell
    assert "return" not in cell
    assert kernel.good(cell).text == "[2, 4, 6]"
    assert kernel.good("factor, numbers").text == "(2, [1, 2, 3])"  # to be looked at, and changed
    assert kernel.good("%load_node shout").next_input.count("catalog.load('report')") == 1


def test_load_node_prints_where_notebooks_add_no_cells(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    kernel.good("import os\nos.environ['DATABRICKS_RUNTIME_VERSION'] = '17.3'")
    told = kernel.good("%load_node double")
    kernel.good("del os.environ['DATABRICKS_RUNTIME_VERSION']")
    assert "numbers = catalog.load('numbers')" in told.out
    assert not told.next_input


def test_load_node_calls_what_cannot_stand_in_a_cell(kernel: Kernel, shop: ShopProject) -> None:
    shop.replace(
        "shop/nodes.py",
        "    return [number",
        "    if not numbers:\n        return []\n    return [number",
    )
    shop.replace("conf/base/catalog.yml", "report:\n", "other:\n")
    kernel.good("%load_ext sparkpipe")
    cell = kernel.good("%load_node double").next_input
    assert kernel.good(cell).text == "[2, 4, 6]"
    # What leads to an input that the catalog does not hold is run.
    cell = kernel.good("%load_node shout").next_input
    assert kernel.good(cell).text == "\"{'TOTAL': 12}\""


def test_reload_takes_changed_code_and_configuration(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    kernel.good("from shop.nodes import total\nimport shop.nodes\nmine = 7")
    shop.replace("shop/nodes.py", '"total": sum', '"sum": sum')
    shop.replace("conf/base/catalog.yml", "data/report.json", "data/sums.json")
    shop.write("conf/base/parameters.yml", "factor: 3\n")
    told = kernel.good("%reload_sparkpipe")
    assert told.out == "Project 'shop': 2 modules loaded again.\n"
    assert kernel.good("%run_pipeline").text == "{'shouted': \"{'SUM': 18}\"}"
    assert json.loads(shop.read("data/sums.json")) == {"sum": 18}
    # Names that the notebook imported are new, too; its own stay.
    assert kernel.good("total([1]), shop.nodes.total([1]), mine").text == (
        "({'sum': 1}, {'sum': 1}, 7)"
    )


def test_reload_with_a_mistake_leaves_all_as_it_was(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    good = shop.read("shop/nodes.py")
    shop.write("shop/nodes.py", "def double(:\n")
    told = kernel.run("%reload_sparkpipe")
    assert "SyntaxError" in told.error
    assert f"{shop.path / 'shop' / 'nodes.py'}:1" in told.error
    assert kernel.good("%run_pipeline").text == "{'shouted': \"{'TOTAL': 12}\"}"
    shop.write("shop/nodes.py", good)
    shop.replace("conf/base/catalog.yml", "json.JSONDataSet", "json.JSNDataSet")
    assert "JSNDataSet" in kernel.run("%reload_sparkpipe\n%run_pipeline").error


def test_reload_of_another_environment(kernel: Kernel, shop: ShopProject) -> None:
    shop.write("conf/prod/parameters.yml", "factor: 10\n")
    kernel.good("%load_ext sparkpipe")
    kernel.good("%reload_sparkpipe --env prod")
    assert kernel.good("catalog.load('params:factor'), session.env").text == "(10, 'prod')"
    kernel.good("%reload_sparkpipe --params factor:11")  # and prod stays
    assert kernel.good("catalog.load('params:factor'), session.env").text == "(11, 'prod')"
    # A parameter of the notebook may be read by another pipeline than the one that is run.
    other = "node(shout, 'report', 'shouted')"
    shop.replace(
        "shop/pipeline_registry.py",
        '"first": whole',
        f'"last": pipeline([{other}]), "first": whole',
    )
    kernel.good("%reload_sparkpipe")
    kernel.good("%run_pipeline --to-nodes total")
    assert kernel.good("%run_pipeline last").text == "{'shouted': \"{'TOTAL': 66}\"}"
    told = kernel.run("%run_pipeline last --params factor:12")
    assert "No node of this pipeline reads the parameter 'factor'" in told.error
    told = kernel.run("%reload_sparkpipe --params fctor:12")
    assert "No pipeline reads the parameter 'fctor'. Did you mean 'factor'?" in told.error
    told = kernel.run("%reload_sparkpipe --env prd")
    assert "prd" in told.error
    assert "prod" in told.error
    assert kernel.good("session.env").text == "'prod'"


def test_of_100_modules_only_what_changed_is_executed_again(
    kernel: Kernel, shop: ShopProject
) -> None:
    count = "import sys\nsys.executed = [*getattr(sys, 'executed', ()), __name__]\n"
    imports = "from sparkpipe.pipeline import node, pipeline\n"
    for number in range(100):
        above = f"from shop.part{number - 1} import step as before\n" if number % 10 else ""
        shop.write(
            f"shop/part{number}.py",
            f"{count}{above}def step(numbers):\n    return {number}\n",
        )
    steps = "\n".join(f"import shop.part{number}" for number in range(100))
    shop.write(
        "shop/pipeline_registry.py",
        f"{count}{imports}{steps}\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([\n"
        "        node(getattr(sys.modules[f'shop.part{n}'], 'step'), 'numbers', f'out{n}',"
        " name=f'step{n}')\n"
        "        for n in range(100)\n"
        "    ])}\n",
    )
    kernel.good("%load_ext sparkpipe")
    assert kernel.good("import sys; len(set(sys.executed)), len(sys.executed)").text == "(101, 101)"
    shop.replace("shop/part57.py", "return 57", "return 'new'")
    kernel.good("sys.executed = []")
    kernel.good("%reload_sparkpipe")
    # Part 58 imports from part 57, and part 59 from part 58.
    assert kernel.good("sorted(sys.executed)").text == (
        "['shop.part57', 'shop.part58', 'shop.part59', 'shop.pipeline_registry']"
    )
    assert "'new'" in kernel.good("%run_pipeline --node step57").text
    kernel.good("sys.executed = []")
    kernel.good("%reload_sparkpipe")
    assert kernel.good("sys.executed").text == "[]"


def test_tab_completes_names_and_options(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe\n%config IPCompleter.use_jedi = False")
    assert kernel.completions("%run_pipeline fi") == ["first"]
    assert kernel.completions("%load_node sh") == ["shout"]
    assert kernel.completions("%run_pipeline first --from-n") == ["--from-nodes"]
    assert kernel.completions("%run_pipeline first --from-nodes to") == ["total"]


def test_graph_and_catalog_are_shown(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    graph = kernel.good("pipelines['__default__']").html
    assert "Pipeline of 3 nodes" in graph
    assert "<iframe" in graph
    table = kernel.good("catalog").html
    assert "Catalog of 3 data sets" in table
    assert "data/numbers.json" in table


# What can be wrong


def test_no_project_in_the_folder(kernel: Kernel, tmp_path: Path) -> None:
    loaded = kernel.good("%load_ext sparkpipe")  # the next cell may name one
    assert loaded.err.strip() == (
        f"There is no sparkpipe project in {tmp_path} or above it. "
        "Name the folder of one: %reload_sparkpipe path/to/project"
    )
    for magic in ("%run_pipeline", "%load_node total"):
        told = kernel.run(magic)
        assert told.error == (
            "ProjectNotFoundError: This notebook has no sparkpipe project. "
            "Name the folder of one: %reload_sparkpipe path/to/project"
        )
    make_shop(tmp_path / "elsewhere")
    kernel.good("%reload_sparkpipe elsewhere")
    assert kernel.good("%run_pipeline first").text == "{}"


def test_two_projects_in_one_kernel(kernel: Kernel, shop: ShopProject, tmp_path: Path) -> None:
    other = make_shop(tmp_path / "other")
    (other.path / "shop").rename(other.path / "depot")
    for name in ("pyproject.toml", "depot/pipeline_registry.py"):
        other.replace(name, "shop", "depot")
    kernel.good("%load_ext sparkpipe")
    kernel.good(f"%reload_sparkpipe {other.path}")
    kernel.good("%run_pipeline --params factor:4")
    assert json.loads(other.read("data/doubled.json")) == [4, 8, 12]
    assert not (shop.path / "data" / "doubled.json").exists()
    kernel.good("%reload_sparkpipe ..")
    assert kernel.good("session.project.project_name").text == "'shop'"


def test_another_project_whose_package_has_the_same_name(
    kernel: Kernel, shop: ShopProject, tmp_path: Path
) -> None:
    other = make_shop(tmp_path / "other")
    kernel.good("%load_ext sparkpipe")
    told = kernel.run(f"%reload_sparkpipe {other.path}")
    assert told.error.splitlines()[0] == (
        f"ConfigError: This notebook works for the project {shop.path}; that of {other.path} has "
        "a package of the same name, 'shop'. "
        "Restart the kernel to work for the other project, or rename one package."
    )
    assert kernel.good("session.project.project_name").text == "'shop'"
    # Loaded before by something else, it is refused likewise.
    kernel.good("%unload_ext sparkpipe")
    kernel.good(f"%cd -q {other.path}")
    told = kernel.run("%load_ext sparkpipe")
    assert "package 'shop'" in told.error
    assert str(shop.path) in told.error


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("%run_pipeline frist", "There is no pipeline 'frist'. Did you mean 'first'?"),
        ("%run_pipeline --from-nodes totl", "Did you mean 'total'?"),
        ("%load_node totl", "No pipeline has a node 'totl'. Did you mean 'total'?"),
        ("%load_node", "Missing argument 'NAME'"),
        ("%run_pipeline --form-nodes total", "'?) See %run_pipeline --help"),
        ("%run_pipeline first more", "extra argument (more). See %run_pipeline --help"),
        ("%run_pipeline 'first", "Put what has spaces into quotes."),
        ("%run_pipeline --params factor:{sesion}", "no variable 'sesion'. Did you mean 'session'?"),
        ("%run_pipeline --params fctor:1", "Did you mean 'factor'?"),
        ("%run_pipeline --runner Thread", "There is no runner 'Thread'"),
    ],
)
def test_a_wrong_name_is_one_clear_message(
    kernel: Kernel, shop: ShopProject, line: str, told: str
) -> None:
    kernel.good("%load_ext sparkpipe")
    wrong = kernel.run(line)
    assert told in wrong.error
    assert wrong.error.count("\n") <= 1, "a traceback"
    assert not (shop.path / "data" / "doubled.json").exists()


def test_help_of_a_magic(kernel: Kernel, shop: ShopProject) -> None:
    kernel.good("%load_ext sparkpipe")
    assert "--from-nodes" in kernel.good("%run_pipeline --help").out


def test_a_broken_project_is_told_and_can_be_put_right(kernel: Kernel, shop: ShopProject) -> None:
    shop.replace("shop/pipeline_registry.py", "import double, shout", "import dobule, shout")
    loaded = kernel.run("%load_ext sparkpipe")
    assert "dobule" in loaded.error
    assert str(shop.path / "shop" / "pipeline_registry.py") in loaded.error
    shop.replace("shop/pipeline_registry.py", "import dobule, shout", "import double, shout")
    kernel.good("%reload_sparkpipe")
    assert kernel.good("%run_pipeline first").text == "{}"


@pytest.fixture
def bytecode(kernel: Kernel) -> Iterator[None]:
    """The kernel writes bytecode, as it does for everybody who has not forbidden it."""
    kernel.good(
        "import sys as _s; _written, _s.dont_write_bytecode = _s.dont_write_bytecode, False"
    )
    yield
    kernel.good("import sys as _s; _s.dont_write_bytecode = _written")


def edit_unnoticed(shop: ShopProject, name: str, old: str, new: str) -> None:
    """Edit a file within its second: neither its time nor its size tells."""
    assert len(old) == len(new)
    before = (shop.path / name).stat()
    shop.replace(name, old, new)
    os.utime(shop.path / name, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.usefixtures("bytecode")
def test_what_was_broken_is_compiled_anew_within_the_same_second(
    kernel: Kernel, shop: ShopProject
) -> None:
    shop.replace("shop/pipeline_registry.py", "import double, shout", "import dobule, shout")
    assert "dobule" in kernel.run("%load_ext sparkpipe").error
    edit_unnoticed(shop, "shop/pipeline_registry.py", "dobule, shout", "double, shout")
    kernel.good("%reload_sparkpipe")
    assert kernel.good("%run_pipeline first").text == "{}"


@pytest.mark.usefixtures("bytecode")
def test_an_edit_is_seen_by_what_is_in_the_file(kernel: Kernel, shop: ShopProject) -> None:
    shop.write("shop/late.py", "WORD = 'one'\n")
    kernel.good("%load_ext sparkpipe")
    for old, new in (("number *", "number +"), ("number +", "number -")):
        edit_unnoticed(shop, "shop/nodes.py", old, new)
        kernel.good("%reload_sparkpipe")
    kernel.good("%run_pipeline first")
    assert json.loads(shop.read("data/doubled.json")) == [-1, 0, 1]
    # One that was imported after the project was loaded is no exception.
    assert kernel.good("from shop.late import WORD; WORD").text == "'one'"
    edit_unnoticed(shop, "shop/late.py", "one", "two")
    kernel.good("%reload_sparkpipe")
    assert kernel.good("from shop.late import WORD; WORD").text == "'two'"
    assert kernel.good("import sys; old = sys.modules['shop.late']").err == ""
    kernel.good("%reload_sparkpipe")
    assert kernel.good("sys.modules['shop.late'] is old").text == "True"
