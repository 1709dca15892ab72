"""``sparkpipe new`` and ``sparkpipe pipeline``: what they write, and what they leave alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_project import ShopProject
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkpipe.cli.commands.new import NewProject, make_project
from sparkpipe.errors import ConfigError
from sparkpipe.session import Session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def here(tmp_path: Path) -> ShopProject:
    return ShopProject(tmp_path)


@pytest.fixture
def starter(here: ShopProject) -> ShopProject:
    """A new project, as ``sparkpipe new`` makes it."""
    return ShopProject(make_project(NewProject("Corner shop"), here.path))


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_new_makes_a_project_in_which_nothing_is_wrong(here: ShopProject) -> None:
    said = here.command("new", "--name", "Corner shop")
    assert said.status == 0, said.text
    assert "cd corner-shop\n" in said.out
    assert [path.name for path in here.path.iterdir()] == ["corner-shop"]

    project = ShopProject(here.path / "corner-shop")
    assert 'package_name = "corner_shop"' in project.read("pyproject.toml")
    assert "conf/local/*" in project.read(".gitignore")
    assert not [name for name in names_in(project.path) if ".tmpl" in name or "__package" in name]
    texts = [path.read_text() for path in project.path.rglob("*") if path.is_file()]
    assert "<<" not in "".join(texts)
    said = project.command("check")
    assert said.out == "No problems in 3 pipelines, 4 nodes and 6 catalog entries.\n"


@pytest.mark.slow
def test_an_empty_project_is_ready_for_pipelines_of_ones_own(here: ShopProject) -> None:
    said = here.command("new", "--name", "Corner shop", "--empty")
    assert said.status == 0, said.text
    assert "  sparkpipe pipeline create NAME\n" in said.out
    project = ShopProject(here.path / "corner-shop")
    assert "src/corner_shop/pipelines/__init__.py" in names_in(project.path)
    for name in ("src/corner_shop/pipelines/clean", "data", "tests/test_pipelines.py"):
        assert name not in names_in(project.path)
    assert "No problems in 1 pipeline, 0 nodes" in project.command("check").out
    assert project.command("pipeline", "create", "features").status == 0
    assert "features     0 nodes\n" in project.command("registry", "list").out
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=project.path, capture_output=True, text=True
    )
    assert tests.returncode == 0, tests.stdout
    assert "2 passed" in tests.stdout


def test_git_takes_the_files_of_a_new_project_and_no_credentials(starter: ShopProject) -> None:
    secret = [
        "conf/base/credentials.yml",
        "conf/prod/credentials_db.yaml",
        "conf/prod/credentials/warehouse.yml",
        "conf/prod/team/credentials.json",
        "conf/local/catalog.yml",
    ]
    kept = ["conf/prod/catalog.yml", "conf/base/catalog_credits.yml"]
    for name in (*secret, *kept):
        starter.write(name, "a: 1")
    subprocess.run(["git", "init", "-q"], cwd=starter.path, check=True)
    shown = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=starter.path, capture_output=True, text=True
    ).stdout
    for name in (*kept, "conf/local/README.md", "data/01_raw/orders.csv"):
        assert f"?? {name}\n" in shown
    for name in secret:
        assert name not in shown


def test_the_readme_of_a_new_project_says_where_sparkpipe_comes_from(starter: ShopProject) -> None:
    readme = starter.read("README.md")
    first, own = (
        readme.index("pip install '/path/to/sparkpipe[spark]'"),
        readme.index("pip install -e"),
    )
    assert first < own
    assert "not on the package index yet" in readme[:first]


def test_new_asks_for_what_is_not_given(here: ShopProject) -> None:
    said = here.command("new", given="9 lives\nCorner shop\nshops\n")
    assert said.status == 0, said.text
    assert "'9 lives' cannot be the name of a project" in said.text
    assert (here.path / "shops/corner-shop/pyproject.toml").is_file()


def test_new_without_a_name_and_a_terminal_says_what_it_needs(here: ShopProject) -> None:
    said = here.command("new")
    assert said.status == 2
    assert "The project needs a name. Give it by --name." in said.err


def test_new_takes_the_file_of_kedro(here: ShopProject) -> None:
    here.write(
        "new.yml",
        "project_name: Corner shop\nrepo_name: shop-repo\n"
        "python_package: corner\noutput_dir: out\n",
    )
    assert here.command("new", "--config", "new.yml").status == 0
    assert (here.path / "out/shop-repo/src/corner/__init__.py").is_file()

    here.write("new.yml", "project_nam: Corner shop\n")
    said = here.command("new", "--config", "new.yml")
    assert said.status == 2
    assert "new.yml:1: 'project_nam' is no key" in said.err
    assert "Did you mean 'project_name'?" in said.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "../evil"], "'../evil' cannot be the name of a project"),
        (["--name", "/etc"], "cannot be the name of a project"),
        (["--name", "a\nb"], "cannot be the name of a project"),
        (["--name", "class"], "it is a word of Python"),
        (["--name", "Json"], "a module of Python has that name"),
        (["--name", "tests"], "a folder of the project has that name"),
        (["--name", "click"], "a package that is installed here has that name"),
        (["--name", "x", "--package", "a.b"], "must be lower-case letters, digits"),
        (["--name", "taken"], "taken is there already; nothing was written"),
        (["--name", "x", "--directory", "taken/file"], "taken/file"),
    ],
)
def test_what_new_refuses(here: ShopProject, options: list[str], message: str) -> None:
    here.write("taken/file", "")
    before = names_in(here.path)
    said = here.command("new", *options)
    assert said.status == 2, said.text
    assert message in said.err
    assert "Traceback" not in said.text
    assert names_in(here.path) == before


@settings(deadline=None)  # whether a package is installed is asked of the disk
@given(st.text(st.sampled_from("aZ9 ._-/\\\0~$\n'é") | st.characters(), max_size=12))
def test_a_name_makes_one_folder_and_a_package_that_can_be_imported_or_is_refused(
    name: str,
) -> None:
    try:
        made = NewProject(name)
    except ConfigError:
        return
    assert made.package.isidentifier()
    assert Path(made.folder).name == made.folder
    assert made.folder not in (".", "..")


def test_a_project_that_cannot_be_written_whole_is_not_there(
    here: ShopProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write_text = Path.write_text

    def full_disk(path: Path, *args: object, **kwargs: object) -> int:
        written.append(path)
        if len(written) > 5:
            raise OSError(28, "No space left on device")
        return write_text(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(ConfigError, match="No space left on device"):
        make_project(NewProject("Corner shop"), here.path)
    assert names_in(here.path) == []


# That the tests of a new project pass is shown by the tutorial, whose blocks run in tests/docs.
def test_new_project_runs(
    spark: SparkSession, starter: ShopProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    Session(starter.path, spark=spark).run(runner="ThreadRunner")
    for name in [name for name in sys.modules if name.partition(".")[0] == "corner_shop"]:
        del sys.modules[name]

    assert json.loads(starter.read("data/03_report/summary.json")) == {
        "orders": 6,
        "amount": 573.5,
        "largest": "FR",
    }


def test_pipeline_create_adds_one_that_is_found(starter: ShopProject) -> None:
    said = starter.command("pipeline", "create", "features")
    assert said.status == 0, said.text
    package = "src/corner_shop/pipelines/features"
    files = [f"{package}/{name}.py" for name in ("__init__", "nodes", "pipeline")]
    files += ["conf/base/parameters_features.yml", "tests/pipelines/test_features.py"]
    for file in files:
        assert (starter.path / file).is_file()
        assert f"  {file}\n" in said.out
    assert "features     0 nodes\n" in starter.command("registry", "list").out
    # The test that is written has nothing that needs Spark.
    code = "import sys; sys.path.insert(0, 'src')\n" + starter.read(files[-1])
    code += "\ntest_the_pipeline_can_be_made()\n"
    ended = subprocess.run([sys.executable, "-c", code], cwd=starter.path, check=False)
    assert ended.returncode == 0


def test_pipeline_create_writes_over_nothing(starter: ShopProject) -> None:
    starter.write("conf/base/parameters_features.yml", "mine: 1\n")
    before = names_in(starter.path)
    for name, message in (
        ("features", "parameters_features.yml is there already; nothing was written"),
        ("clean", "src/corner_shop/pipelines/clean is there already; nothing was written"),
    ):
        said = starter.command("pipeline", "create", name)
        assert said.status == 2
        assert message in said.err
    assert names_in(starter.path) == before
    assert starter.command("pipeline", "create", "features", "--skip-config").status == 0
    assert starter.read("conf/base/parameters_features.yml") == "mine: 1\n"


@pytest.mark.parametrize("name", ["../evil", "/etc", "a.b", "a-b", "__init__", "class", "", "é"])
@pytest.mark.parametrize("action", ["create", "delete"])
def test_pipelines_with_names_that_are_none(starter: ShopProject, action: str, name: str) -> None:
    before = names_in(starter.path)
    said = starter.command("pipeline", action, name)
    assert said.status == 2
    assert "cannot be the name of a pipeline's package" in said.err
    assert names_in(starter.path) == before


def test_pipeline_create_in_an_environment(starter: ShopProject) -> None:
    (starter.path / "conf/test").mkdir()
    assert starter.command("pipeline", "create", "features", "--env", "test").status == 0
    assert (starter.path / "conf/test/parameters_features.yml").is_file()
    for env in ("tset", "../base"):
        said = starter.command("pipeline", "create", "other", "--env", env)
        assert said.status == 2
        assert f"There is no environment '{env}'" in said.err


def test_pipeline_delete_names_what_goes_and_asks(starter: ShopProject) -> None:
    before = names_in(starter.path)
    starter.command("pipeline", "create", "features")
    with_it = names_in(starter.path)

    for answer in ("n\n", "\n", ""):
        said = starter.command("pipeline", "delete", "features", given=answer)
        assert said.status == 1
        assert "Nothing was deleted." in said.out
        assert names_in(starter.path) == with_it

    said = starter.command("pipeline", "delete", "features", given="y\n")
    assert said.status == 0, said.text
    for file in ("src/corner_shop/pipelines/features/", "conf/base/parameters_features.yml"):
        assert f"  {file}" in said.out
    assert names_in(starter.path) == sorted([*before, "tests/pipelines"])

    said = starter.command("pipeline", "delete", "features", "--yes")
    assert said.status == 2
    assert "There is no folder src/corner_shop/pipelines/features." in said.err
    assert (starter.path / "src/corner_shop/pipelines/clean").is_dir()
    assert "Did you mean 'clean'?" in starter.command("pipeline", "delete", "clen", "-y").err
