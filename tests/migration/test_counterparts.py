"""What a project may import from Kedro 0.18 it may import from us, with the same arguments."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable
from contextvars import copy_context
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from migration import migrated_text
from public_names import EXPORTS, NAMES

#: What is made or called in another way, and why.
OTHERWISE = {
    "kedro.framework.session.session.KedroSession": "projects call KedroSession.create()",
}

NAMED = [
    (module, name, told)
    for module, names in NAMES.items()
    for name, told in names.items()
    if f"{module}.{name}" not in OTHERWISE
]
SPELT_OTHERWISE = [
    (module, name.replace("Dataset", "DataSet"), told)
    for module, name, told in NAMED
    if module.startswith("kedro.io") and "Dataset" in name
]
EXPORTED = [(module, name, None) for module, names in EXPORTS.items() for name in names]


@cache
def modules_after_renames() -> dict[str, str]:
    known = [*NAMES, *EXPORTS]
    lines = migrated_text("".join(f"from {module} import x\n" for module in known)).splitlines()
    return {module: line.split()[1] for module, line in zip(known, lines, strict=True)}


def counterpart(module: str, name: str) -> Any:
    outer, *inner = name.split(".")
    found = getattr(import_module(modules_after_renames()[module]), outer)
    for part in inner:
        found = inspect.getattr_static(found, part)
    return found


def arguments_of(found: Any, *, is_method: bool) -> list[inspect.Parameter]:
    is_bound = isinstance(found, classmethod)
    function = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
    arguments = list(inspect.signature(function).parameters.values())
    return arguments[1:] if is_method or is_bound else arguments


def problems(found: Any, told: str, *, is_method: bool = False) -> list[str]:
    """Return which arguments of ``told`` cannot be given to ``found``."""
    arguments = arguments_of(found, is_method=is_method)
    kinds = {argument.kind for argument in arguments}
    positional = [a for a in arguments if a.kind is a.POSITIONAL_OR_KEYWORD]
    by_name = {a.name: a for a in arguments}
    names = told.split()
    wrong, place, by_name_only = [], 0, False
    for written in names:
        name = written.rstrip("=")
        if written == "*":
            by_name_only = True
        elif written.startswith("*"):
            kind = inspect.Parameter.VAR_KEYWORD if written[1] == "*" else None
            if (kind or inspect.Parameter.VAR_POSITIONAL) not in kinds:
                wrong.append(f"{written} is not taken")
        elif name not in by_name:
            wrong.append(f"{name} is not taken")
        else:
            if written.endswith("=") and by_name[name].default is inspect.Parameter.empty:
                wrong.append(f"{name} must be given")
            if not by_name_only and (place >= len(positional) or positional[place].name != name):
                wrong.append(f"{name} is not in place {place}")
        place += not by_name_only
    known = {written.strip("*=") for written in names}
    wrong += [
        f"{a.name} is ours and must be given"
        for a in arguments
        if a.name not in known
        and a.default is a.empty
        and a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD)
    ]
    return wrong


@pytest.mark.parametrize(("module", "name", "told"), [*NAMED, *SPELT_OTHERWISE, *EXPORTED])
def test_has_a_counterpart(module: str, name: str, told: str | None) -> None:
    found = counterpart(module, name)
    if told is None:
        assert found is not None
    elif told == "property":
        assert not inspect.isfunction(found)
    else:
        assert problems(found, told, is_method="." in name and inspect.isfunction(found)) == []


def test_problems_are_found() -> None:
    def ours(a: int, c: int, b: int = 1, *, d: int) -> None: ...

    assert problems(ours, "a b= c= * d e=") == [
        "b is not in place 1",
        "c must be given",
        "c is not in place 2",
        "e is not taken",
    ]
    assert problems(ours, "a c b=") == ["d is ours and must be given"]
    assert problems(ours, "a c b= * d **more") == ["**more is not taken"]


# Errors and results


def same(data: Any) -> Any:
    return data


def of(module: str, name: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call what has the name in Kedro."""
    return counterpart(f"kedro.{module}", name)(*args, **kwargs)


def node(*args: Any, **kwargs: Any) -> Any:
    return of("pipeline", "node", *args, **kwargs)


def pipe(*nodes: Any, **kwargs: Any) -> Any:
    return of("pipeline", "pipeline", list(nodes), **kwargs)


def added_twice() -> None:
    catalog = of("io", "DataCatalog", feed_dict={"a": 1})
    catalog.add("a", of("io", "MemoryDataset", 2))


def run(pipeline: Any, **feed: Any) -> Any:
    catalog = of("io", "DataCatalog", feed_dict=feed)
    return of("runner", "SequentialRunner").run(pipeline, catalog)


def loader(folder: str = "conf", **kwargs: Any) -> Any:
    return of("config", "ConfigLoader", folder, **kwargs)


ERRORS: dict[str, tuple[Callable[[], Any], str]] = {
    "no such data set": (
        lambda: of("io", "DataCatalog").load("a"),
        "io.core.DatasetNotFoundError",
    ),
    "added twice": (added_twice, "io.core.DatasetAlreadyExistsError"),
    "nothing in memory": (lambda: of("io", "MemoryDataset").load(), "io.core.DatasetError"),
    "None saved": (lambda: of("io", "MemoryDataset").save(None), "io.core.DatasetError"),
    "no load": (lambda: of("io", "LambdaDataset", None, None).load(), "io.core.DatasetError"),
    "no function": (lambda: of("io", "LambdaDataset", 1, None), "io.core.DatasetError"),
    "no such type": (
        lambda: of("io", "DataCatalog").from_config({"a": {"type": "nothing.DataSet"}}),
        "io.core.DatasetError",
    ),
    "no type": (
        lambda: of("io.core", "parse_dataset_definition", {"filepath": "a"}),
        "io.core.DatasetError",
    ),
    "characters": (
        lambda: of("io.core", "validate_on_forbidden_chars", table="a b"),
        "io.core.DatasetError",
    ),
    "arguments of a function": (lambda: node(same, ["a", "b"], "c"), "TypeError"),
    "no names": (lambda: node(same, None, None), "ValueError"),
    "itself": (lambda: node(same, "a", "a"), "ValueError"),
    "two write": (
        lambda: pipe(node(same, "a", "b", name="x"), node(same, "c", "b", name="y")),
        "pipeline.pipeline.OutputNotUniqueError",
    ),
    "two confirm": (
        lambda: pipe(
            node(same, "a", "b", name="x", confirms="a"),
            node(same, "a", "c", name="y", confirms="a"),
        ),
        "pipeline.pipeline.ConfirmNotUniqueError",
    ),
    "a circle": (
        lambda: pipe(node(same, "a", "b", name="x"), node(same, "b", "a", name="y")),
        "pipeline.pipeline.CircularDependencyError",
    ),
    "no such input": (
        lambda: pipe(node(same, "a", "b"), inputs={"c": "d"}),
        "pipeline.modular_pipeline.ModularPipelineError",
    ),
    "no such node": (lambda: pipe(node(same, "a", "b")).only_nodes("c"), "ValueError"),
    "no such tag": (lambda: pipe(node(same, "a", "b")).filter(tags=["c"]), "ValueError"),
    "no input": (lambda: run(pipe(node(same, "a", "b"))), "ValueError"),
    "no such kind": (
        lambda: loader()["nothing"],
        "config.abstract_config.MissingConfigException",
    ),
    "no such folder": (
        lambda: loader("nowhere"),
        "config.abstract_config.MissingConfigException",
    ),
    "no such object": (lambda: of("utils", "load_obj", "json.nothing"), "AttributeError"),
}


@pytest.mark.parametrize("what", ERRORS)
def test_error_is_of_the_same_kind(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    call, kind = ERRORS[what]
    module, _, name = kind.rpartition(".")
    expected = counterpart(f"kedro.{module}", name) if module else getattr(builtins, name)
    with pytest.raises(expected):
        call()


def test_results_are_the_same() -> None:
    double = node(lambda x: 2 * x, "x", "y", name="double", tags="t", namespace="n")
    assert (double.name, double.short_name, double.namespace) == ("n.double", "double", "n")
    assert (double.inputs, double.outputs, double.confirms) == (["x"], ["y"], [])
    assert double.run({"x": 2}) == {"y": 4}
    whole = pipe(double, node(same, "y", "z", name="s"))
    assert [each.name for each in whole.nodes] == ["n.double", "s"]
    assert (whole.inputs(), whole.outputs(), whole.data_sets()) == ({"x"}, {"z"}, {"x", "y", "z"})
    assert [[each.name for each in layer] for layer in whole.grouped_nodes] == [["n.double"], ["s"]]
    assert run(whole, x=3) == {"z": 6}
    cls, options = of(
        "io.core",
        "parse_dataset_definition",
        {"type": "pickle.PickleDataSet", "versioned": True},
        "2024",
        "2025",
    )
    assert (cls.__name__, options) == ("PickleDataSet", {"version": ("2024", "2025")})
    assert of("utils", "load_obj", "loads", "json")("[1]") == [1]


def test_project_is_known_by_what_kedro_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = (
        '[tool.sparkpipe]\npackage_name = "p"\nproject_name = "P"\nkedro_init_version = "0.18.9"\n'
    )
    (tmp_path / "pyproject.toml").write_text(table)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = copy_context().run(of, "framework.startup", "bootstrap_project", tmp_path)
    assert (known.project_path, known.source_dir) == (tmp_path, tmp_path)
    assert (known.package_name, known.project_name) == ("p", "P")
    assert known.config_file == tmp_path / "pyproject.toml"
    assert known.project_version == known.kedro_init_version == "0.18.9"


def test_settings_say_where_configuration_lies_if_settings_py_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = '[tool.sparkpipe]\npackage_name = "a_package_without_settings"\n'
    for line, expected in (("", "conf"), ('conf_source = "etc/conf"\n', "etc/conf")):
        (tmp_path / "pyproject.toml").write_text(table + line)
        assert expected == counterpart("kedro.framework.project", "settings").CONF_SOURCE


def test_run_command_is_for_the_project_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project's ``__main__`` names it, and may be called from any folder."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    package = project / "src" / "project_of_main_tests"
    package.mkdir(parents=True)
    (project / "conf" / "base").mkdir(parents=True)
    (project / "pyproject.toml").write_text(f'[tool.sparkpipe]\npackage_name = "{package.name}"\n')
    (package / "__init__.py").touch()
    (package / "pipelines" / "seven").mkdir(parents=True)
    (package / "pipelines" / "seven" / "__init__.py").write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "def create_pipeline():\n"
        "    return pipeline([node(lambda: 7, None, 'seven', name='n')])\n"
    )
    monkeypatch.chdir(elsewhere)

    def called() -> Result:
        of("framework.startup", "bootstrap_project", project)
        assert [*of("framework.project", "find_pipelines")] == ["__default__", "seven"]
        return CliRunner().invoke(
            counterpart("kedro.framework.cli.project", "run"), ["--nodes", "n"]
        )

    result = copy_context().run(called)
    assert result.exit_code == 0, result.output
    assert "seven" in result.output
    assert [*elsewhere.iterdir()] == []


def test_commands_of_a_project_are_made_with_what_kedro_has() -> None:
    group = click.Group()

    @of("framework.cli.utils", "command_with_verbosity", group, "hello")
    @of("framework.cli.utils", "env_option")
    @click.option("--names", callback=counterpart("kedro.framework.cli.utils", "split_string"))
    def hello(env: str, names: list[str]) -> None:
        if env == "bad":
            raise of("framework.cli.utils", "KedroCliError", "No such environment.")
        if env == "broken":
            raise ZeroDivisionError("by zero")
        click.echo(f"{names} in {env}")

    def called(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(group, ["hello", *args])
        return result.exit_code, result.output

    assert called("--env", "prod", "--names", "a, b") == (0, "['a', 'b'] in prod\n")
    assert called("--env", "bad", "--names", "a") == (1, "Error: No such environment.\n")
    status, told = called("--env", "broken", "--names", "a")
    assert status == 1
    assert "ZeroDivisionError" in told
    assert "Traceback" not in told
    assert "Traceback" in called("--env", "broken", "--names", "a", "--verbose")[1]
    assert of("framework.cli.utils", "load_entry_points", "project") == []


def test_metadata_of_a_project_has_the_fields_of_kedro(tmp_path: Path) -> None:
    from sparkpipe.framework.startup import ProjectMetadata, bootstrap_project
    from sparkpipe.project import find_project

    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.sparkpipe]\npackage_name = "p"\nproject_version = "0.18.14"\n')
    made = ProjectMetadata(
        config_file=file,
        package_name="p",
        project_name="P",
        project_path=tmp_path,
        project_version="0.18.14",
        source_dir=tmp_path / "src",
        kedro_init_version="0.18.14",
    )
    assert (made.config_file, made.project_path, made.project_name) == (file, tmp_path, "P")
    assert made.kedro_init_version == made.project_version == "0.18.14"
    found = copy_context().run(bootstrap_project, tmp_path)
    assert isinstance(found, ProjectMetadata)
    assert found.source_dir == find_project(tmp_path).source_dir
    assert find_project(made) is made
