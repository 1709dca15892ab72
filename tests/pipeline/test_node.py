"""A node: what it accepts, what it refuses when it is made, and what it does with data."""

from __future__ import annotations

import functools
import pickle
from collections import namedtuple
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from sparkpipe.errors import NodeSignatureError, PipelineError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner


def one(x: Any) -> Any:
    return x


def add(x: Any, y: Any) -> Any:
    return x + y


def nothing() -> int:
    return 7


class Endless:
    """As a mock of some libraries, it has whatever it is asked for."""

    def __call__(self, x: Any) -> Any:
        return x

    def __getattr__(self, name: str) -> Any:
        return self


class AsksForTrouble:
    @property
    def __signature__(self) -> Any:
        raise RuntimeError("not now")

    def __call__(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("func", "name"),
    [
        (Mock(return_value=1), "Mock"),
        (MagicMock(return_value=1), "MagicMock"),
        (functools.partial(Mock(return_value=1)), "Mock"),
        (Endless(), "Endless"),
        (AsksForTrouble(), "AsksForTrouble"),
    ],
)
def test_what_has_all_attributes_may_be_a_function(func: Any, name: str) -> None:
    made = node(func, "x", "y")
    assert made.name == name
    outputs = SequentialRunner().run(pipeline([made]), DataCatalog(feed_dict={"x": 1}))
    assert outputs == {"y": 1}


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: int) -> int:
        return x * self.factor

    def method(self, x: int) -> int:
        return x * self.factor


# Inputs and outputs


@pytest.mark.parametrize(
    ("func", "inputs", "data", "expected"),
    [
        (one, "a", {"a": 1}, 1),
        (add, ["a", "b"], {"a": 1, "b": 2}, 3),
        (add, ("a", "b"), {"a": 1, "b": 2}, 3),
        (add, ["a", "a"], {"a": 4}, 8),
        (add, {"y": "b", "x": "a"}, {"a": "1", "b": "2"}, "12"),
        (nothing, None, {}, 7),
        (nothing, [], {}, 7),
        (add, ["params:a.b", "parameters"], {"params:a.b": 1, "parameters": 2}, 3),
    ],
)
def test_inputs_reach_the_function(func: Any, inputs: Any, data: Any, expected: Any) -> None:
    assert node(func, inputs, "out").run(data) == {"out": expected}


def test_data_that_no_input_names_is_not_passed() -> None:
    assert node(one, "a", "out").run({"a": 1, "b": 2}) == {"out": 1}


def test_none_as_data_is_passed_like_any_other() -> None:
    assert node(one, "a", "out").run({"a": None}) == {"out": None}


def test_missing_inputs_are_all_named() -> None:
    with pytest.raises(PipelineError, match=r"Node 'add' lacks the inputs a, b"):
        node(add, ["a", "b"], "c").run({"d": 1})


@pytest.mark.parametrize("returned", [(1, 2), [1, 2], namedtuple("Pair", "p q")(1, 2)])
def test_list_of_outputs_takes_list_and_tuple_apart(returned: Any) -> None:
    assert node(lambda: returned, None, ["a", "b"]).run() == {"a": 1, "b": 2}


def test_list_of_one_output_is_still_taken_apart() -> None:
    assert node(lambda: [[1, 2]], None, ["a"]).run() == {"a": [1, 2]}


def test_one_output_by_name_keeps_a_list_whole() -> None:
    assert node(lambda: [1, 2], None, "a").run() == {"a": [1, 2]}


def test_outputs_by_key_may_leave_keys_unused() -> None:
    made = node(lambda: {"p": 1, "q": 2, "r": 3}, None, {"r": "a", "p": "b"})
    assert made.run() == {"a": 3, "b": 1}


def test_result_of_a_node_without_outputs_is_dropped() -> None:
    assert node(one, "a", None).run({"a": 1}) == {}


@pytest.mark.parametrize("returned", [(1,), (1, 2, 3), ()])
def test_wrong_number_of_outputs_tells_both_numbers(returned: tuple[int, ...]) -> None:
    with pytest.raises(PipelineError) as error:
        node(lambda: returned, None, ["a", "b"], name="split").run()
    assert "'split' declares 2 outputs [a,b]" in str(error.value)
    assert f"returned {len(returned)}" in str(error.value)


@pytest.mark.parametrize(
    ("returned", "kind"), [("ab", "str"), (None, "NoneType"), ({"a": 1, "b": 2}, "dict")]
)
def test_what_is_no_list_is_not_taken_apart(returned: Any, kind: str) -> None:
    with pytest.raises(PipelineError, match=rf"'split'.* returned {kind}"):
        node(lambda: returned, None, ["a", "b"], name="split").run()


def test_missing_keys_are_named_with_those_given() -> None:
    with pytest.raises(PipelineError) as error:
        node(lambda: {"p": 1}, None, {"p": "a", "q": "b", "r": "c"}, name="split").run()
    assert "Node 'split'" in str(error.value)
    assert "lacks the keys q, r; it has p" in str(error.value)


def test_outputs_by_key_need_a_dictionary() -> None:
    with pytest.raises(PipelineError, match=r"Node 'split' .* it returned list"):
        node(lambda: [1], None, {"p": "a"}, name="split").run()


# Generators


def test_generator_gives_each_output_its_chunks() -> None:
    def chunks(n: int) -> Any:
        for i in range(n):
            yield i, -i

    streams = node(chunks, "n", ["up", "down"]).run({"n": 3})
    assert list(streams["down"]) == [0, -1, -2]
    assert list(streams["up"]) == [0, 1, 2]


def test_generator_is_not_run_ahead() -> None:
    asked = []

    def chunks() -> Any:
        for i in range(3):
            asked.append(i)
            yield i

    stream = node(chunks, None, "out").run()["out"]
    assert asked == []
    assert next(stream) == 0
    assert asked == [0]


def test_chunk_of_the_wrong_shape_is_refused() -> None:
    def chunks() -> Any:
        yield 1, 2
        yield 1, 2, 3

    stream = node(chunks, None, ["a", "b"]).run()["a"]
    assert next(stream) == 1
    with pytest.raises(PipelineError, match="declares 2 outputs"):
        next(stream)


# How a node is shown


@pytest.mark.parametrize(
    ("inputs", "outputs", "shown"),
    [
        (["a", "b"], "c", "sum_up: add([a,b]) -> [c]"),
        ({"x": "a", "y": "params:p"}, ["c", "d"], "sum_up: add([a,params:p]) -> [c,d]"),
        (["a", "a"], {"k": "c"}, "sum_up: add([a,a]) -> [c]"),
        (["a", "b"], None, "sum_up: add([a,b]) -> None"),
    ],
)
def test_shown_as_name_function_inputs_outputs(inputs: Any, outputs: Any, shown: str) -> None:
    assert str(node(add, inputs, outputs, name="sum_up")) == shown


def test_shown_without_inputs() -> None:
    assert str(node(nothing, None, "c")) == "nothing: nothing(None) -> [c]"


def test_namespace_stands_before_the_name() -> None:
    made = node(one, "a", "b", name="n", namespace="outer.inner")
    assert made.name == "outer.inner.n"
    assert made.short_name == "n"


# Functions of every kind


@pytest.mark.parametrize(
    ("func", "name", "result"),
    [
        (functools.partial(add, 10), "add", 15),
        (functools.partial(add, y=10), "add", 15),
        (functools.partial(functools.partial(add, 2), 3), "add", None),
        (lambda x: x + 1, "lambda", 6),
        (Scale(3), "Scale", 15),
        (Scale(3).method, "method", 15),
        (str, "str", "5"),
        (abs, "abs", 5),
        (max, "max", None),
    ],
)
def test_any_callable_makes_a_node_with_a_readable_name(func: Any, name: str, result: Any) -> None:
    if result is None:
        inputs: Any = [] if name == "add" else ["a", "a"]
        assert node(func, inputs, "out").name == name
        return
    made = node(func, "a", "out")
    assert made.name == name
    assert made.run({"a": 5}) == {"out": result}


def test_a_decorated_function_keeps_its_name_and_may_be_given_an_argument() -> None:
    @functools.wraps(add)
    def wrapper(*args: Any) -> Any:
        return add(1, *args)

    made = node(wrapper, "a", "c")
    assert made.name == "add"
    assert made.run({"a": 2}) == {"c": 3}

    @functools.wraps(add)
    def narrow(x: Any) -> Any:
        return add(1, x)

    assert node(narrow, "a", "c").run({"a": 2}) == {"c": 3}
    with pytest.raises(NodeSignatureError):
        node(narrow, ["a", "b"], "c")


@pytest.mark.parametrize("inputs", ["a", ["a"], {"y": "a"}])
def test_a_partial_that_is_dressed_up_is_judged_by_what_it_takes(inputs: Any) -> None:
    bound = functools.update_wrapper(functools.partial(add, 1), add)
    assert node(bound, inputs, "c").run({"a": 2}) == {"c": 3}
    with pytest.raises(NodeSignatureError):
        node(bound, ["a", "b"], "c")


def test_what_keeps_results_takes_what_its_function_takes() -> None:
    kept = functools.lru_cache(add)
    assert node(kept, ["a", "b"], "c").run({"a": 2, "b": 1}) == {"c": 3}
    with pytest.raises(NodeSignatureError):
        node(kept, "a", "c")


def test_what_a_node_calls_may_be_set_for_one_attempt_only() -> None:
    made = node(add, ["a", "b"], "c")
    attempt = made.of_attempt()
    attempt.func = lambda x, y: x * y
    assert attempt == made
    assert attempt.run({"a": 3, "b": 4}) == {"c": 12}
    assert made.run({"a": 3, "b": 4}) == {"c": 7}
    with pytest.raises(AttributeError, match="before_node_run"):
        made.func = add
    with pytest.raises(AttributeError):
        attempt.func = 5  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        attempt.name = "other"


def test_callable_that_has_no_hash_makes_a_node() -> None:
    @dataclass
    class Shift:
        by: int

        def __call__(self, x: int) -> int:
            return x + self.by

    first, same, other = (node(Shift(n), "a", "b") for n in (1, 1, 2))
    assert first == same
    assert len({first, same, other}) == 2
    assert first.run({"a": 1}) == {"b": 2}


@pytest.mark.parametrize("not_callable", [3, "add", None, add(1, 2)])
def test_what_cannot_be_called_is_refused(not_callable: Any) -> None:
    with pytest.raises(PipelineError, match="must be a function, not"):
        node(not_callable, "a", "b")


def test_async_functions_are_refused() -> None:
    async def fetch(x: Any) -> Any:
        return x

    async def stream(x: Any) -> Any:
        yield x

    class Client:
        async def __call__(self, x: Any) -> Any:
            return x

    for func in (fetch, stream, Client(), functools.partial(fetch)):
        with pytest.raises(NodeSignatureError, match=r"'async def'.*asyncio\.run"):
            node(func, "a", "b")


# What is refused when the node is made


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (["a"], "missing a required argument: 'y'"),
        (["a", "b", "c"], "too many positional arguments"),
        ({"x": "a"}, "missing a required argument: 'y'"),
        ({"x": "a", "z": "b"}, "missing a required argument: 'y'"),
        ({"x": "a", "y": "b", "z": "c"}, "unexpected keyword argument 'z'"),
        (None, "missing a required argument: 'x'"),
    ],
)
def test_function_that_does_not_take_the_inputs_is_refused(inputs: Any, reason: str) -> None:
    with pytest.raises(NodeSignatureError) as error:
        node(add, inputs, "out", name="sum_up")
    assert "Node 'sum_up': the function add(x" in str(error.value)
    assert reason in str(error.value)


def test_signature_errors_are_also_type_and_value_errors() -> None:
    assert issubclass(NodeSignatureError, TypeError)
    assert issubclass(NodeSignatureError, ValueError)


def test_defaults_and_varargs_count() -> None:
    def flexible(x: Any, y: Any = 1, *rest: Any, **more: Any) -> Any:
        return x, y, rest, more

    assert node(flexible, "a", "o").run({"a": 0}) == {"o": (0, 1, (), {})}
    assert node(flexible, ["a", "a", "a"], "o").run({"a": 0}) == {"o": (0, 0, (0,), {})}
    assert node(flexible, {"x": "a", "k": "a"}, "o").run({"a": 0}) == {"o": (0, 1, (), {"k": 0})}


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        (None, None, "neither inputs nor outputs"),
        ([], {}, "neither inputs nor outputs"),
        ("a", ["b", "c", "b"], "names an output twice: b"),
        ("a", {"p": "b", "q": "b"}, "names an output twice: b"),
        (["a", "b"], "b", "has b both as input and as output"),
        (["a", ""], "b", "must be names of data sets, not ''"),
        (["a", 3], "b", "must be names of data sets, not 3"),
        ("a", [None], "must be names of data sets, not None"),
        ({"a", "b"}, "c", "inputs must be a string, list, dictionary or None, not set"),
        ("a", 5, "outputs must be a string, list, dictionary or None, not int"),
    ],
)
def test_impossible_names_of_data_sets(inputs: Any, outputs: Any, reason: str) -> None:
    with pytest.raises(PipelineError) as error:
        node(lambda *_: None, inputs, outputs, name="broken")
    assert "'broken'" in str(error.value)
    assert reason in str(error.value)


@pytest.mark.parametrize("name", ["a b", "a,b", "a/b", "", "a:b", "../up", "new\nline", 3])
def test_names_that_would_break_paths_and_options_are_refused(name: Any) -> None:
    with pytest.raises(PipelineError, match="cannot be the name of a node"):
        node(one, "a", "b", name=name)


@pytest.mark.parametrize("tag", ["a b", "a,b", "", 3])
def test_tags_that_would_break_options_are_refused(tag: Any) -> None:
    with pytest.raises(PipelineError, match="cannot be a tag"):
        node(one, "a", "b", tags=[tag])


@pytest.mark.parametrize("namespace", ["../up", "/etc", "a b", "a..b", ".a", "a.", "a\n", "a\0", 3])
def test_namespaces_that_would_break_paths_are_refused(namespace: Any) -> None:
    with pytest.raises(PipelineError, match="cannot be a namespace") as error:
        node(len, "a", "b", name="count", namespace=namespace)
    assert "Node 'count'" in str(error.value)


@pytest.mark.parametrize("namespace", ["a", "a.b", "a-1.b_2", "é"])
def test_namespaces_may_stand_in_one_another(namespace: str) -> None:
    assert node(len, "a", "b", namespace=namespace).name == f"{namespace}.len"


def test_data_sets_to_confirm_are_named() -> None:
    assert node(len, "a", "b").confirms == []
    assert node(len, "a", "b", confirms="a").confirms == ["a"]
    assert node(len, "a", "b", confirms=("a", "c")).confirms == ["a", "c"]
    with pytest.raises(PipelineError, match=r"Node 'len': confirms must be names.*not 3"):
        node(len, "a", "b", confirms=[3])  # type: ignore[list-item]


def test_names_without_forms() -> None:
    made = node(lambda *_: None, ["a@x", "a@y", "b"], ["c@x", "d"])
    assert made.reads == ("a", "b")
    assert made.writes == ("c", "d")
    assert made.transcodes == {"a", "c"}


def test_one_tag_may_be_given_as_a_string() -> None:
    assert node(one, "a", "b", tags="quick").tags == {"quick"}


# A node as a value


def test_node_is_frozen() -> None:
    made = node(one, "a", "b", tags="t")
    with pytest.raises(AttributeError, match="frozen"):
        made.name = "other"
    with pytest.raises(AttributeError, match="frozen"):
        made.new = 1
    with pytest.raises(AttributeError, match="frozen"):
        del made.name
    assert made.name == "one"


def test_changing_given_lists_later_changes_no_node() -> None:
    inputs, outputs, tags = ["a", "b"], {"k": "c"}, {"t"}
    made = node(add, inputs, outputs, tags=tags)
    inputs.append("z")
    outputs["l"] = "d"
    tags.add("u")
    assert made.inputs == ["a", "b"]
    assert made.outputs == ["c"]
    assert made.tags == {"t"}
    made.inputs.append("y")
    assert made.inputs == ["a", "b"]


def test_tagging_makes_another_node() -> None:
    plain = node(one, "a", "b", tags="t")
    tagged = plain.tag(["u", "v"])
    assert tagged.tags == {"t", "u", "v"}
    assert plain.tags == {"t"}
    assert tagged == plain


@pytest.mark.parametrize(
    "other",
    [
        node(one, "a", "c"),
        node(one, "z", "b"),
        node(one, "a", "b", name="named"),
        node(one, "a", "b", namespace="ns"),
        node(str, "a", "b"),
        node(one, {"x": "a"}, "b"),
    ],
)
def test_nodes_differ_in_each_of_their_parts(other: Any) -> None:
    assert node(one, "a", "b") == node(one, "a", "b")
    assert hash(node(one, "a", "b")) == hash(node(one, "a", "b"))
    assert node(one, "a", "b") != other
    assert node(one, "a", "b") != "one"


def test_order_in_a_dictionary_makes_no_difference() -> None:
    left = node(add, {"x": "a", "y": "b"}, {"k": "c", "l": "d"})
    right = node(add, {"y": "b", "x": "a"}, {"l": "d", "k": "c"})
    assert left == right
    assert hash(left) == hash(right)


@pytest.mark.parametrize(
    "made",
    [
        node(add, ["a", "b"], "c", name="n", tags=["t", "u"], namespace="ns", confirms="a"),
        node(add, {"x": "a", "y": "b"}, {"k": "c"}),
        node(functools.partial(add, y=1), "a", "b"),
        node(len, "a", "b").with_name_suffix("-1234"),
    ],
)
def test_node_survives_pickling(made: Any) -> None:
    back = pickle.loads(pickle.dumps(made))
    assert (back.name, back.tags, str(back)) == (made.name, made.tags, str(made))
    assert (back.inputs, back.outputs) == (made.inputs, made.outputs)
    assert back.confirms == made.confirms
    if not isinstance(made.func, functools.partial):  # partials are equal only if identical
        assert back == made
        assert hash(back) == hash(made)


def test_a_node_says_what_counts_as_a_change_besides_its_code_and_data() -> None:
    made = node(one, "x", "y", always=True, depends_on_packages=["pyarrow", "pandas"])
    for same in (
        made,
        made.tag("late"),
        made.renamed({"x": "z"}),
        pickle.loads(pickle.dumps(made)),
    ):
        assert (same.always, same.depends_on_packages) == (True, ("pandas", "pyarrow"))
    assert node(one, "x", "y", depends_on_packages="pandas").depends_on_packages == ("pandas",)
    with pytest.raises(PipelineError, match="depends_on_packages cannot have 'a b'"):
        node(one, "x", "y", depends_on_packages=["a b"])
