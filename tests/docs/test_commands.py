"""docs/commands.md tells every command with every option, in the words of its ``--help``.

``python tests/docs/test_commands.py`` writes the page anew.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from sparkpipe.cli.groups import LazyGroup
from sparkpipe.cli.main import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"

INTRODUCTION = """\
# All commands and options

This page has the words of `--help`, which every command takes; `-h` is the same. What the commands
are for, with examples, is told in [The command line](command-line.md) and
[Run a pipeline](run-a-pipeline.md).
"""


def commands(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[click.Context, click.Command]]:
    """Give a command and all below it, without those of projects and plugins."""
    context = click.Context(command, info_name=name, parent=parent)
    yield context, command
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            lazy = isinstance(command, LazyGroup)
            found = (LazyGroup if lazy else click.Group).get_command(command, context, below)
            assert found is not None, f"{context.command_path} {below}"
            yield from commands(found, below, context)


def section(context: click.Context, command: click.Command) -> str:
    """Return what the page tells about a command."""
    level = "##" if context.parent is None or context.parent.parent is None else "###"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{level} {context.command_path}", "", prose(command.help or ""), ""]
    lines += ["```text", usage, "```", ""]
    rows = [row(context, parameter) for parameter in command.params if told(parameter)]
    if rows:
        lines += ["| Option | Meaning |", "|---|---|", *rows, ""]
    if isinstance(command, click.Group):
        lines += [
            f"- [`{context.command_path} {name}`](#{anchor(f'{context.command_path} {name}')})"
            for name in command.list_commands(context)
        ] + [""]
    return "\n".join(lines)


def told(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not parameter.hidden


def row(context: click.Context, option: click.Parameter) -> str:
    assert isinstance(option, click.Option)
    record = option.get_help_record(context)
    assert record, option
    names = [f"`{name}`" for name in (*option.opts, *option.secondary_opts)]
    values = "" if option.is_flag or option.count else f" `{option.make_metavar(context)}`"
    return f"| {', '.join(names)}{values} | {prose(record[1].replace('  [', ' ['))} |"


def prose(text: str) -> str:
    """Return a help text as Markdown that shows each of its characters."""
    text = inspect.cleandoc(text.replace("\b\n", "")).replace("``", "`")
    parts = re.split(r"(`[^`]*`)", text)  # code stands as it is
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_|\[\]])", r"\\\1", text)


def anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def reference() -> str:
    sections = [section(context, command) for context, command in commands(cli, "sparkpipe")]
    return "\n".join([INTRODUCTION, *sections]).rstrip() + "\n"


def test_the_page_tells_every_command_and_option() -> None:
    told_now = PAGE.read_text(encoding="utf-8")
    assert told_now == reference(), "Write it anew: python tests/docs/test_commands.py"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
