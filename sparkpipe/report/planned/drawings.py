"""A planned run as a graph in the languages of Mermaid and of Graphviz.

Names come from users and may hold anything: nodes of the graph are called by numbers, and their
names are only labels, in which what these languages would read as their own is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass

from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.report.planned.run import PlannedRun
from sparkpipe.report.text import printable

_PLAIN = frozenset(" _-./:,()@")


@dataclass(frozen=True)
class _Graph:
    """Keys of functions and of data, and edges between keys.

    Attributes:
        functions: The lines of the label by key: the name, and why the node runs or does not.
        data: The names by key.
        edges: Pairs of keys.
        skipped: Keys of functions.
    """

    functions: dict[str, tuple[str, ...]]
    data: dict[str, str]
    edges: tuple[tuple[str, str], ...]
    skipped: tuple[str, ...]


def mermaid(planned: PlannedRun) -> str:
    """Return a flowchart of Mermaid: boxes are nodes, rounded ones data; skipped ones are dashed.

    Args:
        planned: The run.
    """
    graph = _graph(planned)
    lines = ["flowchart LR"]
    for key, told in graph.functions.items():
        lines.append(f'  {key}["{"<br/>".join(map(_for_mermaid, told))}"]')
    lines += [f'  {key}(["{_for_mermaid(name)}"])' for key, name in graph.data.items()]
    lines += [f"  {start} --> {end}" for start, end in graph.edges]
    if graph.skipped:
        lines += ["  classDef skipped stroke-dasharray: 4 4,opacity:0.6"]
        lines += [f"  class {','.join(graph.skipped)} skipped"]
    return "\n".join(lines)


def dot(planned: PlannedRun) -> str:
    """Return a graph of Graphviz: boxes are nodes, ellipses data; skipped ones are dashed.

    Args:
        planned: The run.
    """
    graph = _graph(planned)
    lines = ["digraph {", "  rankdir=LR;"]
    for key, told in graph.functions.items():
        style = ", style=dashed" if key in graph.skipped else ""
        lines.append(f"  {key} [shape=box, label={_for_dot(*told)}{style}];")
    lines += [f"  {key} [label={_for_dot(name)}];" for key, name in graph.data.items()]
    lines += [f"  {start} -> {end};" for start, end in graph.edges]
    return "\n".join([*lines, "}"])


def _graph(planned: PlannedRun) -> _Graph:
    functions: dict[str, tuple[str, ...]] = {}
    keys: dict[str, str] = {}  # of data, by name without forms
    edges: dict[tuple[str, str], None] = {}
    skipped = []

    def key_of(name: str) -> str:
        return keys.setdefault(strip_transcoding(name), f"d{len(keys) + 1}")

    for number, node in enumerate(planned.nodes, start=1):
        key = f"n{number}"
        functions[key] = (node.name, *node.reasons)
        if not node.runs:
            skipped.append(key)
        for one in node.loads:
            if not is_parameter(one.name):
                edges[key_of(one.name), key] = None
        for one in node.saves:
            edges[key, key_of(one.name)] = None
    data = {key: name for name, key in keys.items()}
    return _Graph(functions, data, tuple(edges), tuple(skipped))


def _for_mermaid(name: str) -> str:
    r"""Return a label in which Mermaid reads nothing as its own.

    >>> _for_mermaid('a "b" <i>')
    'a #34;b#34; #60;i#62;'
    """
    return "".join(
        char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in printable(name)
    )


def _for_dot(*told: str) -> str:
    r"""Return lines as a label in quotes, in which Graphviz reads nothing as its own.

    >>> _for_dot('a "b"\\N')
    '"a \\"b\\"\\\\N"'
    """
    lines = (printable(one).replace("\\", "\\\\").replace('"', '\\"') for one in told)
    # It reads entities of HTML, in every label.
    return '"' + r"\n".join(lines).replace("&", "&amp;") + '"'
