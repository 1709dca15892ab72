"""The tasks of a job: which nodes run in each, and which tasks wait for which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

from sparkpipe.errors import ConfigError, PreflightError, did_you_mean
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import is_memory_only, is_single_process, location_of, unwrapped
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.spark.databricks import is_shared

_LONGEST_KEY = 100
_MOST_TASKS = 1000
_DISK = re.compile(r"(file|local):(//)?(?=/)")


@dataclass(frozen=True)
class Task:
    """Nodes that run together.

    Attributes:
        key: The name of the task in its job.
        options: The options of ``sparkpipe run`` that select its nodes.
        depends_on: The keys of the tasks that come before.
    """

    key: str
    options: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Group:
    """What tells a task from others: how it is called, and how its nodes are selected."""

    name: str
    option: str


def slug(text: str) -> str:
    """Return a text as the key of a task or job: letters, digits, ``_`` and ``-``.

    >>> slug("data.clean: été")
    'data_clean_t'
    """
    return re.sub(r"[^A-Za-z0-9-]+", "_", text).strip("_")[:_LONGEST_KEY] or "task"


def tasks_of(
    pipeline: Pipeline,
    catalog: DataCatalog,
    task_per: str,
    tags: Iterable[str] = (),
    project_path: Path | None = None,
) -> tuple[Task, ...]:
    """Part a pipeline into tasks: by its namespaces, or by tags.

    A node that is in no namespace, or has none of the tags, is a task of its own.

    Args:
        pipeline: The pipeline.
        catalog: Says which data sets outlive a task.
        task_per: ``namespace`` or ``tag``.
        tags: The tags that are tasks; by default all.
        project_path: The folder of the project: what lies in it lies on one machine.

    Returns:
        The tasks, each after those that it depends on.

    Raises:
        PreflightError: A node has two of the tags, or there is no such tag.
        ConfigError: Tasks wait for one another, or what one hands to another does not outlive it.
    """
    group_of = dict(_grouped(pipeline, task_per, tuple(tags)))
    between = _between(pipeline, group_of)
    ordered = _ordered(group_of.values(), between, task_per)
    lost = _lost(between, catalog, project_path)
    if lost:
        told = ", ".join(f"'{name}' ({why})" for name, why in sorted(lost.items()))
        raise ConfigError(
            f"These data sets go from one task to another, and do not outlive a task: {told}.",
            hint="Give each an entry in the catalog that all tasks see: a table, or a file in "
            "/Volumes. Or leave out --task-per.",
        )
    if len(ordered) > _MOST_TASKS:
        raise ConfigError(
            f"There would be {len(ordered)} tasks, and a job has {_MOST_TASKS} at most.",
            hint="Give nodes that belong together a namespace or a tag.",
        )
    keys = _keys(ordered)
    return tuple(
        Task(
            keys[group],
            (group.option,),
            tuple(keys[other] for other in ordered if (other, group) in between),
        )
        for group in ordered
    )


def _grouped(
    pipeline: Pipeline, task_per: str, tags: tuple[str, ...]
) -> Iterator[tuple[Node, _Group]]:
    known = {tag for node in pipeline.nodes for tag in node.tags}
    chosen = set(tags) or known
    problems = [
        f"No node has the tag '{tag}'. "
        + (did_you_mean(tag, known) or f"Tags: {', '.join(sorted(known)) or 'none'}.")
        for tag in tags
        if tag not in known
    ]
    for node in pipeline.nodes:
        if task_per == "tag":
            of_node = sorted(node.tags & chosen)
            kind = "tags"
        else:
            of_node = [node.namespace.partition(".")[0]] if node.namespace else []
            kind = "namespace"
        if len(of_node) > 1:
            told = " and ".join(f"'{tag}'" for tag in of_node)
            problems.append(
                f"Node '{node.name}' has the tags {told}: it would run in more than one task. "
                "Name the tags that are to be tasks by --tags, one for each node."
            )
        elif of_node:
            yield node, _Group(of_node[0], f"--{kind}={of_node[0]}")
        else:
            yield node, _Group(node.name, f"--nodes={node.name}")
    if problems:
        raise PreflightError(problems)


_Between = Mapping[tuple[_Group, _Group], Mapping[str, None]]


def _between(pipeline: Pipeline, group_of: Mapping[Node, _Group]) -> _Between:
    """Return what goes from group to group, by the names under which it is saved and loaded."""
    written = {
        strip_transcoding(name): (name, group_of[node])
        for node in pipeline.nodes
        for name in node.output_names
    }
    between: dict[tuple[_Group, _Group], dict[str, None]] = {}
    for node in pipeline.nodes:
        for name in node.input_names:
            saved, writer = written.get(strip_transcoding(name), (None, None))
            if saved is not None and writer is not None and writer != group_of[node]:
                between.setdefault((writer, group_of[node]), {}).update({saved: None, name: None})
    return between


def _ordered(groups: Iterable[_Group], between: _Between, task_per: str) -> tuple[_Group, ...]:
    needs: dict[_Group, list[_Group]] = {group: [] for group in groups}
    for writer, reader in between:
        needs[reader].append(writer)
    try:
        return tuple(TopologicalSorter(needs).static_order())
    except CycleError as exc:
        cycle: list[_Group] = exc.args[1]
        told = "; ".join(
            f"'{reader.name}' reads {', '.join(sorted(between[writer, reader]))} of '{writer.name}'"
            for writer, reader in pairwise(cycle)
        )
        raise ConfigError(
            f"A task for each {task_per} is not possible, because some wait for one another: "
            f"{told}.",
            hint="Put these nodes into one, or part them so that data goes one way.",
        ) from exc


def _lost(between: _Between, catalog: DataCatalog, folder: Path | None) -> dict[str, str]:
    names = {name for several in between.values() for name in several}
    found = {name: why_not_kept(catalog, name, folder) for name in names}
    return {name: why for name, why in found.items() if why}


def why_not_kept(catalog: DataCatalog, name: str, project_path: Path | None) -> str:
    """Return why a data set does not outlive the machine that saves it; nothing if it does.

    Raises:
        DataSetError: Its entry is wrong.
    """
    if name not in catalog:
        return "not in the catalog: in memory"
    data_set: Any = unwrapped(catalog[name])
    if is_memory_only(data_set):
        return f"in memory: {type(data_set).__name__}"
    place = location_of(data_set)
    disk = _DISK.match(place)
    path = Path(place[disk.end() :] if disk else place)
    if not path.is_absolute() or is_shared(str(path)):
        return ""
    is_in_project = project_path is not None and path.is_relative_to(project_path)
    # Spark on Databricks takes any other path without a protocol for one of its own storage.
    if disk or is_in_project or not is_single_process(data_set):
        return f"on the disk of one machine: {place}"
    return ""


def _keys(groups: Iterable[_Group]) -> dict[_Group, str]:
    keys: dict[_Group, str] = {}
    for group in groups:
        key = wanted = slug(group.name)
        number = 1
        while key in keys.values():
            number += 1
            key = f"{wanted[: _LONGEST_KEY - 4]}_{number}"
        keys[group] = key
    return keys
