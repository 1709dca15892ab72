"""Modular pipelines: the nodes of a pipeline once more, in a namespace, with other names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sparkpipe.errors import ModularPipelineError, PipelineError, did_you_mean
from sparkpipe.pipeline.names import check_namespace
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.pipeline import Pipeline
from sparkpipe.pipeline.transcoding import TRANSCODING_SEPARATOR, strip_transcoding

Names = str | Iterable[str] | Mapping[str, str] | None

_ALL_PARAMETERS = "parameters"
_PARAMETER = "params:"
_SLICE = "slice:"


def pipeline(
    pipe: Iterable[Node | Pipeline] | Pipeline,
    *,
    inputs: Names = None,
    outputs: Names = None,
    parameters: Names = None,
    tags: str | Iterable[str] | None = None,
    namespace: str | None = None,
) -> Pipeline:
    """Make a pipeline of nodes and pipelines; in a namespace, or with other names, if so asked.

    A namespace is put before the names of all nodes, data sets and parameters, but for those that
    are named in ``inputs``, ``outputs`` and ``parameters``, for ``parameters`` itself, and for
    slices, such as ``slice:day``.

    Args:
        pipe: Nodes and pipelines, or one pipeline.
        inputs: Data sets that the pipeline reads and does not make: one name, or more, which stay
            as they are; or a dictionary of names here to new names. A name stands for all forms of
            a transcoded data set.
        outputs: The same for data sets that its nodes write.
        parameters: The same for parameters, with or without ``params:``. A name stands for all in a
            group of that name, too: ``model`` for ``params:model.depth``.
        tags: Put on every node.
        namespace: Letters, digits, ``_`` and ``-``; with dots between namespaces in one another.

    Raises:
        ModularPipelineError: A name is not in the pipeline, or in the wrong argument.
        PipelineError: The nodes, under these names, make up no pipeline.

    >>> from sparkpipe.pipeline import node
    >>> count = pipeline([node(len, "text", "length")])
    >>> print(pipeline(count, inputs={"text": "letter"}, namespace="post").describe())
    Inputs: letter
    <BLANKLINE>
    post.len
    <BLANKLINE>
    Outputs: post.length
    """
    if not (inputs or outputs or parameters or namespace):
        return pipe if isinstance(pipe, Pipeline) and not tags else Pipeline(pipe, tags=tags)
    whole = pipe if isinstance(pipe, Pipeline) else Pipeline(pipe)
    if namespace:
        _check_namespace(namespace)
    new_names = _new_names(
        whole,
        _mapping("inputs", inputs),
        _mapping("outputs", outputs),
        _with_prefix(_mapping("parameters", parameters)),
        namespace,
    )
    return Pipeline((node.renamed(new_names, namespace) for node in whole._unordered), tags=tags)


def _check_namespace(namespace: str) -> None:
    try:
        check_namespace(namespace, "pipeline()")
    except PipelineError as exc:
        raise ModularPipelineError(exc.message, hint=exc.hint) from None


def _mapping(argument: str, names: Names) -> dict[str, str]:
    if names is None:
        return {}
    if isinstance(names, str):
        names = (names,)
    if not isinstance(names, Iterable):
        raise ModularPipelineError(
            f"pipeline(): {argument} cannot be {names!r}.",
            hint="Give a name, a set of names, or a dictionary of names to new names.",
        )
    given = dict(names) if isinstance(names, Mapping) else {name: name for name in names}
    for name in (*given, *given.values()):
        if not isinstance(name, str) or not name.strip():
            raise ModularPipelineError(
                f"pipeline(): {argument} must be names, not {name!r}.",
                hint="Give a name, a set of names, or a dictionary of names to new names.",
            )
    return given


def _with_prefix(parameters: dict[str, str]) -> dict[str, str]:
    def prefixed(name: str) -> str:
        return name if name.startswith(_PARAMETER) else f"{_PARAMETER}{name}"

    return {
        # All parameters together have but this one name.
        **({_ALL_PARAMETERS: _ALL_PARAMETERS} if _ALL_PARAMETERS in parameters else {}),
        **{prefixed(k): prefixed(v) for k, v in parameters.items() if k != _ALL_PARAMETERS},
    }


def is_parameter(name: str) -> bool:
    """Return whether a name is that of a parameter, of all of them, or of the slice of a run."""
    return name == _ALL_PARAMETERS or name.startswith((_PARAMETER, _SLICE))


def _new_names(
    whole: Pipeline,
    inputs: dict[str, str],
    outputs: dict[str, str],
    parameters: dict[str, str],
    namespace: str | None,
) -> dict[str, str]:
    """Return the new name of every name that the nodes use."""
    used = whole.data_sets().union(*(node.confirms for node in whole._unordered))
    _refuse_parameters("inputs", inputs)
    _refuse_parameters("outputs", outputs)
    _refuse_unknown(used, inputs, outputs, parameters)
    _refuse_what_is_made(whole, inputs)
    _refuse_what_is_not_made(whole, outputs)
    for name in inputs.keys() & outputs.keys():
        if inputs[name] != outputs[name]:
            raise ModularPipelineError(
                f"pipeline(): '{name}' is to be '{inputs[name]}' by inputs, and "
                f"'{outputs[name]}' by outputs.",
                hint="A data set of which one form is made of another has one name for both.",
            )
    given = {**inputs, **outputs, **parameters}
    new_names = {name: _new_name(name, given, namespace) for name in used}
    _refuse_parted_forms(new_names)
    return new_names


def _new_name(name: str, given: Mapping[str, str], namespace: str | None) -> str:
    if name in given:
        return given[name]
    if name == _ALL_PARAMETERS or name.startswith(_SLICE):
        return name
    for group in _groups_of(name):
        if group in given:
            return f"{given[group]}{name.removeprefix(group)}"
    base, _, form = name.partition(TRANSCODING_SEPARATOR)
    if base in given:
        if TRANSCODING_SEPARATOR in given[base]:
            raise ModularPipelineError(
                f"pipeline(): '{base}' cannot become '{given[base]}', for it is used as '{name}'.",
                hint=f"Leave out the form: {{'{base}': '{strip_transcoding(given[base])}'}}.",
            )
        return f"{given[base]}{TRANSCODING_SEPARATOR}{form}"
    if not namespace:
        return name
    if is_parameter(name):
        return f"{_PARAMETER}{namespace}.{name.removeprefix(_PARAMETER)}"
    return f"{namespace}.{name}"


def _groups_of(name: str) -> list[str]:
    """Return the groups that a parameter is in, the innermost first.

    >>> _groups_of("params:model.tree.depth")
    ['params:model.tree', 'params:model']
    """
    if not name.startswith(_PARAMETER):
        return []
    parts = name.split(".")
    return [".".join(parts[:number]) for number in range(len(parts) - 1, 0, -1)]


def _refuse_parameters(argument: str, names: Iterable[str]) -> None:
    found = sorted(filter(is_parameter, names))
    if found:
        raise ModularPipelineError(
            f"pipeline(): {argument} cannot have parameters: {_listed(found)}.",
            hint="Give them by the argument 'parameters'.",
        )


def _refuse_unknown(used: set[str], *arguments: Mapping[str, str]) -> None:
    known = used | {strip_transcoding(name) for name in used}
    known |= {group for name in used for group in _groups_of(name)}
    unknown = sorted({name for names in arguments for name in names if name not in known})
    if unknown:
        raise ModularPipelineError(
            f"pipeline(): no node uses {_listed(unknown)}.", hint=did_you_mean(unknown[0], known)
        )


def _refuse_what_is_made(whole: Pipeline, inputs: Iterable[str]) -> None:
    free = {strip_transcoding(name) for name in whole.inputs()}
    made = sorted(name for name in inputs if strip_transcoding(name) not in free)
    if made:
        raise ModularPipelineError(
            f"pipeline(): inputs cannot have what the pipeline makes itself: {_listed(made)}.",
            hint="To give it to other pipelines, name it in 'outputs'.",
        )


def _refuse_what_is_not_made(whole: Pipeline, outputs: Iterable[str]) -> None:
    only_read = sorted(n for n in outputs if whole._producer(strip_transcoding(n)) is None)
    if only_read:
        raise ModularPipelineError(
            f"pipeline(): outputs cannot have what no node writes: {_listed(only_read)}.",
            hint="To take it from other pipelines, name it in 'inputs'.",
        )


def _refuse_parted_forms(new_names: Mapping[str, str]) -> None:
    """Every form of a data set goes with the others, or the nodes between them come apart."""
    first: dict[str, str] = {}
    for name in sorted(name for name in new_names if TRANSCODING_SEPARATOR in name):
        base = strip_transcoding(name)
        other = first.setdefault(base, name)
        if strip_transcoding(new_names[name]) != strip_transcoding(new_names[other]):
            raise ModularPipelineError(
                f"pipeline(): '{other}' would become '{new_names[other]}', but '{name}' "
                f"'{new_names[name]}'; they are one data set.",
                hint=f"Name it without a form, '{base}', which stands for all of them.",
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
