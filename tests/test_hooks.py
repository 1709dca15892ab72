"""Hooks: their order, what they may ask for, and what is refused when they are registered."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys
import threading
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import ConfigError, RunFailedError
from sparkpipe.hooks import HookSpecs, create_hook_manager, hook_impl, installed_hooks
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import SequentialRunner, ThreadRunner


class Notes:
    """Writes down the calls; each hook asks for what it needs only."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        self.notes.append(f"{self.name} before {node.name}")

    @hook_impl
    def after_node_run(self, outputs: Any) -> None:
        self.notes.append(f"{self.name} after {outputs}")

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        self.notes.append(f"{self.name} loaded {dataset_name}={data}")

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        self.notes.append(f"{self.name} saves {dataset_name}")


def run(*hooks: object, func: Any = lambda x: x + 1) -> dict[str, Any]:
    pipe = Pipeline([node(func, "a", "b", name="step")])
    return SequentialRunner().run(pipe, DataCatalog(feed_dict={"a": 1}), create_hook_manager(hooks))


def test_hooks_are_called_in_the_order_given_around_each_step() -> None:
    notes: list[str] = []
    run(Notes("first", notes), Notes("second", notes))
    assert notes == [
        "first loaded a=1",
        "second loaded a=1",
        "first before step",
        "second before step",
        "first after {'b': 2}",
        "second after {'b': 2}",
        "first saves b",
        "second saves b",
    ]


def test_hooks_may_be_of_a_class_that_knows_equality_and_no_hash() -> None:
    @dataclass
    class Counting:
        nodes: int = 0

        @hook_impl
        def before_node_run(self) -> None:
            self.nodes += 1

    hooks = Counting()
    pipe = Pipeline([node(abs, "x", "y")])
    manager = create_hook_manager([hooks])
    SequentialRunner().run(pipe, DataCatalog(feed_dict={"x": 1}), hook_manager=manager)
    assert hooks.nodes == 1


def test_order_may_be_changed_by_the_hook() -> None:
    notes: list[str] = []

    class Late:
        @hook_impl(trylast=True)
        def before_node_run(self) -> None:
            notes.append("late")

    class Early:
        @hook_impl(tryfirst=True)
        def before_node_run(self) -> None:
            notes.append("early")

    run(Late(), Notes("middle", []), Early())
    assert notes == ["early", "late"]


def test_hook_may_replace_inputs() -> None:
    class Replaces:
        @hook_impl
        def before_node_run(self, inputs: dict[str, Any]) -> dict[str, Any]:
            return {"a": inputs["a"] * 10}

    assert run(Replaces()) == {"b": 11}


def test_replacement_that_is_no_dictionary_fails_the_node() -> None:
    class Replaces:
        @hook_impl
        def before_node_run(self) -> int:
            return 3

    with pytest.raises(
        RunFailedError, match=r"'step'.*'before_node_run' must return None or a dict"
    ):
        run(Replaces())


def test_a_replacement_of_what_is_no_input_fails_the_node() -> None:
    class Replaces:
        @hook_impl
        def before_node_run(self) -> dict[str, Any]:
            return {"aa": 3}

    with pytest.raises(RunFailedError, match=r"'aa', which is no input.*Did you mean 'a'") as error:
        run(Replaces())
    assert isinstance(error.value.failures[0].__cause__, ValueError)  # as with Kedro


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_a_hook_may_set_what_a_node_calls_for_that_run(runner: Any) -> None:
    class Wraps:
        @hook_impl
        def before_node_run(self, node: Any) -> None:
            plain = node.func
            node.func = lambda x: plain(x) * 10

    step = node(lambda x: x + 1, "a", "b", name="step")
    for _ in range(2):
        catalog = DataCatalog(feed_dict={"a": 1})
        manager = create_hook_manager([Wraps()])
        assert runner().run(Pipeline([step]), catalog, manager) == {"b": 20}
    assert step.run({"a": 1}) == {"b": 2}


def test_error_of_a_node_reaches_the_hook() -> None:
    seen: list[Any] = []

    class Sees:
        @hook_impl
        def on_node_error(self, error: Exception, node: Any, inputs: Any) -> None:
            seen.append((str(error), node.name, inputs))

    def fail(x: int) -> int:
        raise ValueError("no")

    with pytest.raises(RunFailedError):
        run(Sees(), func=fail)
    assert seen == [("no", "step", {"a": 1})]


def test_error_in_a_hook_ends_the_run() -> None:
    class Breaks:
        @hook_impl
        def after_node_run(self) -> None:
            raise RuntimeError("the hook is broken")

    with pytest.raises(RunFailedError, match="the hook is broken"):
        run(Breaks())


def test_every_hook_can_be_implemented_with_all_its_arguments() -> None:
    names = [name for name in vars(HookSpecs) if not name.startswith("_")]
    assert len(names) == 14
    methods = {}
    for name in names:
        arguments = ", ".join(list(inspect.signature(getattr(HookSpecs, name)).parameters))
        scope: dict[str, Any] = {}
        exec(f"def {name}({arguments}): pass", scope)
        methods[name] = hook_impl(scope[name])
    manager = create_hook_manager([type("All", (), methods)()])
    for name in names:
        assert len(getattr(manager.hook, name).get_hookimpls()) == 1


def test_unknown_hook_is_refused_with_the_nearest() -> None:
    class Misspelt:
        @hook_impl
        def befor_node_run(self) -> None: ...

    with pytest.raises(ConfigError) as error:
        create_hook_manager([Misspelt()])
    assert "Misspelt implements 'befor_node_run'" in str(error.value)
    assert "Did you mean 'before_node_run'?" in str(error.value)


def test_unknown_hook_of_a_parent_class_is_refused_too() -> None:
    class Parent:
        @hook_impl
        def befor_node_run(self) -> None: ...

    class Child(Parent):
        @hook_impl
        def before_node_run(self) -> None: ...

    with pytest.raises(ConfigError, match="'befor_node_run'"):
        create_hook_manager([Child()])


def test_unknown_argument_is_refused() -> None:
    class Asks:
        @hook_impl
        def before_node_run(self, node: Any, weather: str) -> None: ...

    with pytest.raises(ConfigError) as error:
        create_hook_manager([Asks()])
    assert "Asks" in str(error.value)
    assert "weather" in str(error.value)


def test_class_in_place_of_an_instance_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Notes is a class; an instance is needed.*Notes\(\)"):
        create_hook_manager([Notes])


def test_same_hook_twice_is_refused() -> None:
    hook = Notes("twice", [])
    with pytest.raises(ConfigError, match="Notes"):
        create_hook_manager([hook, hook])


def test_methods_that_are_not_marked_are_left_alone() -> None:
    class Plain:
        def before_node_run(self) -> None:
            raise AssertionError

        def befor_node_run(self) -> None:
            raise AssertionError

    assert run(Plain()) == {"b": 2}


def test_hook_that_implements_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Forgotten:
        def before_node_run(self) -> None: ...

    create_hook_manager([Forgotten(), Notes("a", [])])
    assert [one.getMessage() for one in caplog.records] == [
        "The hook Forgotten implements nothing, so it is never called: mark its methods by "
        "@hook_impl of sparkpipe.hooks."
    ]


def test_properties_of_a_hook_object_are_not_read() -> None:
    read: list[str] = []

    class Lazy:
        @property
        def client(self) -> str:
            read.append("client")
            raise RuntimeError("not connected")

        @hook_impl
        def before_node_run(self) -> None: ...

    create_hook_manager([Lazy()])
    assert read == []


@pytest.mark.parametrize("name", [name for name in vars(HookSpecs) if not name.startswith("_")])
def test_argument_that_does_not_exist_is_told_with_those_that_do(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(f"def {name}(self, nod): pass", scope)
    hook = type("Asks", (), {name: hook_impl(scope[name])})()
    with pytest.raises(ConfigError) as error:
        create_hook_manager([hook])
    assert f"The hook Asks asks in '{name}' for 'nod', which does not exist" in str(error.value)
    assert "Did you mean 'node'?" in str(error.value) or "There are: " in str(error.value)


# Failures of data sets


class Stubborn:
    def load(self) -> None:
        raise OSError("the disk is gone")

    def save(self, data: Any) -> None:
        raise OSError("the disk is full")

    def exists(self) -> bool:
        return True


@pytest.mark.parametrize("runner", [SequentialRunner(), ThreadRunner()])
def test_failure_of_a_data_set_reaches_the_hook(runner: Any) -> None:
    seen: list[Any] = []

    class Sees:
        @hook_impl
        def on_dataset_error(
            self, error: Exception, dataset_name: str, operation: str, node: Any, session_id: Any
        ) -> None:
            seen.append((dataset_name, operation, node.name, session_id, str(error)))

        @hook_impl
        def on_node_error(self) -> None:
            seen.append("the function has not failed")

    pipe = Pipeline([node(abs, "a", "x", name="loads"), node(abs, "b", "c", name="saves")])
    catalog = DataCatalog({"a": Stubborn(), "c": Stubborn()}, {"b": -1})
    for name in ("loads", "saves"):
        with pytest.raises(RunFailedError):
            runner.run(
                pipe.only_nodes(name), catalog, create_hook_manager([Sees()]), session_id="s"
            )
    assert [one[:4] for one in seen] == [("a", "load", "loads", "s"), ("c", "save", "saves", "s")]
    assert "the disk is gone" in seen[0][4]
    assert "the disk is full" in seen[1][4]


def test_failing_hook_does_not_hide_why_a_data_set_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Breaks:
        @hook_impl
        def on_dataset_error(self) -> None:
            raise RuntimeError("the hook is broken")

    pipe = Pipeline([node(abs, "a", "x")])
    with pytest.raises(RunFailedError, match="the disk is gone"):
        SequentialRunner().run(
            pipe, DataCatalog({"a": Stubborn()}), create_hook_manager([Breaks()])
        )
    assert "'on_dataset_error' failed: RuntimeError: the hook is broken" in caplog.text


# Calls of one hook object come one after the other


class Counts:
    """Loses counts when two threads are in it at once."""

    def __init__(self) -> None:
        self.count = 0
        self.most = 0
        self.within = 0

    @hook_impl
    def before_node_run(self) -> None:
        self.within += 1
        self.most = max(self.most, self.within)
        count = self.count
        time.sleep(0.002)
        self.count = count + 1
        self.within -= 1

    @hook_impl
    def after_node_run(self) -> None:
        self.before_node_run()


def wide(nodes: int, func: Any = abs) -> tuple[Pipeline, DataCatalog]:
    pipe = Pipeline([node(func, "a", f"b{i}", name=f"n{i}") for i in range(nodes)])
    return pipe, DataCatalog(feed_dict={"a": 1})


def test_plain_hook_needs_no_locks() -> None:
    hook = Counts()
    ThreadRunner(max_workers=4).run(*wide(20), create_hook_manager([hook]))
    assert (hook.count, hook.most) == (40, 1)


def test_one_object_in_two_managers_is_called_by_one_thread_at_a_time() -> None:
    hook = Counts()
    with ThreadPoolExecutor(2) as executor:
        for done in [
            executor.submit(SequentialRunner().run, *wide(10), create_hook_manager([hook]))
            for _ in range(2)
        ]:
            done.result()
    assert (hook.count, hook.most) == (40, 1)


def test_two_objects_are_called_beside_each_other() -> None:
    ran, in_before, in_after = threading.Event(), threading.Event(), threading.Event()

    class Before:
        @hook_impl
        def before_node_run(self, node: Any) -> None:
            if node.name == "late":
                in_before.set()
                assert in_after.wait(5)

    class After:
        @hook_impl
        def after_node_run(self, node: Any) -> None:
            if node.name == "early":
                in_after.set()
                assert in_before.wait(5)

    class Waits(Stubborn):
        def load(self) -> Any:
            ran.wait(5)
            return 1

    pipe = Pipeline(
        [
            node(abs, "waits", "b", name="late"),
            node(lambda x: ran.set(), "a", None, name="early"),
        ]
    )
    catalog = DataCatalog({"waits": Waits()}, {"a": 1})
    hooks = create_hook_manager([Before(), After()])
    assert ThreadRunner(max_workers=2).run(pipe, catalog, hooks) == {"b": 1}


def test_hook_may_run_a_pipeline_that_calls_it_again() -> None:
    class Nests:
        def __init__(self) -> None:
            self.manager = create_hook_manager([self])
            self.names: list[str] = []

        @hook_impl
        def before_node_run(self, node: Any) -> None:
            self.names.append(node.name)
            if node.name == "outer":
                inner = Pipeline([node_of("inner")])
                SequentialRunner().run(inner, DataCatalog(feed_dict={"a": 1}), self.manager)

    def node_of(name: str) -> Any:
        return node(abs, "a", "b", name=name)

    hook = Nests()
    SequentialRunner().run(
        Pipeline([node_of("outer")]), DataCatalog(feed_dict={"a": 1}), hook.manager
    )
    assert hook.names == ["outer", "inner"]


@pytest.mark.parametrize("old_style", [False, True])
def test_wrapper_holds_nothing_while_others_run(old_style: bool) -> None:
    steps: list[str] = []
    is_in_n1 = threading.Event()

    class Wraps:
        @hook_impl(wrapper=not old_style, hookwrapper=old_style)
        def before_node_run(self, node: Any) -> Any:
            steps.append(f"in {node.name}")
            if node.name == "n1":
                is_in_n1.set()
            result = yield
            steps.append(f"out {node.name}")
            return result

    class Replaces:
        @hook_impl
        def before_node_run(self, node: Any) -> dict[str, Any]:
            if node.name == "n0":
                assert is_in_n1.wait(5)
            return {"a": -7}

    hooks = create_hook_manager([Wraps(), Replaces()])
    outputs = ThreadRunner(max_workers=2).run(*wide(2), hooks)
    assert sorted(steps) == ["in n0", "in n1", "out n0", "out n1"]
    assert outputs == {"b0": 7, "b1": 7}


def test_error_within_a_wrapper_passes_through_it() -> None:
    seen: list[str] = []

    class Wraps:
        @hook_impl(wrapper=True)
        def before_node_run(self) -> Any:
            try:
                return (yield)
            except RuntimeError as exc:
                seen.append(str(exc))
                raise

    class Breaks:
        @hook_impl
        def before_node_run(self) -> None:
            raise RuntimeError("broken inside")

    with pytest.raises(RunFailedError, match="broken inside"):
        run(Wraps(), Breaks())
    assert seen == ["broken inside"]


def test_hook_that_was_registered_can_be_pickled_and_copied() -> None:
    hook = Counts()
    create_hook_manager([hook])
    hook.count = 5
    for other in (pickle.loads(pickle.dumps(hook)), deepcopy(hook)):
        assert other.count == 5
        create_hook_manager([other])


def test_hook_with_slots_and_module_are_hooks(tmp_path: Any) -> None:
    class Slim:
        __slots__ = ("count",)

        @hook_impl
        def before_node_run(self) -> None:
            self.count = 1

    module = types.ModuleType("a_module_of_hooks")

    def before_node_run(node: Any) -> None:
        module.seen = node.name  # type: ignore[attr-defined]

    module.before_node_run = hook_impl(before_node_run)  # type: ignore[attr-defined]
    slim = Slim()
    run(slim, module)
    assert slim.count == 1
    assert module.seen == "step"  # type: ignore[attr-defined]


# Hooks of installed packages


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a package whose module with this text offers ``hooks``."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(text: str) -> None:
        info = tmp_path / "Hook_Plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Hook_Plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[sparkpipe.hooks]\nplugged = plugged_hooks:hooks\n")
        (tmp_path / "plugged_hooks.py").write_text(text)
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("plugged_hooks", None)


PLUGIN = """
from sparkpipe.hooks import hook_impl
class Plugged:
    nodes = []
    @hook_impl
    def before_node_run(self, node):
        self.nodes.append(node.name)
hooks = Plugged()
"""


def test_installed_packages_offer_hooks(plugin: Callable[[str], None]) -> None:
    plugin(PLUGIN)
    (hook,) = installed_hooks()
    run(hook)
    assert hook.nodes == ["step"]  # type: ignore[attr-defined]
    for name in ("hook-plugin", "Hook_Plugin", "plugged"):
        assert installed_hooks([name]) == ()


def test_installed_hook_that_cannot_be_imported_is_told(plugin: Callable[[str], None]) -> None:
    plugin("1 / 0")
    with pytest.raises(ConfigError) as error:
        installed_hooks()
    assert "'plugged_hooks:hooks' of the package Hook_Plugin" in str(error.value)
    assert "ZeroDivisionError" in str(error.value)
    assert "DISABLE_HOOKS_FOR_PLUGINS = ('Hook_Plugin',)" in str(error.value)
    assert installed_hooks(["hook-plugin"]) == ()
