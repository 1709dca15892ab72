"""A project: how it is found, and what it defines, also when part of that is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from sparkpipe.errors import ConfigError, ProjectNotFoundError
from sparkpipe.project import find_pipelines, find_project, load_pipelines

TABLE = '[tool.sparkpipe]\npackage_name = "shop_under_test"\n'
GOOD = """
    from sparkpipe.pipeline import Pipeline, node
    def create_pipeline(**kwargs):
        return Pipeline([node(len, "{0}_in", "{0}_out", name="{0}")])
"""

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a file of a project; what was imported from it is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write_file(path: str, text: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    yield write_file
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop_under_test"]:
        del sys.modules[name]


@pytest.fixture
def shop(write: Write) -> Write:
    """A project with a package and nothing in it."""
    write("pyproject.toml", TABLE)
    write("shop_under_test/__init__.py", "")
    return write


def pipelines(folder: Path) -> tuple[dict[str, list[str]], list[str]]:
    found, problems = load_pipelines(find_project(folder))
    return {name: [n.name for n in pipe.nodes] for name, pipe in found.items()}, problems


# Finding the project


def test_project_is_found_from_a_folder_below(write: Write, tmp_path: Path) -> None:
    write("pyproject.toml", TABLE)
    write("a/b/c.txt", "")
    write("a/pyproject.toml", "[tool.other]\n")
    project = find_project(tmp_path / "a" / "b")
    assert project.path == tmp_path.resolve()
    assert project.package_name == "shop_under_test"
    assert project.source_dir == tmp_path.resolve()
    assert project.conf_source == (tmp_path / "conf").resolve()


def test_project_is_that_of_the_working_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("pyproject.toml", TABLE)
    monkeypatch.chdir(tmp_path)
    assert find_project().path == tmp_path.resolve()


def test_package_lies_in_src_if_there_is_one(write: Write, tmp_path: Path) -> None:
    write("pyproject.toml", TABLE)
    write("src/shop_under_test/__init__.py", "")
    write("src/shop_under_test/pipelines/clean/__init__.py", GOOD.format("clean"))
    assert find_project(tmp_path).source_dir == (tmp_path / "src").resolve()
    assert pipelines(tmp_path)[0]["clean"] == ["clean"]


def test_folders_may_be_given(write: Write, tmp_path: Path) -> None:
    write("pyproject.toml", TABLE + 'source_dir = "python"\nconf_source = "settings"\n')
    project = find_project(tmp_path)
    assert project.source_dir == (tmp_path / "python").resolve()
    assert project.conf_source == (tmp_path / "settings").resolve()


@pytest.mark.parametrize("text", [None, "", "[project]\nname = 'x'\n", "[tool.kedro]\nx = 1\n"])
def test_no_project_is_told_with_what_to_write(
    write: Write, tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        write("pyproject.toml", text)
    with pytest.raises(ProjectNotFoundError) as error:
        find_project(tmp_path)
    assert f"no sparkpipe project in {tmp_path.resolve()} or above" in str(error.value)
    assert "[tool.sparkpipe]" in str(error.value)


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFoundError, match="There is no folder"):
        find_project(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.sparkpipe\n", "is not TOML that can be read"),
        ("a = 1\na = 2\n", "is not TOML that can be read"),
        ("[tool.sparkpipe]\npackage_nam = 'x'\n", "Did you mean 'package_name'?"),
        ("[tool.sparkpipe]\ncolour = 'x'\n", "Keys: package_name,"),
        ("[tool.sparkpipe]\n", "package_name is ''"),
        ("[tool.sparkpipe]\npackage_name = ''\n", "'package_name' must be a string"),
        ("[tool.sparkpipe]\npackage_name = 3\n", "'package_name' must be a string"),
        ("[tool.sparkpipe]\npackage_name = 'my-package'\n", "package_name is 'my-package'"),
        ("[tool.sparkpipe]\npackage_name = '../up'\n", "package_name is '../up'"),
        ("[tool.sparkpipe]\npackage_name = 'a..b'\n", "package_name is 'a..b'"),
        ("[tool.sparkpipe]\npackage_name = 'a'\nsource_dir = ['b']\n", "'source_dir' must be"),
    ],
)
def test_impossible_table_is_told_with_its_file(
    write: Write, tmp_path: Path, text: str, told: str
) -> None:
    write("pyproject.toml", text)
    with pytest.raises(ConfigError) as error:
        find_project(tmp_path)
    assert not isinstance(error.value, ProjectNotFoundError)
    assert str(tmp_path.resolve() / "pyproject.toml") in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\nsparkpipe = 3\n"])
def test_table_that_is_no_table_is_told(write: Write, tmp_path: Path, text: str) -> None:
    write("pyproject.toml", text)
    with pytest.raises(ConfigError):
        find_project(tmp_path)


def test_file_in_another_encoding_is_told(write: Write, tmp_path: Path) -> None:
    write("pyproject.toml", "").write_bytes(b"# \xff\n")
    with pytest.raises(ConfigError, match="is not TOML"):
        find_project(tmp_path)


# Pipelines


def test_pipelines_are_found_without_a_registry(shop: Write, tmp_path: Path) -> None:
    shop("shop_under_test/pipelines/clean/__init__.py", GOOD.format("clean"))
    shop("shop_under_test/pipelines/model/__init__.py", GOOD.format("model"))
    shop("shop_under_test/pipelines/helpers.py", "1 / 0")
    shop("shop_under_test/pipelines/empty/__init__.py", "")
    shop("shop_under_test/pipeline.py", GOOD.format("single"))
    found, problems = pipelines(tmp_path)
    assert problems == []
    assert found == {
        "__default__": ["clean", "model", "single"],
        "clean": ["clean"],
        "model": ["model"],
    }


def test_project_without_pipelines_has_an_empty_default(shop: Write, tmp_path: Path) -> None:
    assert pipelines(tmp_path) == ({"__default__": []}, [])


def test_registry_is_asked(shop: Write, tmp_path: Path) -> None:
    shop("shop_under_test/pipelines/clean/__init__.py", GOOD.format("clean"))
    shop(
        "shop_under_test/pipeline_registry.py",
        """
        from sparkpipe.project import find_pipelines
        from sparkpipe.pipeline import Pipeline
        def register_pipelines():
            found = find_pipelines()
            return {"again": found["clean"], "nothing": sum([]), **found}
        """,
    )
    found, problems = pipelines(tmp_path)
    assert problems == []
    assert found == {
        "again": ["clean"],
        "nothing": [],
        "__default__": ["clean"],
        "clean": ["clean"],
    }


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("1 / 0\n", ["raised ZeroDivisionError: division by zero", "__init__.py:1"]),
        ("import nothing_of_this_name\n", ["no module 'nothing_of_this_name'", "__init__.py:1"]),
        ("def create_pipeline(:\n", ["SyntaxError", "__init__.py:1"]),
        ("def create_pipeline():\n    return 3\n", ["must return a Pipeline, not int"]),
        ("def create_pipeline():\n    return None\n", ["must return a Pipeline, not NoneType"]),
        (
            "def create_pipeline():\n    raise KeyError('x')\n",
            ["create_pipeline() raised KeyError", "__init__.py:2"],
        ),
        (
            "from sparkpipe.pipeline import Pipeline, node\n"
            "def create_pipeline():\n    return Pipeline([node(len, 'a', 'a')])\n",
            ["Node 'len' has a both as input and as output"],
        ),
        (
            "from sparkpipe.pipeline import Pipeline, node\n"
            "def f(x, y): pass\n"
            "def create_pipeline():\n    return Pipeline([node(f, 'a', 'b')])\n",
            ["Node 'f': the function f(x, y) does not take the inputs [a]"],
        ),
    ],
)
@pytest.mark.parametrize("registry", [False, True])
def test_broken_pipeline_is_told_and_the_others_are_found(
    shop: Write, tmp_path: Path, broken: str, told: list[str], registry: bool
) -> None:
    shop("shop_under_test/pipelines/broken/__init__.py", broken)
    shop("shop_under_test/pipelines/clean/__init__.py", GOOD.format("clean"))
    shop("shop_under_test/pipelines/tidy/__init__.py", GOOD.format("tidy"))
    if registry:
        shop(
            "shop_under_test/pipeline_registry.py",
            """
            from sparkpipe.project import find_pipelines
            def register_pipelines():
                return find_pipelines()
            """,
        )
    found, problems = pipelines(tmp_path)
    assert found["clean"] == ["clean"]
    assert found["tidy"] == ["tidy"]
    assert len(problems) == 1
    for part in told:
        assert part in problems[0]


def test_broken_single_pipeline_is_told_and_the_others_are_found(
    shop: Write, tmp_path: Path
) -> None:
    shop("shop_under_test/pipeline.py", "1 / 0\n")
    shop("shop_under_test/pipelines/clean/__init__.py", GOOD.format("clean"))
    found, problems = pipelines(tmp_path)
    assert found == {"__default__": ["clean"], "clean": ["clean"]}
    assert len(problems) == 1
    assert "raised ZeroDivisionError" in problems[0]


def test_broken_folder_of_pipelines_is_told(shop: Write, tmp_path: Path) -> None:
    shop("shop_under_test/pipeline.py", GOOD.format("single"))
    shop("shop_under_test/pipelines/__init__.py", "import nothing_of_this_name\n")
    found, problems = pipelines(tmp_path)
    assert found == {"__default__": ["single"]}
    assert "no module 'nothing_of_this_name'" in problems[0]


def test_pipeline_that_ends_the_program_is_told(shop: Write, tmp_path: Path) -> None:
    shop("shop_under_test/pipelines/one/__init__.py", "raise SystemExit(3)\n")
    shop(
        "shop_under_test/pipelines/two/__init__.py",
        "def create_pipeline():\n    raise SystemExit(3)\n",
    )
    _, problems = pipelines(tmp_path)
    assert ["raised SystemExit: 3" in problem for problem in problems] == [True, True]


def test_module_without_a_pipeline_is_warned_of(
    shop: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop("shop_under_test/pipeline.py", "")
    shop("shop_under_test/pipelines/forgotten/__init__.py", "")
    shop("shop_under_test/pipelines/forgotten/pipeline.py", GOOD.format("forgotten"))
    shop("shop_under_test/pipelines/no_package/pipeline.py", GOOD.format("no_package"))
    shop("shop_under_test/pipelines/.hidden/pipeline.py", GOOD.format("hidden"))
    shop("shop_under_test/pipelines/shared/__init__.py", "")
    found, problems = pipelines(tmp_path)
    assert (found, problems) == ({"__default__": []}, [])
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert "shop_under_test.pipeline has no create_pipeline()" in told[0]
    assert "no_package has no __init__.py" in told[1]
    assert "shop_under_test.pipelines.forgotten has no create_pipeline()" in told[2]
    assert "from .pipeline import create_pipeline" in told[2]


def test_all_broken_pipelines_are_told(shop: Write, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shop(f"shop_under_test/pipelines/{name}/__init__.py", f"raise ValueError('{name}')")
    _, problems = pipelines(tmp_path)
    assert ["ValueError: one" in problems[0], "ValueError: two" in problems[1]] == [True, True]


@pytest.mark.parametrize(
    ("registry", "told"),
    [
        ("", "has no function 'register_pipelines'"),
        ("def register_pipelines():\n    return [1]\n", "must return a dictionary"),
        ("def register_pipelines():\n    return None\n", "not NoneType"),
        ("def register_pipelines():\n    return {'x': [1]}\n", "'x' must be a Pipeline, not list"),
        ("def register_pipelines():\n    return {'x': None}\n", "'x' must be a Pipeline"),
        ("def register_pipelines():\n    return {'x': False}\n", "'x' must be a Pipeline"),
        ("def register_pipelines():\n    return {3: sum([])}\n", "names of pipelines"),
        ("def register_pipelines():\n    return 1 / 0\n", "register_pipelines() raised ZeroDiv"),
        ("def register_pipelines():\n    return 1 / 0\n", "pipeline_registry.py:2"),
        ("def register_pipelines(x):\n    return {}\n", "register_pipelines() raised TypeError"),
        ("import nothing_of_this_name\n", "no module 'nothing_of_this_name'"),
        ("raise RuntimeError('early')\n", "raised RuntimeError: early"),
        ("x = (\n", "SyntaxError"),
    ],
)
def test_broken_registry_is_one_problem(
    shop: Write, tmp_path: Path, registry: str, told: str
) -> None:
    shop("shop_under_test/pipeline_registry.py", registry)
    found, problems = pipelines(tmp_path)
    assert found == {}
    assert len(problems) == 1
    assert told in problems[0]


def test_package_that_is_not_there_is_told(write: Write, tmp_path: Path) -> None:
    write("pyproject.toml", TABLE)
    found, problems = pipelines(tmp_path)
    assert found == {}
    assert "'shop_under_test' was not found" in problems[0]
    assert "package_name and source_dir" in problems[0]


def test_finding_pipelines_needs_a_project() -> None:
    with pytest.raises(ConfigError, match=r"only within register_pipelines\(\)"):
        find_pipelines()


def test_pipelines_that_do_not_add_up_are_told(shop: Write, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shop(
            f"shop_under_test/pipelines/{name}/__init__.py",
            "from sparkpipe.pipeline import Pipeline, node\n"
            "def create_pipeline():\n"
            f"    return Pipeline([node(len, 'in', 'out', name='{name}')])\n",
        )
    _, problems = pipelines(tmp_path)
    assert len(problems) == 1
    assert "Two nodes write 'out'" in problems[0]


def test_importing_a_project_twice_adds_its_folder_once(shop: Write, tmp_path: Path) -> None:
    for _ in range(2):
        load_pipelines(find_project(tmp_path))
    assert sys.path.count(str(tmp_path.resolve())) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = " + "[" * 50_000 + "]" * 50_000, "nested too deeply"),
        ("x = " + "9" * 5000, "is not TOML that can be read"),
        ('[tool.sparkpipe]\npackage_name = "p"\nconf_source = "a\\u0000b"\n', "leads nowhere"),
        ('[tool.sparkpipe]\npackage_name = "p"\nsource_dir = "loop"\n', "leads nowhere"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
def test_an_odd_pyproject_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "loop").symlink_to("loop")
    if "loop" in text and sys.version_info >= (3, 13):
        pytest.skip("such a link is no error there until it is read")
    with pytest.raises(ConfigError, match=told):
        find_project(tmp_path)
