"""Every bad input gets one clear message: what, where, and what to do next."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_project import ShopProject, make_java, make_shop

Refused = Callable[..., str]


def test_no_project(tmp_path: Path) -> None:
    ended = ShopProject(tmp_path).command("run")

    assert ended.status == 2
    assert "no sparkpipe project" in ended.err
    assert "[tool.sparkpipe]" in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pipeline", "frist"], "There is no pipeline 'frist'. Did you mean 'first'?"),
        (["--nodes", "duble"], "No such node in the pipeline: 'duble'. Did you mean 'double'?"),
        (["--from-nodes", "totl"], "'totl'. Did you mean 'total'?"),
        (["--tags", "frist"], "has the tag 'frist'. Did you mean 'first'?"),
        (["--from-inputs", "number"], "'number'. Did you mean 'numbers'?"),
        (["--to-outputs", "reports"], "'reports'. Did you mean 'report'?"),
        (["--runner", "ThredRunner"], "no runner 'ThredRunner'. Did you mean 'ThreadRunner'?"),
        (["--runner", "shop.runners.Mine"], "there is no module 'shop.runners'"),
        (["--runner", "shop.nodes.dubble"], "has no 'dubble'. Did you mean 'double'?"),
        (["--runner", "shop.nodes.double"], "The runner 'shop.nodes.double' could not be made"),
        (["--runner", "pathlib.Path"], "pathlib.Path"),
        (["--runner", "../evil"], "is not a dotted path"),
        (["--env", "prod"], "There is no environment 'prod'"),
        (["--env", "../base"], "cannot be an environment"),
        (["--env", "/etc"], "cannot be an environment"),
        (["--conf-source", "nowhere"], "no configuration folder nowhere"),
        (["--params", "factor"], "'factor' is not a parameter"),
        (["--params", "facter:3"], "reads the parameter 'facter'. Did you mean 'factor'?"),
        (["--load-versions", "doubled"], "'doubled' is not name:version"),
        (["--load-versions", "dubled:1"], "'dubled', which is not in the catalog"),
        (["--load-versions", "doubled:1"], "'doubled', which is not versioned"),
        (["--nodes", "double", "--tags", "first", "--to-nodes", "total"], ""),
        (["--bogus"], "No such option"),
    ],
)
def test_what_the_command_line_may_get_wrong(
    shop: ShopProject, options: list[str], message: str
) -> None:
    ended = shop.command("run", *options)

    assert ended.status == (2 if message else 0), ended.text
    assert message in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "command",
    [
        ["report", "--output", ""],
        ["report", "--compare", " "],
        ["tables", "clone", "numbers", "copy", "--version", ""],
        ["catalog", "create", "--pipeline", "first", "--env", ""],
        ["plan", "--slice", ""],
        ["new", "--name", ""],
    ],
)
def test_an_option_of_a_variable_that_is_not_set_is_refused(
    refused: Refused, command: list[str]
) -> None:
    assert f"Invalid value for '{command[-2]}'" in (said := refused(*command))
    assert "it is empty. Give it a value, or leave it out." in said


def test_unknown_command_names_the_closest(refused: Refused) -> None:
    assert "There is no command 'rn'. Did you mean 'run'?" in refused("rn")


def test_filters_that_leave_nothing(refused: Refused) -> None:
    said = refused("run", "--nodes", "double", "--from-nodes", "total")
    assert "No node is left by the given filters" in said


def test_bad_yaml_is_told_with_file_and_line(shop: ShopProject, refused: Refused) -> None:
    shop.write("conf/base/catalog.yml", "numbers:\n  type: json.JSONDataSet\n filepath: x\n")
    assert "conf/base/catalog.yml:3" in refused()


def test_unsafe_yaml_is_refused(shop: ShopProject, refused: Refused) -> None:
    shop.write("conf/base/parameters.yml", "factor: !!python/object/apply:os.system ['touch x']\n")
    assert "conf/base/parameters.yml:1" in refused()
    assert not (shop.path / "x").exists()


def test_all_problems_are_told_at_once(shop: ShopProject, refused: Refused) -> None:
    shop.replace("conf/base/catalog.yml", "filepath: data/doubled.json", "filepth: doubled.json")
    shop.replace("conf/base/parameters.yml", "factor", "faktor")
    shop.replace("shop/nodes.py", "def shout(report)", "def shout(report, how)")
    (shop.path / "data/numbers.json").unlink()

    said = refused("run", "--runner", "ThredRunner", "--params", "size:1")

    assert "'ThredRunner'" in said
    assert "'doubled' (conf/base/catalog.yml:5): JSONDataSet has no option 'filepth'" in said
    assert "Did you mean 'filepath'?" in said
    assert "the parameter 'factor'" in said.lower()
    assert "does not take the inputs" in said or "shout(report, how)" in said


def test_check_tells_every_problem_and_run_says_where_to_find_the_rest(shop: ShopProject) -> None:
    entries = "".join(f"spare_{i}: {{type: no.Such{i}}}\n" for i in range(20))
    shop.write("conf/base/catalog_spare.yml", entries)
    inputs = ", ".join(f"'spare_{i}'" for i in range(20))
    shop.replace("shop/pipeline_registry.py", 'node(total, "doubled"', f"node(max, [{inputs}]")

    run, check = shop.command("run"), shop.command("check")

    assert (run.status, check.status) == (2, 2)
    assert len(run.err.splitlines()) <= 15
    assert "... 10 more: sparkpipe check" in run.err
    assert all(f"'no.Such{i}'" in check.err for i in range(20))
    assert "Traceback" not in check.err


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_package\n", "there is no module 'no_such_package' (imported in"),
        ("1 / 0\n", "raised ZeroDivisionError: division by zero (in"),
        ("class Mine(:\n", "raised SyntaxError"),
    ],
)
def test_runner_whose_module_breaks_is_told_with_its_line(
    shop: ShopProject, refused: Refused, code: str, message: str
) -> None:
    shop.write("shop/runner.py", code)
    said = refused("run", "--runner=shop.runner.Mine")
    assert message in said
    assert "shop/runner.py:1" in said


@pytest.mark.slow
def test_working_folder_that_was_removed_is_told(shop: ShopProject) -> None:
    gone = shop.path / "gone"
    gone.mkdir()
    command = [
        "sh",
        "-c",
        'rmdir "$PWD" && exec "$0" run',
        Path(sys.executable).parent / "sparkpipe",
    ]
    ended = subprocess.run(command, cwd=gone, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "The working folder does not exist any more" in ended.stderr


def test_one_long_problem_is_told_in_a_few_lines(shop: ShopProject, refused: Refused) -> None:
    shop.write("shop/nodes.py", "raise RuntimeError('line\\n' * 50 + 'x' * 5000)\n")
    said = refused()  # at most fifteen lines
    assert "RuntimeError: line ... (in " in said
    assert "nodes.py:1" in said


@pytest.mark.parametrize(
    ("type_name", "message"),
    [
        ("json.JSNDataSet", "Did you mean 'json.JSONDataSet'?"),
        ("JSONDataSet", "Did you mean 'json.JSONDataSet'?"),
        ("snowpark.SnowparkTableDataSet", "looked for sparkpipe.datasets.snowpark"),
        ("my.own.DataSet", "there is no data set type 'my.own.DataSet'"),
        ("os.system", "os.system"),
    ],
)
def test_unknown_data_set_type(
    shop: ShopProject, refused: Refused, type_name: str, message: str
) -> None:
    shop.replace(
        "conf/base/catalog.yml",
        "report:\n  type: json.JSONDataSet",
        f"report:\n  type: {type_name}",
    )
    said = refused()
    assert message in said
    assert "'report' (conf/base/catalog.yml:9)" in said


def test_unknown_credentials(shop: ShopProject, refused: Refused) -> None:
    shop.replace("conf/base/catalog.yml", "report.json", "report.json\n  credentials: warehouse")
    assert "no credentials 'warehouse'" in refused()


def test_missing_file_is_found_before_anything_runs(shop: ShopProject, refused: Refused) -> None:
    (shop.path / "data/numbers.json").unlink()
    said = refused()
    assert "Input 'numbers' of node 'double' (JSONDataSet): the file does not exist" in said
    assert "Running node" not in said


def test_missing_inputs_are_named_all(shop: ShopProject, refused: Refused) -> None:
    shop.write("conf/base/catalog.yml", "numbrs:\n  type: MemoryDataSet\n")
    shop.write("conf/base/parameters.yml", "")
    said = refused()
    assert "The input 'numbers' of node 'double' is neither in the catalog nor made" in said
    assert "Did you mean 'numbrs'?" in said
    assert "The parameter 'factor' that node 'double' needs is not set" in said


def test_cycle(shop: ShopProject, refused: Refused) -> None:
    shop.replace("shop/pipeline_registry.py", '"report", "shouted"', '"report", "numbers"')
    assert "These nodes wait for one another: " in refused()


def test_two_nodes_writing_one_output(shop: ShopProject, refused: Refused) -> None:
    shop.replace("shop/pipeline_registry.py", '"report", "shouted"', '"numbers", "report"')
    said = refused()
    assert "Two nodes write 'report'" in said
    assert "total" in said
    assert "shout" in said


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("None", "could not save 'report'"),
        ("{1, 2}", "not JSON serializable"),
    ],
)
def test_output_that_cannot_be_saved(shop: ShopProject, returned: str, message: str) -> None:
    shop.replace("shop/nodes.py", '{"total": sum(doubled)}', returned)
    ended = shop.command("run")
    assert ended.status == 1
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert not (shop.path / "data/report.json").exists()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ('["report", "other"]', "must return a list or tuple of 2; it returned dict"),
        ('{"sum": "report"}', "lacks the keys sum; it has total"),
    ],
)
def test_outputs_other_than_declared(shop: ShopProject, outputs: str, message: str) -> None:
    shop.replace("shop/pipeline_registry.py", '"doubled", "report"', f'"doubled", {outputs}')
    ended = shop.command("run")
    assert ended.status == 1
    assert message in ended.err


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def broken(:\n", "nodes.py:1"),
        ("import no_such_package\n", "there is no module 'no_such_package'"),
        ("raise RuntimeError('at import')\n", "RuntimeError: at import"),
    ],
)
def test_project_that_cannot_be_imported(
    shop: ShopProject, refused: Refused, code: str, message: str
) -> None:
    shop.write("shop/nodes.py", code)
    said = refused()
    assert message in said
    assert "nodes.py:1" in said


def test_missing_java_is_told_before_anything_runs(
    shop: ShopProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(shop.path))
    shop.replace(
        "conf/base/catalog.yml",
        "report:\n  type: json.JSONDataSet",
        "report:\n  type: spark.SparkDataSet",
    )

    ended = shop.command("run")

    assert ended.status == 2
    assert "Spark needs Java" in ended.err
    assert "Running node" not in ended.err


def test_java_that_is_too_old_is_told(shop: ShopProject, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_java(shop.path / "jdk8", 'JAVA_VERSION="1.8.0_402"\n')
    monkeypatch.setenv("JAVA_HOME", str(home))
    shop.replace(
        "conf/base/catalog.yml",
        "report:\n  type: json.JSONDataSet",
        "report:\n  type: spark.SparkDataSet",
    )

    ended = shop.command("run")

    assert ended.status == 2
    assert "Spark needs Java 17 or newer" in ended.err
    assert "is Java 8" in ended.err


def test_missing_java_does_not_keep_a_run_without_spark_from_running(
    shop: ShopProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(shop.path))
    assert shop.command("run").status == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that others than its owner may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


SOMEBODY_ELSE = "setpriv --reuid=65534 --regid=65534 --clear-groups"


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="needs root, who alone can be somebody else",
)
@pytest.mark.parametrize(
    "place",
    ["conf", "conf/base", "conf/base/catalog.yml", "pyproject.toml", "shop", "shop/pipelines"],
)
def test_what_cannot_be_read_is_told(open_folder: Path, place: str) -> None:
    shop = make_shop(open_folder / "shop")
    shop.write("shop/pipelines/one/__init__.py", "")
    (shop.path / "shop/pipeline_registry.py").unlink()
    mode = (shop.path / place).stat().st_mode
    (shop.path / place).chmod(0)
    words = [*SOMEBODY_ELSE.split(), sys.executable, "-m", "sparkpipe"]
    try:
        check, told = (
            subprocess.run(
                [*words, command], cwd=shop.path, capture_output=True, text=True, check=False
            )
            for command in ("check", "--help")
        )
    finally:
        (shop.path / place).chmod(mode)
    assert check.returncode == 2
    assert f"{place} cannot be read: Permission denied" in check.stderr
    assert told.returncode == 0
    assert told.stderr == ""


@pytest.mark.parametrize("name", ["parameters", "params:factor"])
def test_an_entry_called_as_parameters_is_told(
    shop: ShopProject, refused: Refused, name: str
) -> None:
    shop.write("conf/base/catalog.yml", f'"{name}": {{type: MemoryDataSet}}\n')
    for command in ("run", "check"):
        told = f"conf/base/catalog.yml:1: an entry cannot be called '{name}'"
        assert told in refused(command)


@pytest.mark.parametrize(
    "text",
    ["a: !!timestamp foo", "a: !!int foo", "a: &a [*a]", "a: [" * 300, "a: !foo"],
)
@pytest.mark.parametrize(
    "name", ["catalog", "parameters", "credentials", "spark", "logging", "globals"]
)
def test_values_that_make_python_raise_are_misuse(
    shop: ShopProject, refused: Refused, name: str, text: str
) -> None:
    shop.write(f"conf/base/{name}.yml", text)
    if name == "globals":
        shop.write("conf/base/parameters.yml", "factor: ${globals:b}")
    assert f"conf/base/{name}.yml" in refused("check")


def test_a_file_of_options_that_makes_python_raise_is_misuse(
    shop: ShopProject, refused: Refused
) -> None:
    for levels in (150, 100_000):
        shop.write("run.json", f'{{"run": {"[" * levels}{"]" * levels}}}')
        assert "run.json cannot be read: it is nested more than 100" in refused(
            "run", "-c", "run.json"
        )
    assert "'a' cannot be read" in refused("run", "--params", f"a:{'[' * 200}{']' * 200}")


def test_an_archive_made_on_a_mac_and_one_of_no_configuration(
    shop: ShopProject, refused: Refused
) -> None:
    with zipfile.ZipFile(shop.path / "mac.zip", "w") as archive:
        archive.writestr("__MACOSX/conf/base/._parameters.yml", b"\0")
        archive.writestr("._conf", b"\0")
        archive.writestr("conf/.DS_Store", b"\0")
        for file in ("catalog", "parameters"):
            archive.write(shop.path / f"conf/base/{file}.yml", f"conf/base/{file}.yml")
    assert shop.command("run", "--conf-source", "mac.zip").status == 0
    with zipfile.ZipFile(shop.path / "photos.zip", "w") as archive:
        archive.writestr("2024/a.txt", "a")
    told = refused("run", "--conf-source", "photos.zip")
    assert "There is no 'base' in photos.zip" in told
    (shop.path / "empty").mkdir()
    assert "There is no 'base' in empty" in refused("run", "--conf-source", "empty")


def test_credentials_are_looked_for_in_the_environment_of_the_run(
    shop: ShopProject, refused: Refused
) -> None:
    shop.replace("conf/base/catalog.yml", "numbers:", "numbers:\n  credentials: store")
    (shop.path / "conf/prod").mkdir()
    assert "Add 'store' to conf/prod/credentials.yml." in refused("run", "-e", "prod")
    assert "Add 'store' to conf/local/credentials.yml." in refused("run")


def test_what_is_wrong_with_an_entry_is_told_once(shop: ShopProject, refused: Refused) -> None:
    shop.replace("conf/base/catalog.yml", "data/doubled.json", "data/doubled.json\n  table: t")
    assert refused().count("has no option 'table'") == 1
