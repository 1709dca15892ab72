"""What has changed, in words: ``params:min_fare 2.5 → 3``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sparkpipe.journal.identity import NodeIdentity
from sparkpipe.words import listed

# Of more parts of the code only the number is told.
_MOST_PARTS = 3

_DELTA = re.compile(r"v(\d+)(?:-\S+)?")
_FILE = re.compile(r"(\d+)-\d+")
_HASH = re.compile(r"[0-9a-f]{32}")


def tell_identity(node: str, before: Mapping[str, Any], now: NodeIdentity) -> Iterator[str]:
    """Give what is different between two identities of a node.

    Args:
        node: The name of the node.
        before: An identity that was written down.
        now: The present one.
    """
    code = _tell_code(node, before.get("code", {}), now)
    if code:
        yield code
    if before.get("wiring") != now.wiring:
        yield f"inputs or outputs of {node} changed"
    yield from _tell_params(before, now)
    options = before.get("options", {})
    for name, digest in now.options.items():
        if options.get(name) != digest:
            yield f"options of {name} changed"
    yield from _tell_packages(before.get("packages", {}), now.packages)


def _tell_code(node: str, before: Mapping[str, Any], now: NodeIdentity) -> str:
    places = [
        f"{part.place} {name.rpartition('.')[2]}".strip()
        for name, part in now.code.items()
        if name in before and before[name][0] != part.digest
    ]
    if not places:  # the function itself may be another one
        places = [
            f"{part.place} {name.rpartition('.')[2]} is new".strip()
            for name, part in now.code.items()
            if name not in before
        ]
    if not places:
        gone = [name.rpartition(".")[2] for name in before if name not in now.code]
        places = [f"{name} is gone" for name in gone]
    if not places:
        return ""
    return f"code of {node} changed ({listed(places, _MOST_PARTS)})"


def _tell_params(before: Mapping[str, Any], now: NodeIdentity) -> Iterator[str]:
    digests, values = before.get("params", {}), before.get("values", {})
    told: dict[str, None] = {}
    for name, digest in now.params.items():
        if digests.get(name) == digest:
            continue
        prefix = "params:" if name == "parameters" else f"{name}."
        of_name = [
            label
            for label in dict.fromkeys([*values, *now.values])
            if label == name or label.startswith(prefix)
        ]
        parts = [
            f"{label} {values.get(label, 'not set')} → {now.values.get(label, 'not set')}"
            for label in of_name
            if values.get(label) != now.values.get(label)
        ]
        told.update(dict.fromkeys(parts or [f"{name} changed"]))
    yield from told


def _tell_packages(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name, version in now.items():
        known = before.get(name)
        if known is None:
            yield f"package {name} counts now"
        elif known != version:
            yield f"package {name} {known or 'not installed'} → {version or 'not installed'}"
    for name in before.keys() - now.keys():
        yield f"package {name} no longer counts"


def tell_state(name: str, before: str, now: str) -> str:
    """Return what is different between two states of a data set.

    Args:
        name: The data set.
        before: What it was when it was last read.
        now: What it is; not the same.

    >>> tell_state("orders", "v7-12", "v8-15"), tell_state("orders", "v7-12", "v7-15")
    ('orders: Delta version 7 → 8', 'orders: Delta table made anew, at version 7')
    """
    delta, new_delta = _DELTA.fullmatch(before), _DELTA.fullmatch(now)
    if delta and new_delta:
        if delta[1] == new_delta[1]:
            return f"{name}: Delta table made anew, at version {now[1:].partition('-')[0]}"
        return f"{name}: Delta version {delta[1]} → {new_delta[1]}"
    file, new_file = _FILE.fullmatch(before), _FILE.fullmatch(now)
    if file and new_file:
        same = file[1] == new_file[1]
        return f"{name}: file written again" if same else f"{name}: file changed"
    if _HASH.fullmatch(before) and _HASH.fullmatch(now):
        return f"{name}: files changed"
    return f"{name}: {before} → {now}"
