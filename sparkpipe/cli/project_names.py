"""Names of the project that a shell completes; silently where the project is broken."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import click

from sparkpipe.cli.listing import quoted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from sparkpipe.pipeline import Pipeline


T = TypeVar("T")


def silently(make: Callable[[], T]) -> T | None:
    """Return what ``make`` returns; None, and no word on the terminal, if it fails."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        try:
            return make()
        except (Exception, SystemExit):
            return None


def _pipelines() -> Mapping[str, Pipeline]:
    from sparkpipe.cli.project_command import current_project
    from sparkpipe.project import load_pipelines

    return load_pipelines(current_project())[0]


def _nodes_of(ctx: click.Context) -> Iterable[Pipeline]:
    """Return the pipeline that is asked for, or all."""
    pipelines = _pipelines()
    name = str(ctx.params.get("pipeline"))
    return [pipelines[name]] if name in pipelines else pipelines.values()


def _pipeline_names(_: click.Context) -> Iterable[str]:
    return _pipelines()


def _node_names(ctx: click.Context) -> Iterable[str]:
    return {node.name for pipeline in _nodes_of(ctx) for node in pipeline.nodes}


def _tags(ctx: click.Context) -> Iterable[str]:
    return {tag for pipeline in _nodes_of(ctx) for tag in pipeline.tags}


def _data_sets(ctx: click.Context) -> Iterable[str]:
    from sparkpipe.pipeline.modular import is_parameter

    return {
        name
        for pipeline in _nodes_of(ctx)
        for name in pipeline.data_sets()
        if not is_parameter(name)
    }


def _namespaces(ctx: click.Context) -> Iterable[str]:
    return {
        node.namespace for pipeline in _nodes_of(ctx) for node in pipeline.nodes if node.namespace
    }


def _environments(_: click.Context) -> Iterable[str]:
    from sparkpipe.cli.project_command import current_project

    folders = current_project().conf_source.iterdir()
    return [path.name for path in folders if path.is_dir() and not path.name.startswith(".")]


def _runners(_: click.Context) -> Iterable[str]:
    from sparkpipe.session import RUNNERS

    return RUNNERS


Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completer(find: Callable[[click.Context], Iterable[str]]) -> Completer:
    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # Options that may be given more than once take names parted by commas, too.
        before, comma, last = incomplete.rpartition(",") if param.multiple else ("", "", incomplete)
        names = silently(lambda: sorted(find(ctx))) or ()
        return [
            CompletionItem(before + comma + (quoted(n) if param.multiple else n))
            for n in names
            if n.startswith(last)
        ]

    return complete


pipeline_names = _completer(_pipeline_names)
node_names = _completer(_node_names)
tag_names = _completer(_tags)
data_set_names = _completer(_data_sets)
namespaces = _completer(_namespaces)
environments = _completer(_environments)
runner_names = _completer(_runners)
