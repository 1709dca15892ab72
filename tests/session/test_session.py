"""A session: project, configuration, catalog and hooks become one run."""

from __future__ import annotations

import datetime
import gc
import itertools
import json
import logging
import shutil
import sys
import tarfile
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from sparkpipe.config import MissingConfigError, parse_params
from sparkpipe.errors import (
    ConfigError,
    PreflightError,
    ProjectNotFoundError,
    RunFailedError,
)
from sparkpipe.hooks import hook_impl
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import ParallelRunner, SequentialRunner, ThreadRunner
from sparkpipe.session import Selection, Session, load_runner
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_number = itertools.count()

REGISTRY = """
from sparkpipe.pipeline import node, pipeline
from sparkpipe.spark.session import get_spark


def scale(x, factor):
    return x * factor


def describe(x, parameters):
    return f"{x} of {sorted(parameters)}"


def boom(x):
    raise ValueError("the barrel is empty")


def which_spark(x):
    return id(get_spark())


def register_pipelines():
    return {
        "__default__": pipeline([
            node(scale, ["source", "params:model.factor"], "scaled", tags="first"),
            node(describe, ["scaled", "parameters"], "told", tags="second"),
        ]),
        "scaling": pipeline([node(scale, ["source", "params:model.factor"], "scaled")]),
        "broken": pipeline([node(boom, "source", "never")]),
        "sum": pipeline([node(int.__add__, ["source", "params:limit"], "sum", name="sum")]),
        "spark": pipeline([node(which_spark, "source", "identity")]),
    }
"""

MakeSession = Callable[..., Session]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose package has a name that no other test has imported."""
    package = f"session_project_{next(_number)}"
    files = {
        "pyproject.toml": f'[tool.sparkpipe]\npackage_name = "{package}"\n',
        f"{package}/__init__.py": "",
        f"{package}/pipeline_registry.py": REGISTRY,
        "conf/base/catalog.yml": (
            "source:\n  type: json.JSONDataSet\n  filepath: data/source.json\n"
            "scaled:\n  type: pickle.PickleDataSet\n  filepath: data/out/scaled.pkl\n"
        ),
        "conf/base/parameters.yml": "model:\n  factor: 2\n  depth: 3\nlimit: 10\n",
        "conf/local/.keep": "",
        "conf/prod/parameters.yml": "model:\n  factor: 100\n",
        "data/source.json": "21",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    @hook_impl
    def after_catalog_created(self, catalog: Any, save_version: str) -> None:
        self.lines.append(f"catalog {sorted(n for n in catalog if ':' not in n)}")

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any) -> None:
        self.lines.append(f"before {len(pipeline)} by {run_params['runner']}")

    @hook_impl
    def after_pipeline_run(self, run_result: dict[str, Any]) -> None:
        self.lines.append(f"after {sorted(run_result)}")

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        self.lines.append(f"error {type(error).__name__}")


# Running


def test_a_run_gives_the_outputs_that_the_catalog_does_not_hold(project: Path) -> None:
    session = Session(project)
    assert session.run() == {"told": "42 of ['limit', 'model']"}
    assert session.catalog.load("scaled") == 42
    assert (project / "data" / "out" / "scaled.pkl").exists()


def test_paths_are_of_the_project_wherever_it_is_started(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    Session(project).run()
    assert (project / "data" / "out" / "scaled.pkl").exists()
    assert list(elsewhere.iterdir()) == []


def test_a_session_is_found_from_a_folder_inside(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "conf" / "base")
    assert Session().project.path == project


@pytest.mark.parametrize(
    "runner",
    [None, "SequentialRunner", "ThreadRunner", "sparkpipe.runner.ThreadRunner", ThreadRunner()],
)
def test_runners_by_name_path_and_object(project: Path, runner: Any) -> None:
    assert Session(project).run(runner=runner) == {"told": "42 of ['limit', 'model']"}


def test_it_runs_in_processes(project: Path) -> None:
    outputs = Session(project).run(runner=ParallelRunner(max_workers=1))
    assert outputs == {"told": "42 of ['limit', 'model']"}


def test_a_dry_run_returns_nothing_and_makes_nothing(project: Path) -> None:
    assert Session(project).run(runner="DryRunner") == {}
    assert not (project / "data" / "out").exists()


def test_async_goes_to_a_runner_given_by_name(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="sparkpipe"):
        Session(project).run(is_async=True)
        Session(project).run(runner="ThreadRunner", is_async=True)
    assert caplog.messages.count("Asynchronous mode is enabled for loading and saving data") == 1
    assert [r.levelname for r in caplog.records if "does not support" in r.getMessage()] == [
        "WARNING"
    ]


def test_a_part_of_a_pipeline(project: Path) -> None:
    session = Session(project)
    assert session.run(tags=["first"]) == {}
    assert session.run(from_nodes=["describe"]) == {"told": "42 of ['limit', 'model']"}
    assert session.run(to_outputs=["scaled"]) == {}
    assert session.run(node_names=["describe"], inputs={"scaled": 7})["told"].startswith("7 of")


def test_inputs_given_replace_those_of_the_catalog(project: Path) -> None:
    assert Session(project).run(inputs={"source": 1, "scaled": 0})["told"].startswith("2 of")
    assert (project / "data" / "source.json").read_text() == "21"


# Parameters and environments


def test_parameters_of_the_environment_and_of_the_run_are_on_top(project: Path) -> None:
    assert Session(project).params["model"] == {"factor": 2, "depth": 3}
    prod = Session(project, env="prod")
    assert prod.params["model"]["factor"] == 100
    assert prod.run()["told"].startswith("2100 of")
    mine = Session(project, env="prod", extra_params={"model": {"factor": 1}})
    assert mine.params["model"]["factor"] == 1
    assert mine.run()["told"].startswith("21 of")


def test_the_whole_and_each_group_and_value_can_be_read(project: Path) -> None:
    catalog = Session(project).catalog
    assert catalog.load("params:model.factor") == 2
    assert catalog.load("params:model")["factor"] == 2
    assert catalog.load("parameters")["limit"] == 10


def test_a_parameter_that_nothing_reads_is_refused(project: Path) -> None:
    session = Session(project, extra_params={"model": {"fctor": 5}})
    with pytest.raises(PreflightError, match=r"'model\.fctor'\. Did you mean 'model\.factor'\?"):
        session.run("scaling")
    assert Session(project, extra_params={"model": {"factor": 5}}).run("scaling") == {}


def test_a_run_has_parameters_of_its_own_on_top_of_the_sessions(project: Path) -> None:
    (project / "conf/base/catalog.yml").write_text(
        "source: {type: json.JSONDataSet, filepath: data/source.json}\n"
        "scaled: {type: json.JSONDataSet, filepath: 'data/${runtime_params:day}/scaled.json'}\n"
    )
    (project / "conf/base/parameters.yml").write_text(
        "model: {factor: 2, depth: 3}\nlimit: 10\nday: 2024-01-01\n"
    )
    seen = Contexts()
    session = Session(project, extra_params={"model": {"factor": 3}}, hooks=[seen])

    assert session.run(params={"limit": 5}) == {"told": "63 of ['day', 'limit', 'model']"}
    prepared = session.prepare(params={"model": {"depth": 1}, "day": "2024-03-02"})
    assert prepared.run_params["extra_params"] == {
        "model": {"factor": 3, "depth": 1},
        "day": datetime.date(2024, 3, 2),
    }
    assert prepared.run() == {"told": "63 of ['day', 'limit', 'model']"}

    assert session.params["model"] == {"factor": 3, "depth": 3}
    assert session.extra_params == {"model": {"factor": 3}}
    assert [context.params["limit"] for context in seen.seen] == [5, 10, 10]
    found = sorted(path.parent.name for path in project.glob("data/*/scaled.json"))
    assert found == ["2024-01-01", "2024-03-02"]
    with pytest.raises(PreflightError, match=r"'model\.fctor'\. Did you mean 'model\.factor'\?"):
        session.run("scaling", params={"model": {"fctor": 5}})
    with pytest.raises(ConfigError, match=r"'day' must be a date, as in .*base/parameters\.yml:3"):
        session.run(params={"day": "tomorrow"})


def test_sessions_of_other_parameters_share_spark_and_hooks(project: Path) -> None:
    session = Session(project, spark=lambda: pytest.fail("not needed"))
    with session.with_params(parse_params("model.factor:7")) as other:
        assert other.run() == {"told": "147 of ['limit', 'model']"}
        assert other.spark is session.spark
        assert other.hook_manager is session.hook_manager
        assert other.with_params({"limit": 1}).params == {
            "model": {"factor": 7, "depth": 3},
            "limit": 1,
        }
    assert session.run() == {"told": "42 of ['limit', 'model']"}


def test_runs_with_parameters_may_be_at_the_same_time(project: Path) -> None:
    session = Session(project)
    with ThreadPoolExecutor(8) as pool:
        runs = pool.map(lambda n: session.run("sum", params={"limit": n}), range(40))
        assert [run["sum"] for run in runs] == [21 + n for n in range(40)]


def test_parameters_have_the_types_of_the_environment(project: Path) -> None:
    (project / "conf/base/parameters.yml").write_text("day: 2024-01-01\nlabel: '1'\n")
    (project / "conf/prod/parameters.yml").write_text("day: '2024-01-01'\n")
    given = parse_params("day:2024-03-02,label:1.10")
    of_base = Session(project, extra_params=given)
    assert of_base.params == {"day": datetime.date(2024, 3, 2), "label": "1.10"}
    assert of_base.extra_params == of_base.params
    assert Session(project, env="prod", extra_params=given).params["day"] == "2024-03-02"
    (settings,) = project.glob("session_project_*")
    (settings / "settings.py").write_text(
        "from sparkpipe.config import TemplatedConfigLoader as CONFIG_LOADER_CLASS\n"
    )
    templated = Session(project, extra_params=given)
    assert templated.params == {"day": datetime.date(2024, 3, 2), "label": "1.10"}
    with pytest.raises(ConfigError, match="'day' must be a date"):
        Session(project, extra_params={"day": "x"})


def test_another_folder_of_configuration(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other_conf"
    (project / "conf").rename(other)
    assert Session(project, conf_source=other).run()["told"].startswith("42")


# Hooks


def test_hooks_tell_the_life_of_a_run(project: Path) -> None:
    log = Log()
    Session(project, hooks=[log]).run(runner="ThreadRunner")
    assert log.lines == [
        "catalog ['parameters', 'scaled', 'source']",
        "before 2 by ThreadRunner",
        "after ['told']",
    ]


def test_hooks_are_told_of_a_failure(project: Path) -> None:
    log = Log()
    with pytest.raises(RunFailedError, match="the barrel is empty"):
        Session(project, hooks=[log]).run("broken")
    assert log.lines[1:] == ["before 1 by SequentialRunner", "error RunFailedError"]


def test_a_run_that_is_refused_has_not_begun(project: Path) -> None:
    log = Log()
    (project / "data" / "source.json").unlink()
    with pytest.raises(PreflightError):
        Session(project, hooks=[log]).run()
    assert log.lines == ["catalog ['parameters', 'scaled', 'source']"]


# What is refused


def test_all_that_is_wrong_is_told_at_once(project: Path) -> None:
    (project / "data" / "source.json").unlink()
    (project / "conf/base/parameters.yml").write_text("limit: 10\n")
    with (project / "conf/base/catalog.yml").open("a") as file:
        file.write("told:\n  type: spark.SparkDataSet\n  filepath: t\n  file_format: parqet\n")
    with pytest.raises(PreflightError) as caught:
        Session(project).prepare(runner="ThredRunner")
    text = str(caught.value)
    for told in ("'ThredRunner'", "source.json", "'model.factor'", "'parqet'"):
        assert told in text
    assert len(caught.value.problems) == 4


def test_every_file_that_cannot_be_read_is_told(project: Path) -> None:
    for name in ("catalog", "parameters", "credentials"):
        (project / f"conf/base/{name}.yml").write_text("a: [\n")
    for problems in (refused(project).problems, Session(project).check()):
        for name in ("catalog", "parameters", "credentials"):
            assert sum(f"conf/base/{name}.yml:2" in problem for problem in problems) == 1


def refused(project: Path, *arguments: Any) -> PreflightError:
    with pytest.raises(PreflightError) as caught:
        Session(project).prepare(*arguments)
    return caught.value


def register(project: Path, *pipelines: str) -> None:
    (registry,) = project.glob("session_project_*/pipeline_registry.py")
    registry.write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "def register_pipelines():\n"
        f"    return {{{', '.join(pipelines)}}}\n"
    )


def test_broken_pipeline_does_not_hide_what_else_is_wrong(project: Path) -> None:
    register(
        project,
        "'__default__': pipeline([node(len, 'a', 'b', name='n1'), node(len, 'b', 'a', name='n2'), "
        "node(len, 'x', 'twice', name='n3'), node(len, 'source', 'twice', name='n4')])",
        "'other': pipeline([node(len, 'y', 'z')])",
    )
    everywhere = ["n1 -> n2 -> n1", "Two nodes write 'twice'", "The input 'x' of node 'n3'"]

    run = refused(project, Selection(from_nodes=("n5",))).problems
    check = Session(project).check()

    for problems, told in (
        (run, [*everywhere, "No such node in the pipeline: 'n5'"]),
        (check, [*everywhere, "The input 'y' of node 'len'"]),
    ):
        assert len(problems) == len(told), problems
        for part in told:
            assert any(part in problem for problem in problems)


def test_alternatives_that_are_never_run_together_are_no_problem(project: Path) -> None:
    register(
        project,
        "'one': pipeline([node(str, 'source', 'scaled', name='n')])",
        "'two': pipeline([node(abs, 'source', 'scaled', name='n'), node(abs, 'params:limit', 'z')"
        "])",
    )
    assert Session(project, extra_params={"limit": 3}).check() == []


def test_project_that_registers_nothing_is_told(project: Path) -> None:
    register(project)
    assert "There is no pipeline '__default__'. Pipelines: none." in str(refused(project))


def test_check_looks_at_every_pipeline(project: Path) -> None:
    assert Session(project).check() == []
    (project / "data" / "source.json").unlink()
    problems = Session(project).check(runner="ParallelRunner")
    assert len(problems) == 1
    assert "source.json" in problems[0]


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        (Selection("brokn"), "no pipeline 'brokn'. Did you mean 'broken'?"),
        (Selection(tags=("frst",)), "has the tag 'frst'. Did you mean 'first'?"),
        (Selection(from_nodes=("scal",)), "No such node in the pipeline: 'scal'"),
        (Selection(to_outputs=("scaledd",)), "'scaledd'"),
    ],
)
def test_names_that_are_not_there(project: Path, selection: Selection, told: str) -> None:
    with pytest.raises(PreflightError) as caught:
        Session(project).prepare(selection)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"load_versions": ["scaled:x"]},
            "Versions to load must be a dictionary, not of type list",
        ),
        ({"load_versions": {"scaled": 3.0}}, "that of 'scaled' must be a text, not of type float"),
        ({"load_versions": {3: "x"}}, "3 is no name, but of type int"),
        ({"inputs": 3}, "Inputs must be a dictionary, not of type int"),
        ({"inputs": {3: 3}}, "3 is no name"),
        ({"params": [1]}, "Parameters must be a dictionary, not of type list"),
        ({"extra_params": {"a": 1}}, "no option 'extra_params'. Parameters of a run are given by"),
        ({"tags": 3}, "tags must be a list or the like, not of type int"),
        ({"node_names": [3]}, "node_names: 3 is no name"),
        ({"pipeline_name": ["a"]}, "pipeline_name must be one name, not of type list"),
        ({"namespace": ["a"]}, "namespace must be one name, not of type list"),
        ({"runner": 3}, "A runner of type int is none"),
        ({"slices": 3}, "Slices are a text or several, not of type int"),
        ({"job_run_id": ["a"]}, "job_run_id must be one name, not of type list"),
    ],
)
def test_arguments_of_another_type_are_told(project: Path, given: Any, told: str) -> None:
    with pytest.raises((ConfigError, PreflightError)) as caught:
        Session(project).run(**given)
    assert told in str(caught.value)


def test_a_session_and_a_rehearsal_tell_arguments_of_another_type(project: Path) -> None:
    given: Any = [("a", 3)]
    with pytest.raises(ConfigError, match="Parameters must be a dictionary"):
        Session(project, extra_params=given)
    with pytest.raises(ConfigError, match="Hooks must be a list"):
        Session(project, hooks=cast("Any", 3))
    with pytest.raises(ConfigError, match="Versions to load must be a dictionary"):
        Session(project).rehearse(load_versions=given)
    with pytest.raises(ConfigError, match="Versions to load must be a dictionary"):
        Session(project).create_catalog(load_versions=given)


def test_configuration_may_be_an_archive_which_lies_unpacked_as_long_as_its_session(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    archive = tmp_path / "conf.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(project / "conf", "conf")
    shutil.rmtree(project / "conf")
    session = Session.create(project_path=project, conf_source=archive)
    other = session.with_params({})
    del session
    assert "scaled" in other.catalog
    assert len(list((tmp_path / "temporary").iterdir())) == 1
    with pytest.raises(MissingConfigError, match=r"no environment 'nowhere' in .*conf.tar.gz"):
        Session(project, "nowhere", conf_source=archive)
    del other
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())
    with pytest.raises(ConfigError, match="no configuration archive"):
        Session(project, conf_source=tmp_path / "other.tar.gz")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ThredRunner", "no runner 'ThredRunner'. Did you mean 'ThreadRunner'?"),
        ("no_such_package.Runner", "no_such_package"),
        ("sparkpipe.runner.NoRunner", "NoRunner"),
        ("collections.OrderedDict", "OrderedDict"),
        ("sparkpipe.runner.AbstractRunner", "could not be made"),
    ],
)
def test_runners_that_are_none(name: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_runner(name)
    assert told in str(caught.value)


def test_by_default_nodes_run_one_after_the_other() -> None:
    runner = load_runner(None, is_async=True)
    assert type(runner) is SequentialRunner
    assert runner._is_async is True


def test_a_folder_without_a_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFoundError, match="no sparkpipe project in"):
        Session(tmp_path)


# Spark


class Given:
    def createDataFrame(self) -> None: ...


def test_the_session_given_is_that_of_the_nodes(project: Path) -> None:
    given = Given()
    for runner in ("SequentialRunner", "ThreadRunner"):
        session = Session(project, spark=given)  # type: ignore[arg-type]
        assert session.run("spark", runner=runner) == {"identity": id(given)}


def test_a_function_that_gives_one_is_called_when_it_is_needed(project: Path) -> None:
    made: list[Given] = []

    def make() -> Any:
        made.append(Given())
        return made[-1]

    session = Session(project, spark=make)
    session.run()
    assert made == []
    assert session.run("spark") == {"identity": id(made[0])}
    session.run("spark")
    assert len(made) == 1


def test_the_settings_of_a_project_may_give_it(project: Path) -> None:
    (package,) = {path.parent for path in project.glob("*/pipeline_registry.py")}
    (package / "settings.py").write_text(
        "class Theirs:\n    def createDataFrame(self): ...\n"
        "_MADE = []\n"
        "def SPARK_SESSION():\n    _MADE.append(Theirs())\n    return _MADE[-1]\n"
    )
    session = Session(project)
    outputs = session.run("spark")
    (made,) = sys.modules[f"{package.name}.settings"]._MADE
    assert outputs == {"identity": id(made)}
    given = Given()
    assert Session(project, spark=given).run("spark") == {"identity": id(given)}  # type: ignore[arg-type]


def test_what_is_no_session_in_the_settings_is_told(project: Path) -> None:
    (package,) = {path.parent for path in project.glob("*/pipeline_registry.py")}
    (package / "settings.py").write_text("SPARK_SESSION = 'local[2]'\n")
    (problem,) = Session(project).check()
    assert "settings: SPARK_SESSION must be a function" in problem


def test_all_that_is_wrong_in_spark_yml_is_told_before_a_run(project: Path) -> None:
    (project / "conf/base/spark.yml").write_text("spark.persist: often\nspark.pool: [heavy]\n")
    assert len(Session(project).check()) == 2
    with pytest.raises(PreflightError) as caught:
        Session(project).run()
    first, second = caught.value.problems
    assert "spark.yml:1: 'spark.persist' is 'often'" in first
    assert "Did you mean 'spark.pools'?" in second


def test_after_a_run_the_session_is_no_longer_active(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkpipe.spark import session as spark_session

    given = Given()
    Session(project, spark=given).run("spark")  # type: ignore[arg-type]
    monkeypatch.setattr(spark_session.SparkProvider, "get", lambda self: self._given)
    assert get_spark() is None


# Context, settings and the names of Kedro


def package_of(project: Path) -> Path:
    (registry,) = project.glob("*/pipeline_registry.py")
    return registry.parent


def settings(project: Path, text: str) -> None:
    (package_of(project) / "settings.py").write_text(textwrap.dedent(text))


class Contexts:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        time.sleep(0.02)
        self.seen.append(context)


def test_context_is_made_once_and_told_to_hooks(project: Path) -> None:
    (project / "conf/base/spark.yml").write_text("spark.ui.enabled: false\n")
    hook = Contexts()
    session = Session(project, "prod", {"limit": 1}, hooks=[hook])
    session.run()
    session.run()
    (context,) = hook.seen
    assert session.context is session.load_context() is context
    assert context.project_path == project
    assert context.env == "prod"
    assert context.config_loader["spark"] == {"spark.ui.enabled": False}
    assert context.params == {"model": {"factor": 100}, "limit": 1}
    assert context.catalog.load("source") == 21


def test_threads_that_share_a_session_make_one_context(project: Path) -> None:
    hook = Contexts()
    session = Session(project, hooks=[hook])
    with ThreadPoolExecutor(4) as executor:
        outputs = list(executor.map(lambda _: session.run(runner="ThreadRunner"), range(4)))
    assert outputs == [{"told": "42 of ['limit', 'model']"}] * 4
    assert len(hook.seen) == 1


def test_hook_may_set_credentials(project: Path) -> None:
    class Vault:
        @hook_impl
        def after_context_created(self, context: Any) -> None:
            context.config_loader["credentials"] = {"db": {"password": "s3cret"}}

        @hook_impl
        def after_catalog_created(self, conf_creds: Any) -> None:
            self.creds = conf_creds

    hook = Vault()
    Session(project, hooks=[hook]).run()
    assert hook.creds == {"db": {"password": "s3cret"}}


def test_settings_name_the_classes(project: Path) -> None:
    (project / "conf").rename(project / "configuration")
    (project / "configuration/base").rename(project / "configuration/common")
    settings(
        project,
        """
        from sparkpipe.config import ConfigLoader
        from sparkpipe.project.context import ProjectContext
        from sparkpipe.framework.session.shelvestore import ShelveStore
        from sparkpipe.io import DataCatalog

        class MyLoader(ConfigLoader): ...
        class MyContext(ProjectContext):
            def __init__(self, package_name, project_path, config_loader, hook_manager,
                         env=None, extra_params=None):
                super().__init__(package_name, project_path, config_loader, hook_manager,
                                 env, extra_params)
                self.started = True
        class MyCatalog(DataCatalog): ...

        CONF_SOURCE = "configuration"
        CONFIG_LOADER_CLASS = MyLoader
        CONFIG_LOADER_ARGS = {"base_env": "common"}
        CONTEXT_CLASS = MyContext
        DATA_CATALOG_CLASS = MyCatalog
        SESSION_STORE_CLASS = ShelveStore
        SESSION_STORE_ARGS = {"path": "./kept"}
        """,
    )
    with Session.create(project_path=project, extra_params={"limit": 3}) as session:
        assert session.run()["told"] == "42 of ['limit', 'model']"
        assert session.context.started is True  # type: ignore[attr-defined]
    assert type(session.config_loader).__name__ == "MyLoader"
    assert type(session.catalog).__name__ == "MyCatalog"
    assert (project / "kept" / session.session_id / "store.json").exists()


def test_catalog_class_with_its_own_from_config_is_asked(project: Path) -> None:
    settings(
        project,
        """
        from sparkpipe.io import DataCatalog, MemoryDataSet
        class MyCatalog(DataCatalog):
            @classmethod
            def from_config(cls, catalog, credentials=None, load_versions=None, save_version=None):
                made = super().from_config(catalog, credentials, load_versions, save_version)
                made.add("source", MemoryDataSet(1), replace=True)
                return made
        DATA_CATALOG_CLASS = MyCatalog
        """,
    )
    assert Session(project).run()["told"].startswith("2 of")


def test_store_is_kept_when_the_session_is_closed(project: Path) -> None:
    settings(
        project,
        f"""
        from sparkpipe.framework.session.shelvestore import ShelveStore
        SESSION_STORE_CLASS = ShelveStore
        SESSION_STORE_ARGS = {{"path": {str(project / "kept")!r}}}
        """,
    )
    with Session.create(project_path=project, env="prod", extra_params={"limit": 3}) as session:
        assert session.store["env"] == "prod"
    kept = json.loads((project / "kept" / session.session_id / "store.json").read_text())
    assert kept["extra_params"] == {"limit": 3}
    assert kept["package_name"] == package_of(project).name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("HOOK = ()", "Did you mean 'HOOKS'?"),
        ("CONFIG_LOADER_ARGS = {'base_evn': 'x'}", "Check CONFIG_LOADER_ARGS"),
        ("CONFIG_LOADER_ARGS = {'config_patterns': {'catalog': 'x'}}", "must be a list of texts"),
        (
            "from sparkpipe.project.context import ProjectContext\n"
            "class C(ProjectContext):\n    def __init__(self, x): ...\nCONTEXT_CLASS = C\n",
            "The context C could not be made",
        ),
        (
            "from sparkpipe.hooks import hook_impl\nclass H:\n    @hook_impl\n"
            "    def before_node_run(self, nod): ...\nHOOKS = (H(),)\n",
            "for 'nod', which does not exist there. Did you mean 'node'?",
        ),
    ],
)
def test_wrong_settings_are_told_before_a_run(project: Path, text: str, told: str) -> None:
    settings(project, text)
    with pytest.raises(ConfigError if "LOADER" in text else PreflightError) as error:
        Session(project).run()
    assert told in str(error.value)


def test_wrong_settings_are_told_with_all_else(project: Path) -> None:
    settings(project, "HOOK = ()\n")
    (project / "conf/base/parameters.yml").write_text("a: [\n")
    problems = Session(project).check()
    assert any("'HOOK'" in problem for problem in problems)
    assert any("parameters.yml:2" in problem for problem in problems)


def test_loader_that_knows_of_nothing_is_taken(project: Path) -> None:
    settings(
        project,
        """
        from sparkpipe.config import AbstractConfigLoader, MissingConfigException
        class MyLoader(AbstractConfigLoader):
            def __getitem__(self, kind):
                if kind == "parameters":
                    return {"model": {"factor": 3}}
                raise MissingConfigException(kind)
        CONFIG_LOADER_CLASS = MyLoader
        """,
    )
    assert Session(project).run(inputs={"source": 2})["told"] == "6 of ['model']"


def test_environment_may_be_named_by_a_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKPIPE_ENV", "prod")
    assert Session(project).params["model"]["factor"] == 100
    assert Session(project, env="local").params["model"]["factor"] == 2


@pytest.mark.parametrize(("filters", "is_told"), [({}, False), ({"from_nodes": "tell"}, True)])
def test_a_run_that_confirms_what_its_nodes_do_not_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, filters: Any, is_told: bool
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "confirming"\n')
    (tmp_path / "conf/base").mkdir(parents=True)
    (tmp_path / "conf/base/catalog.yml").write_text(
        "news: {type: IncrementalDataSet, path: news, dataset: json.JSONDataSet}\n"
        "read: {type: json.JSONDataSet, filepath: read.json}\n"
    )
    (tmp_path / "read.json").write_text("[]")
    session = Session(tmp_path)
    nodes = [
        node(list, "news", "read", name="read"),
        node(len, "read", "told", name="tell", confirms="news"),
    ]
    session._current.__dict__["registry"] = ({"__default__": Pipeline(nodes)}, [])
    (tmp_path / "news").mkdir()
    with caplog.at_level(logging.WARNING):
        session.run(**filters)
    told = "Node 'tell' confirms 'news', and the nodes that read it are left out of this run"
    assert (told in caplog.text) is is_told


def test_namespace_is_a_filter(project: Path) -> None:
    register(
        project,
        "'__default__': pipeline([node(abs, 'source', 'a', namespace='one', name='n'), "
        "node(abs, 'source', 'b', namespace='two', name='n')])",
    )
    assert Session(project).run(namespace="two") == {"b": 21}


def test_sessions_of_two_projects_run_beside_each_other(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    package = f"session_project_{next(_number)}"
    shutil.copytree(project, other, dirs_exist_ok=True)
    (other / package_of(project).name).rename(other / package)
    (other / "pyproject.toml").write_text(f'[tool.sparkpipe]\npackage_name = "{package}"\n')
    (other / "data" / "source.json").write_text("1")
    for folder in (project, other):
        (package_of(folder) / "pipeline_registry.py").write_text(
            "from sparkpipe.pipeline import node, pipeline\n"
            "from sparkpipe.framework.project import pipelines, settings\n"
            "def told(x):\n    return x, sorted(pipelines), settings.CONF_SOURCE\n"
            "def register_pipelines():\n"
            f"    return {{'__default__': pipeline([node(told, 'source', 'x')]), "
            f"'{folder.name}': pipeline([])}}\n"
        )
    settings(other, "CONF_SOURCE = './conf'")
    with ThreadPoolExecutor(2) as executor:
        runs = [
            executor.submit(Session(folder).run, runner="ThreadRunner")
            for folder in (project, other) * 3
        ]
        mine, others = runs[0].result()["x"], runs[1].result()["x"]
        assert [run.result()["x"] for run in runs] == [mine, others] * 3
    assert mine == (21, sorted(["__default__", project.name]), "conf")
    assert others == (1, sorted(["__default__", other.name]), "./conf")


def test_logging_of_the_project_is_set_up_by_create_only(project: Path) -> None:
    name = package_of(project).name
    (project / "conf/base/logging.yml").write_text(
        "handlers:\n  file: {class: logging.FileHandler, filename: logs/own.log}\n"
        f"loggers:\n  {name}: {{handlers: [file], level: INFO}}\n"
    )
    Session(project)
    assert not logging.getLogger(name).handlers
    with Session.create(project_path=project):
        logging.getLogger(name).info("hello")
    assert (project / "logs" / "own.log").read_text() == "hello\n"
    (project / "conf/base/logging.yml").write_text("handlers: {a: {'()': os.mkdir}}\n")
    with pytest.raises(ConfigError, match="would call a function"):
        Session.create(project_path=project)
    (problem,) = Session(project).check()
    assert "would call a function" in problem


HOOKS = """
import os
from pathlib import Path
from sparkpipe.hooks import hook_impl

class Notes:
    def __init__(self, path):
        self.path = path

    def note(self, *told):
        with open(self.path, "a") as file:
            file.write(" ".join(told) + "\\n")

    @hook_impl
    def before_node_run(self, node): self.note("before", node.name)
    @hook_impl
    def after_node_run(self, node): self.note("after", node.name)
    @hook_impl
    def on_node_error(self, node, error): self.note("failed", node.name, str(error))
    @hook_impl
    def before_dataset_loaded(self, dataset_name): self.note("load", dataset_name)
    @hook_impl
    def after_dataset_loaded(self, dataset_name): self.note("loaded", dataset_name)
    @hook_impl
    def before_dataset_saved(self, dataset_name): self.note("save", dataset_name)
    @hook_impl
    def after_dataset_saved(self, dataset_name): self.note("saved", dataset_name)
    @hook_impl
    def on_dataset_error(self, dataset_name, operation): self.note(operation, "of", dataset_name)
    @hook_impl
    def before_pipeline_run(self): self.note("begins")
    @hook_impl
    def after_pipeline_run(self): self.note("ends")
    @hook_impl
    def on_pipeline_error(self): self.note("fails")
"""


def test_hooks_are_the_same_under_every_runner(project: Path) -> None:
    package = package_of(project)
    (package / "hooks.py").write_text(HOOKS)
    told = project / "told.txt"
    settings(project, f"from {package.name}.hooks import Notes\nHOOKS = (Notes({str(told)!r}),)\n")
    (project / "data" / "broken.json").write_text("[")
    with (project / "conf/base/catalog.yml").open("a") as file:
        file.write("broken:\n  type: json.JSONDataSet\n  filepath: data/broken.json\n")
    with (package / "pipeline_registry.py").open("a") as file:
        file.write(
            "_all = register_pipelines\n"
            "def register_pipelines():\n"
            "    unread = pipeline([node(describe, ['broken', 'parameters'], 'x')])\n"
            "    return {**_all(), 'unread': unread}\n"
        )
    notes = {}
    for runner in (SequentialRunner(), ThreadRunner(), ParallelRunner(max_workers=1)):
        session = Session(project)
        session.run(runner=runner)
        for name in ("broken", "unread"):
            with pytest.raises(RunFailedError):
                session.run(name, runner=runner)
        notes[type(runner).__name__] = told.read_text().splitlines()
        told.unlink()
    assert notes["SequentialRunner"].count("begins") == 3
    (failed,) = (line for line in notes["SequentialRunner"] if line.startswith("failed"))
    assert failed.endswith("the barrel is empty")
    assert "load of broken" in notes["SequentialRunner"]
    assert notes["ThreadRunner"] == notes["SequentialRunner"]
    assert notes["ParallelRunner"] == notes["SequentialRunner"]


def test_a_parameter_that_only_the_catalog_asks_for_may_be_given(project: Path) -> None:
    catalog = project / "conf/base/catalog.yml"
    text = catalog.read_text().replace("data/out", "${runtime_params:folder,data}/out")
    catalog.write_text(text)
    Session(project, extra_params={"folder": str(project / "there")}).run("scaling")
    assert (project / "there/out/scaled.pkl").is_file()
    with pytest.raises(PreflightError, match=r"'foldr'\. Did you mean 'folder'"):
        Session(project, extra_params={"foldr": "x"}).run("scaling")


def test_hooks_of_packages_come_first_unless_they_are_left_out(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path_factory.mktemp("site")
    (site / "a_plugin-1.0.dist-info").mkdir()
    for name, text in {
        "a_plugin-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: a-plugin\nVersion: 1\n",
        "a_plugin-1.0.dist-info/entry_points.txt": "[sparkpipe.hooks]\nown = a_plugin:hooks\n",
        "a_plugin.py": (
            "from sparkpipe.hooks import hook_impl\n"
            "class Plugged:\n    notes = []\n    @hook_impl\n"
            "    def before_pipeline_run(self):\n        self.notes.append('plugged')\n"
            "hooks = Plugged()\n"
        ),
    }.items():
        (site / name).write_text(text)
    monkeypatch.syspath_prepend(str(site))
    settings(
        project,
        """
        from a_plugin import hooks
        from sparkpipe.hooks import hook_impl
        class Own:
            @hook_impl
            def before_pipeline_run(self):
                hooks.notes.append("own")
        HOOKS = (Own(),)
        """,
    )
    Session(project).run()
    assert sys.modules["a_plugin"].hooks.notes == ["plugged", "own"]
    with (package_of(project) / "settings.py").open("a") as file:
        file.write("DISABLE_HOOKS_FOR_PLUGINS = ('a-plugin',)\n")
    del sys.modules[f"{package_of(project).name}.settings"]
    Session(project).run()
    assert sys.modules.pop("a_plugin").hooks.notes == ["plugged", "own", "own"]


# Spark sessions that hooks start or hear of


class Hears:
    def __init__(self) -> None:
        self.sessions: list[Any] = []

    @hook_impl
    def on_spark_session_created(self, spark: Any) -> None:
        assert get_spark() is spark  # it may ask itself
        self.sessions.append(spark)


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner"])
def test_hook_hears_of_the_session_once(project: Path, runner: str) -> None:
    register(
        project,
        "'__default__': pipeline([node(which, 'source', f'b{i}', name=f'n{i}') for i in range(6)])",
    )
    with (package_of(project) / "pipeline_registry.py").open("a") as file:
        file.write(
            "from sparkpipe.spark.session import get_spark\n"
            "def which(x):\n    return id(get_spark())\n"
        )
    hook, given = Hears(), Given()
    session = Session(project, spark=lambda: given, hooks=[hook])  # type: ignore[arg-type, return-value]
    for _ in range(2):
        assert set(session.run(runner=runner).values()) == {id(given)}
    assert hook.sessions == [given]


def test_hook_that_asks_for_spark_waits_for_nobody(project: Path) -> None:
    """It holds its lock while it asks, and is to be told by who has found the session."""
    ran, in_hook, found = threading.Event(), threading.Event(), threading.Event()

    class Both(Hears):
        @hook_impl
        def before_node_run(self, node: Any) -> None:
            if node.name == "late":
                in_hook.set()
                assert found.wait(5)
                time.sleep(0.05)  # the other one now waits for this hook
                assert get_spark() is given

    class Waits:
        def load(self) -> int:
            assert ran.wait(5)
            return 1

        def save(self, data: Any) -> None: ...
        def exists(self) -> bool:
            return True

    def give() -> Any:
        assert in_hook.wait(5)
        found.set()
        return given

    def early(x: Any) -> bool:
        ran.set()
        return get_spark() is given

    hook, given = Both(), Given()
    session = Session(project, spark=give, hooks=[hook])
    pipe = Pipeline([node(early, "source", "a", name="early"), node(abs, "w", "b", name="late")])
    session.pipelines["waiting"] = pipe
    outputs = session.run("waiting", runner=ThreadRunner(max_workers=2), inputs={"w": Waits()})
    assert outputs == {"a": True, "b": 1}
    assert hook.sessions == [given]


@pytest.mark.classic("the hook makes a SparkConf")
def test_session_that_a_hook_starts_is_the_one_of_the_run(
    project: Path, spark: SparkSession
) -> None:
    class SparkHooks:
        @hook_impl
        def after_context_created(self, context: Any) -> None:
            from pyspark import SparkConf
            from pyspark.sql import SparkSession

            conf = SparkConf().setAll(context.config_loader["spark"].items())
            builder = SparkSession.builder.appName(context.project_path.name).config(conf=conf)
            self.session = builder.getOrCreate()
            self.session.sparkContext.setLogLevel("WARN")

    (project / "conf/base/spark.yml").write_text("spark.sql.shuffle.partitions: 3\n")
    hook, hears = SparkHooks(), Hears()
    for runner in ("SequentialRunner", "ThreadRunner"):
        outputs = Session(project, hooks=[hook, hears]).run("spark", runner=runner)
        assert outputs == {"identity": id(hook.session)}
    assert hook.session is spark
    assert hears.sessions == [spark, spark]
    spark.conf.set("spark.sql.shuffle.partitions", "2")


def test_a_run_is_judged_once_and_its_plan_is_what_runs(tmp_path: Path) -> None:
    package = tmp_path / "src" / "judged_shop"
    package.mkdir(parents=True)
    (tmp_path / "conf" / "base").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "judged_shop"\n')
    (tmp_path / "conf" / "base" / "catalog.yml").write_text(
        "x:\n  type: judged_shop.counting.Counting\n"
    )
    (package / "__init__.py").touch()
    (package / "counting.py").write_text(
        "from sparkpipe.io import MemoryDataSet\n"
        "class Counting(MemoryDataSet):\n"
        "    asked = 0\n"
        "    def __init__(self):\n"
        "        super().__init__(data=1)\n"
        "    def _problems(self):\n"
        "        type(self).asked += 1\n"
        "        return []\n"
    )
    (package / "pipeline_registry.py").write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(abs, 'x', 'y', name='n')])}\n"
    )
    for runner in ("SequentialRunner", "ThreadRunner", "DryRunner"):
        prepared = Session(tmp_path).prepare(runner=runner)
        import judged_shop.counting as counting  # type: ignore[import-not-found]

        assert [node.name for node in prepared.plan.nodes] == ["n"]
        prepared.run()
        assert counting.Counting.asked == 1
        counting.Counting.asked = 0


def test_a_class_is_a_runner_too(project: Path) -> None:
    assert Session(project).run(runner=SequentialRunner) == {"told": "42 of ['limit', 'model']"}
    assert Session(project).run(runner=ThreadRunner, max_workers=1)
    with pytest.raises(PreflightError, match="SequentialRunner has no option 'max_workers'"):
        Session(project).run(runner=SequentialRunner, max_workers=1)
    with pytest.raises(PreflightError, match="is no runner"):
        Session(project).run(runner=dict)  # type: ignore[arg-type]


def test_a_version_to_load_that_is_not_there_is_told_before_anything_runs(project: Path) -> None:
    (project / "conf/base/catalog.yml").write_text(
        "source: {type: json.JSONDataSet, filepath: data/s.json, versioned: true}\n"
        "scaled: {type: pickle.PickleDataSet, filepath: data/x.pkl, versioned: true}\n"
        "other: {type: pickle.PickleDataSet, filepath: data/o.pkl, versioned: true}\n"
    )
    for version in ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"):
        (project / "data/s.json" / version).mkdir(parents=True)
        (project / "data/s.json" / version / "s.json").write_text("1")
    session = Session(project)
    assert session.run(load_versions={"source": "2026-01-02"}) == {
        "told": "2 of ['limit', 'model']"
    }
    with pytest.raises(PreflightError) as error:
        session.run(load_versions={"source": "2025", "scaled": "2024", "other": "2023"})
    told = str(error.value)
    assert told.count("has no version") == 3
    assert (
        "s.json has no version 2025. There is: 2026-01-04, 2026-01-03, 2026-01-02 and 1 more"
        in told
    )
    assert "The version to load of 'other' (PickleDataSet)" in told


def test_paths_of_data_sets_of_ones_own_begin_in_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = package_of(project).name
    (project / package / "lines.py").write_text(
        "from pathlib import Path\n"
        "class Lines:\n"
        "    def __init__(self, filename):\n"
        "        self.filename = filename\n"
        "    def load(self):\n"
        "        return Path(self.filename).read_text()\n"
        "    def save(self, data): ...\n"
    )
    (project / "conf/base/catalog.yml").write_text(
        f"source: {{type: {package}.lines.Lines, filename: data/source.json}}\n"
    )
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert Session(project).context.catalog.load("source") == "21"


def test_path_that_none_can_be_is_told_with_its_entry(project: Path) -> None:
    (project / "conf/base/catalog.yml").write_text(
        'source: {type: json.JSONDataSet, filepath: "a\\0b"}\n'
    )
    with pytest.raises(PreflightError, match=r"'source' \(.*catalog.yml:1\): a path cannot hold"):
        Session(project).run()
