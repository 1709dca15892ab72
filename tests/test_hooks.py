"""Hooks: their order, what they may ask for, and what is refused when they are registered."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from sparkpipe.errors import ConfigError, RunFailedError
from sparkpipe.hooks import HookSpecs, create_hook_manager, hook_impl
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import SequentialRunner


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
    assert len(names) == 11
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
