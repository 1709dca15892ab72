"""A node: a plain function with the names of the data sets that it reads and writes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from operator import attrgetter, itemgetter
from typing import Any

from sparkpipe.errors import NodeSignatureError, PipelineError, report
from sparkpipe.pipeline.functions import find_name, find_signature_problem
from sparkpipe.pipeline.names import (
    DataSetNames,
    Names,
    check_names,
    check_namespace,
    flatten_names,
    make_hashable,
    rename_names,
    show_names,
)
from sparkpipe.pipeline.returned import bind_returned
from sparkpipe.pipeline.running import NAME, as_package_names, check_running, check_tags
from sparkpipe.pipeline.transcoding import TRANSCODING_SEPARATOR, strip_transcoding


class Node:
    """One step of a pipeline. Frozen; made by :func:`node`.

    Two nodes are equal when function, inputs, outputs, name, namespace agree.
    """

    __slots__ = (
        "_confirms",
        "_hash",
        "_inputs",
        "_key",
        "_outputs",
        "always",
        "arguments",
        "depends_on_packages",
        "func",
        "input_names",
        "keyword_arguments",
        "name",
        "namespace",
        "output_names",
        "pool",
        "reads",
        "retries",
        "retry_delay",
        "tags",
        "timeout",
        "transcodes",
        "writes",
    )

    _confirms: tuple[str, ...]
    _inputs: Names
    _outputs: Names
    _key: tuple[object, ...]
    _hash: int
    func: Callable[..., Any]
    #: The name in logs and on the command line.
    name: str
    #: Data sets passed by position, and those passed by keyword as pairs of parameter and data set.
    arguments: tuple[str, ...]
    keyword_arguments: tuple[tuple[str, str], ...]
    #: The data sets that are loaded and saved, each named once, in the order declared.
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    #: The same without their forms, and those that have one.
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    transcodes: frozenset[str]
    tags: frozenset[str]
    namespace: str | None
    #: How it runs: Spark's scheduler pool, seconds it may take, how often it is tried again.
    pool: str | None
    timeout: float | None
    retries: int
    retry_delay: float
    #: Whether it runs though nothing has changed, and packages whose versions count as a change.
    always: bool
    depends_on_packages: tuple[str, ...]

    def __init__(
        self,
        func: Callable[..., Any],
        inputs: DataSetNames,
        outputs: DataSetNames,
        *,
        name: str | None = None,
        tags: str | Iterable[str] | None = None,
        confirms: str | Sequence[str] | None = None,
        namespace: str | None = None,
        pool: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        retry_delay: float = 1.0,
        always: bool = False,
        depends_on_packages: str | Iterable[str] = (),
    ) -> None:
        if not callable(func):
            raise PipelineError(
                f"The first argument of a node must be a function, not {type(func).__name__}.",
                hint="Write node(func, inputs, outputs), with the function itself, not its result.",
            )
        set_ = super().__setattr__
        set_("func", func)
        set_("namespace", namespace)
        described = name or find_name(func)
        set_("name", f"{namespace}.{described}" if namespace else described)
        set_("tags", frozenset((tags,) if isinstance(tags, str) else tags or ()))
        set_("_confirms", (confirms,) if isinstance(confirms, str) else tuple(confirms or ()))
        set_("pool", pool)
        set_("timeout", timeout)
        set_("retries", retries)
        set_("retry_delay", retry_delay)
        set_("always", always)
        set_("depends_on_packages", as_package_names(described, depends_on_packages))
        self._set_data_sets(
            check_names(inputs, "inputs", described),
            check_names(outputs, "outputs", described),
            name,
        )
        self._validate()
        self._validate_data_sets()
        problem = find_signature_problem(
            self.func, self.arguments, self.keyword_arguments, self.name, show_names(self._inputs)
        )
        if problem:
            report(NodeSignatureError(problem))

    def _set_data_sets(self, inputs: Names, outputs: Names, explicit_name: str | None) -> None:
        """Set all that is made of the names of data sets."""
        set_ = super().__setattr__
        set_("_inputs", inputs)
        set_("_outputs", outputs)
        positional: tuple[str, ...] = ()
        by_keyword: tuple[tuple[str, str], ...] = ()
        if isinstance(inputs, dict):
            by_keyword = tuple(inputs.items())
        elif inputs is not None:
            positional = (inputs,) if isinstance(inputs, str) else inputs
        set_("arguments", positional)
        set_("keyword_arguments", by_keyword)
        loaded = (*positional, *(data_set for _, data_set in by_keyword))
        set_("input_names", tuple(dict.fromkeys(loaded)))
        set_("output_names", flatten_names(outputs))
        names = (*self.input_names, *self.output_names)
        forms = [strip_transcoding(name) for name in names if TRANSCODING_SEPARATOR in name]
        reads, writes = self.input_names, self.output_names
        if forms:
            reads = tuple(dict.fromkeys(map(strip_transcoding, reads)))
            writes = tuple(map(strip_transcoding, writes))
        set_("reads", reads)
        set_("writes", writes)
        set_("transcodes", frozenset(forms))
        shape = (make_hashable(inputs), make_hashable(outputs))
        key = (self.func, explicit_name, self.namespace, *shape)
        set_("_key", key)
        set_("_hash", _hash_of(key))

    def _validate(self) -> None:
        described = self.name
        if self._explicit_name is not None and not (
            isinstance(self._explicit_name, str) and NAME.fullmatch(self._explicit_name)
        ):
            raise PipelineError(
                f"'{self._explicit_name}' cannot be the name of a node.",
                hint="Use letters, digits, '_', '-' and '.'.",
            )
        if self.namespace:
            check_namespace(self.namespace, f"Node '{self.short_name}'")
        check_tags(self.name, self.tags)
        check_running(self.name, self.pool, self.timeout, self.retries, self.retry_delay)
        for name in self._confirms:
            if not isinstance(name, str) or not name.strip():
                raise PipelineError(
                    f"Node '{described}': confirms must be names of data sets, not {name!r}.",
                    hint="Write confirms='events', or a list of names.",
                )

    def _validate_data_sets(self) -> None:
        described = self.name
        if not self.input_names and not self.output_names:
            raise PipelineError(
                f"Node '{described}' has neither inputs nor outputs.",
                hint="Name a data set that it reads or writes.",
            )
        if len(set(self.output_names)) < len(self.output_names):
            twice = sorted({n for n in self.output_names if self.output_names.count(n) > 1})
            raise PipelineError(
                f"Node '{described}' names an output twice: {', '.join(twice)}.",
                hint="Each output of a node needs a data set of its own.",
            )
        # x@excel -> x@csv in one node is a conversion in place; x -> x is a loop.
        both = sorted(set(self.input_names) & set(self.output_names))
        if both:
            raise PipelineError(
                f"Node '{described}' has {', '.join(both)} both as input and as output.",
                hint="Write the result to a data set of another name.",
            )
        if self.transcodes:
            self._validate_forms()

    def _validate_forms(self) -> None:
        names = dict.fromkeys((*self.input_names, *self.output_names))
        for name in names:
            if TRANSCODING_SEPARATOR not in name:
                continue
            base, _, form = name.partition(TRANSCODING_SEPARATOR)
            if not base or not form or TRANSCODING_SEPARATOR in form:
                raise PipelineError(
                    f"Node '{self.name}': '{name}' is no data set in one of its forms.",
                    hint="Write the name, one '@' and the form, such as 'orders@spark'.",
                )
            if base in names:
                raise PipelineError(
                    f"Node '{self.name}' uses '{base}' and also '{name}', which is a form of it.",
                    hint="Write a form with each, such as 'orders@spark', or use another name.",
                )
        if len(set(self.writes)) < len(self.writes):
            twice = [n for n in self.output_names if self.writes.count(strip_transcoding(n)) > 1]
            raise PipelineError(
                f"Node '{self.name}' writes one data set in two forms: {', '.join(twice)}.",
                hint="Write one form; any other form reads what it has written.",
            )

    def __setattr__(self, name: str, value: object) -> None:
        hint = (
            "A hook 'before_node_run' may set it, for that run; elsewhere make another node."
            if name in ("func", "_func")
            else "Make another node."
        )
        raise AttributeError(f"A node is frozen: '{name}' cannot be set. {hint}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"A node is frozen: '{name}' cannot be deleted.")

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Node.__slots__ if name != "_hash"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            super().__setattr__(name, value)
        super().__setattr__("_hash", _hash_of(self._key))

    def _with(self, _class: type[Node] | None = None, **attributes: Any) -> Node:
        """Return a copy with some attributes changed; what is made of them is not made anew."""
        copy = Node.__new__(_class or Node)
        for set_, value in zip(_SETTERS, _values_of(self), strict=True):
            set_(copy, value)
        for attribute, value in attributes.items():
            super(Node, copy).__setattr__(attribute, value)
        return copy

    def of_attempt(self) -> Node:
        """Return an equal node for one attempt, whose ``func`` may be set by ``before_node_run``.

        >>> attempt = node(len, "text", "length").of_attempt()
        >>> attempt.func = lambda text: 0
        >>> attempt.run({"text": "abc"})
        {'length': 0}
        """
        return self._with(_NodeOfAttempt)

    def renamed(self, new_names: Mapping[str, str], namespace: str | None = None) -> Node:
        """Return this node with its data sets under other names.

        Args:
            new_names: The new name of each data set that has one.
            namespace: Put before the node's own namespace.
        """
        namespace = ".".join(part for part in (namespace, self.namespace) if part) or None
        name = self._explicit_name or self._func_name
        renamed = self._with(
            namespace=namespace,
            name=f"{namespace}.{name}" if namespace else name,
            _confirms=rename_names(self._confirms, new_names),
        )
        renamed._set_data_sets(
            rename_names(self._inputs, new_names),
            rename_names(self._outputs, new_names),
            self._explicit_name,
        )
        # How the function is called has not changed.
        renamed._validate_data_sets()
        return renamed

    def with_name_suffix(self, suffix: str) -> Node:
        """Return an equal node whose shown name ends with ``suffix``.

        A pipeline tells apart in this way nodes that were given no name and share a function.
        """
        return self._with(name=self.name + suffix)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return self is other or (self._hash == other._hash and self._key == other._key)

    def __hash__(self) -> int:
        return self._hash

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return str(self) < str(other)

    def __str__(self) -> str:
        inputs, outputs = show_names(self._inputs), show_names(self._outputs)
        return f"{self.name}: {self._func_name}({inputs}) -> {outputs}"

    def __repr__(self) -> str:
        return (
            f"Node({self._func_name}, {self._inputs!r}, {self._outputs!r}, {self._explicit_name!r})"
        )

    def __call__(self, **kwargs: Any) -> dict[str, Any]:
        """Call :meth:`run` with inputs given by keyword."""
        return self.run(kwargs)

    @property
    def short_name(self) -> str:
        """The name without the namespace."""
        return self.name.removeprefix(f"{self.namespace}.") if self.namespace else self.name

    @property
    def _explicit_name(self) -> Any:
        return self._key[1]

    @property
    def has_explicit_name(self) -> bool:
        """Whether the name was given by the user."""
        return self._key[1] is not None

    @property
    def _func_name(self) -> str:
        return find_name(self.func)

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, as declared, with repetitions."""
        return [*self.arguments, *(data_set for _, data_set in self.keyword_arguments)]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, as declared."""
        return list(self.output_names)

    @property
    def confirms(self) -> list[str]:
        """Names of the data sets that are confirmed once the node has run."""
        return list(self._confirms)

    def tag(self, tags: str | Iterable[str]) -> Node:
        """Return this node with more tags."""
        more = {tags} if isinstance(tags, str) else set(tags)
        tagged = self._with(tags=self.tags | more)
        check_tags(tagged.name, tagged.tags)
        return tagged

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Call the function with the loaded inputs, a mapping of data set names to data."""
        return self.func(
            *[inputs[name] for name in self.arguments],
            **{parameter: inputs[name] for parameter, name in self.keyword_arguments},
        )

    def run(self, inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call the function and return its outputs by the names of their data sets.

        A generator function gives an iterator of chunks for each output.

        Raises:
            PipelineError: An input is missing, or the outputs are not those declared.
        """
        inputs = inputs or {}
        missing = [name for name in self.input_names if name not in inputs]
        if missing:
            raise PipelineError(f"Node '{self.name}' lacks the inputs {', '.join(missing)}.")
        result = self.call(inputs)
        if inspect.isgenerator(result):
            if self.output_names:
                return self._streams(result)
            for _ in result:  # run to its end: what it gives is of no use to anybody
                continue
            return {}
        return self.bind_outputs(result)

    def _streams(self, chunks: Iterator[Any]) -> dict[str, Any]:
        copies = tee((self.bind_outputs(chunk) for chunk in chunks), len(self.output_names))
        return {
            name: map(itemgetter(name), copy)
            for name, copy in zip(self.output_names, copies, strict=True)
        }

    def bind_outputs(self, result: Any) -> dict[str, Any]:
        """Assign to each declared output its part of what the function returned.

        Raises:
            PipelineError: Their number or keys are not those declared.
        """
        return bind_returned(self.name, self._outputs, result)


_values_of = attrgetter(*Node.__slots__)
_SETTERS = [vars(Node)[name].__set__ for name in Node.__slots__]


class _NodeOfAttempt(Node):
    """A node as hooks get it: what it calls may be set, and is forgotten after the attempt."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("func", "_func") and callable(value):
            object.__setattr__(self, "func", value)
        else:
            super().__setattr__(name, value)


def node(
    func: Callable[..., Any],
    inputs: DataSetNames,
    outputs: DataSetNames,
    *,
    name: str | None = None,
    tags: str | Iterable[str] | None = None,
    confirms: str | Sequence[str] | None = None,
    namespace: str | None = None,
    pool: str | None = None,
    timeout: float | None = None,
    retries: int = 0,
    retry_delay: float = 1.0,
    always: bool = False,
    depends_on_packages: str | Iterable[str] = (),
) -> Node:
    """Make a node of a function and the names of its data sets.

    Args:
        func: A plain function; a generator function saves chunk by chunk.
        inputs: Data sets to load: one name, a list for arguments by position, a dictionary of
            parameter to data set for arguments by keyword, or None. ``params:x`` is the parameter
            ``x``, ``parameters`` the dictionary of all.
        outputs: Data sets to save: one name for what is returned, a list for a returned tuple or
            list, a dictionary of key to data set for a returned dictionary, or None.
        name: Letters, digits, ``_``, ``-``, ``.``; by default the name of the function.
        tags: Names to choose nodes by.
        confirms: Data sets to confirm once the node has run.
        namespace: Put before the name, with a dot. Letters, digits, ``_``, ``-``; with dots between
            namespaces in one another.
        pool: The pool of Spark's scheduler in which its jobs run.
        timeout: Seconds that it may take. Then its Spark jobs are cancelled, and it fails; Python
            code cannot be interrupted, but nothing is saved after it.
        retries: How often it is tried again after a failure that may pass, such as a lost
            connection; never after one that would come again, such as a missing column.
        retry_delay: Seconds before the first further attempt; twice as long before each next one,
            at most 60.
        always: Runs also where only what has changed is run, as it reads what no data set tells.
        depends_on_packages: Installed packages whose versions count as a change.

    Raises:
        PipelineError: A name or an argument is not possible.
        NodeSignatureError: The function cannot be called with these inputs.

    >>> def add(x, y):
    ...     return x + y
    >>> print(node(add, ["a", "b"], "sum"))
    add: add([a,b]) -> [sum]
    """
    return Node(
        func,
        inputs,
        outputs,
        name=name,
        tags=tags,
        confirms=confirms,
        namespace=namespace,
        pool=pool,
        timeout=timeout,
        retries=retries,
        retry_delay=retry_delay,
        always=always,
        depends_on_packages=depends_on_packages,
    )


def _hash_of(key: tuple[object, ...]) -> int:
    try:
        return hash(key)
    except TypeError:  # the function is an object with an __eq__ and no hash, such as a dataclass
        return hash(key[1:])
