"""Names for nodes that were given none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from zlib import crc32

from sparkpipe.pipeline.node import Node


def give_distinct_names(nodes: Iterable[Node]) -> list[Node]:
    """Give a short suffix to nodes without a name of their own whose names would be equal.

    The suffix is a hash of what the node reads and writes, so it stays when other nodes come or go.
    """
    same_name: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        same_name[node.name].append(node)
    if all(len(group) == 1 for group in same_name.values()):
        return [group[0] for group in same_name.values()]
    distinct: list[Node] = []
    for name, group in same_name.items():
        unnamed = [node for node in group if not node.has_explicit_name]
        distinct += [node for node in group if node.has_explicit_name]
        if len(group) == 1:
            distinct += unnamed
            continue
        for node, suffix in zip(unnamed, _suffixes(unnamed, name, same_name), strict=True):
            distinct.append(node.with_name_suffix(f"-{suffix}"))
    return distinct


def _suffixes(nodes: list[Node], name: str, taken: dict[str, list[Node]]) -> list[str]:
    digests = []
    for node in nodes:
        told = (getattr(node.func, "__module__", ""), node.inputs, node.outputs)
        digests.append(f"{crc32(repr(told).encode()):08x}")
    for length in (4, 6, 8):
        suffixes = [digest[:length] for digest in digests]
        if len(set(suffixes)) == len(suffixes) and not any(
            f"{name}-{suffix}" in taken for suffix in suffixes
        ):
            return suffixes
    # Nodes that even read and write the same, which only nodes without outputs can.
    return [f"{digest}-{number}" for number, digest in enumerate(digests, 1)]
