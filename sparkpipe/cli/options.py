"""The options that say what runs and how, on the command line or in a file (``--config``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sparkpipe.cli import project_names
from sparkpipe.cli.listing import parted

if TYPE_CHECKING:
    from sparkpipe.config import GivenParams

F = TypeVar("F", bound=Callable[..., Any])

# A name may have colons, and of versions only a time has.
_VERSION = re.compile(r"(.+?):(\d{4}-\d\d-\d\d[T ]\d\d:.+|[^:]+)")
_TAKE_MAPPINGS = ("params", "load_versions")
_NOT_IN_A_FILE = ("config", "verbose", "no_progress")


def names(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read an option of names parted by commas; it may be given more than once."""
    try:
        found = tuple(name for value in values for name in parted(value))
    except ValueError as exc:
        raise click.BadParameter(f"a quote does not fit ({exc}).", ctx, param) from exc
    if values and not found:
        _refuse_empty(ctx, param)
    return found


def text(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Read an option that is one text."""
    if value is not None and not value.strip():
        _refuse_empty(ctx, param)
    return value


def _refuse_empty(ctx: click.Context, param: click.Parameter) -> None:
    """Refuse an empty option: as by a variable that is not set it would mean all, or another one.

    Where a file gives the option, this takes it back.
    """
    if ctx.resilient_parsing or param.name in (ctx.default_map or {}):
        return
    raise click.BadParameter("it is empty. Give it a value, or leave it out.", ctx, param)


def versions(
    ctx: click.Context, param: click.Parameter, values: tuple[str | Mapping[str, Any], ...]
) -> dict[str, str]:
    """Read ``name:version`` pairs, or what a file maps names to."""
    read: dict[str, str] = {}
    for value in values:
        if isinstance(value, Mapping):
            read.update({str(name): str(version) for name, version in value.items()})
            continue
        for pair in names(ctx, param, (value,)) if value.strip() else ():
            found = _VERSION.fullmatch(pair)
            if found is None:
                raise click.BadParameter(f"'{pair}' is not name:version.", ctx, param)
            read[found[1]] = found[2]
    return read


def parameters(values: Sequence[str | Mapping[str, Any]]) -> GivenParams:
    """Read parameters as ``--params`` takes them, or as they stand in a file.

    Raises:
        ConfigError: A part is not ``name:value``.
    """
    from sparkpipe.config import GivenParams, merged, parse_params

    read = parse_params(",".join(value for value in values if isinstance(value, str)))
    for value in values:
        if isinstance(value, Mapping):
            read = GivenParams(merged(value, read), read.texts)
    return read


def options_from_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Take options from the mapping ``run`` of a file; what the command line gives wins."""
    if value is None or ctx.resilient_parsing:
        return value
    from sparkpipe.errors import ConfigError

    try:
        ctx.default_map = {**(ctx.default_map or {}), **_read_options(ctx, value)}
    except ConfigError as exc:
        raise click.BadParameter(str(exc), ctx, param) from exc
    return value


def _read_options(ctx: click.Context, file: str) -> dict[str, Any]:
    from sparkpipe.config import read_file
    from sparkpipe.errors import ConfigError, did_you_mean

    sections, lines = read_file(Path(file), file)
    title = ctx.info_name if ctx.info_name in sections else "run"
    if title not in sections:
        raise ConfigError(
            f"{file} has no mapping 'run'.",
            hint=did_you_mean("run", sections) or "Write the options below 'run:'.",
        )
    options = sections[title]
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(
            f"{file}:{lines[title]}: '{title}' must be a mapping of options to values, "
            f"not {type(options).__name__}."
        )
    known = {key: param for param in ctx.command.params for key in _keys_of(param)}
    values: dict[str, Any] = {}
    for key, value in (options or {}).items():
        where = f"{file}: '{key}' of '{title}'"
        param = known.get(str(key).replace("-", "_"))
        if param is None:
            shown = sorted({_keys_of(param)[0] for param in known.values()})
            hint = did_you_mean(str(key), known) or f"Options: {', '.join(shown)}."
            raise ConfigError(f"{where} is no option.", hint=hint)
        assert param.name is not None
        if param.name in values:
            raise ConfigError(f"{where}: the option is set twice.", hint="Remove one of them.")
        if value is not None:
            values[param.name] = _checked(ctx, param, value, where)
    return values


def _keys_of(param: click.Parameter) -> list[str]:
    """Return what an option may be called in a file."""
    if param.name is None or param.name in _NOT_IN_A_FILE:
        return []
    given = [name[2:].replace("-", "_") for name in param.opts if name.startswith("--")]
    return list(dict.fromkeys([*given, param.name]))


def _checked(ctx: click.Context, param: click.Parameter, value: Any, where: str) -> Any:
    """Return a value of a file as click takes it for the option, or tell that it is none."""
    from sparkpipe.errors import ConfigError

    is_flag = bool(getattr(param, "is_flag", False))
    if is_flag and not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false, not {value!r}.")
    if param.multiple:
        items = value if isinstance(value, list) else [value]
        takes_mappings = param.name in _TAKE_MAPPINGS
        made: Any = [
            item if takes_mappings and isinstance(item, Mapping) else _text(item, where)
            for item in items
        ]
    else:
        made = value if is_flag else _text(value, where)
    try:
        param.process_value(ctx, made)
    except click.UsageError as exc:
        raise ConfigError(f"{where}: {exc.message}") from exc
    return made


def _text(value: Any, where: str) -> str:
    from sparkpipe.errors import ConfigError

    if isinstance(value, (list, Mapping)):
        kind = "mapping" if isinstance(value, Mapping) else "list"
        raise ConfigError(f"{where} must be a text or a list of texts, with no {kind} in it.")
    return str(value)


def with_options(command: F, *options: Callable[[F], F]) -> F:
    """Add options to a command, shown in the order in which they are given."""
    for option in reversed(options):
        command = option(command)
    return command


def filter_options(command: F) -> F:
    """Add the options that say which nodes of which pipeline, with which parameters and data."""
    return with_options(command, *_selection(), *_given())


def selection_options(command: F) -> F:
    """Add the options that say what runs, and how."""
    return with_options(command, *_selection(), *_manner())


def relation_options(command: F) -> F:
    """Add the options that say how a run stands to earlier ones."""
    return with_options(
        command,
        click.option(
            "--resume",
            is_flag=False,
            flag_value="last",
            metavar="[RUN_ID]",
            callback=text,
            help="Continue a run, or the last one: what it had not finished, as it was asked "
            "for unless other options are given.",
        ),
        click.option(
            "--changed",
            is_flag=True,
            help="Leave out nodes of which nothing has changed since they last ran well.",
        ),
        click.option(
            "--only-missing",
            is_flag=True,
            help="Of these nodes, those whose outputs do not exist, and all after them.",
        ),
        click.option(
            "--job-run-id",
            callback=text,
            help="What a scheduler calls this run: a repaired or repeated one continues it.",
        ),
        click.option("--force", is_flag=True, help="Continue a run though something has changed."),
    )


def defer_option(command: F) -> F:
    """Add the option that names the environment to which a run defers."""
    return click.option(
        "--defer",
        callback=text,
        shell_complete=project_names.environments,
        help="Read from this environment what --env has not; nothing is changed there.",
    )(command)


def _names_option(*flags: str, complete: Callable[..., Any], about: str) -> Callable[[F], F]:
    return click.option(*flags, multiple=True, callback=names, shell_complete=complete, help=about)


def _selection() -> Iterator[Callable[[Any], Any]]:
    yield pipeline_option("Name of the pipeline [__default__].")
    yield _names_option(
        "--tags",
        "--tag",
        "-t",
        complete=project_names.tag_names,
        about="Nodes with one of these tags.",
    )
    nodes, data_sets = project_names.node_names, project_names.data_set_names
    yield _names_option(
        "--nodes", "--node", "-n", "node_names", complete=nodes, about="These nodes."
    )
    yield _names_option("--from-nodes", complete=nodes, about="These nodes and all after them.")
    yield _names_option("--to-nodes", complete=nodes, about="These nodes and all before them.")
    yield _names_option(
        "--from-inputs", complete=data_sets, about="All that follows from these data sets."
    )
    yield _names_option(
        "--to-outputs", complete=data_sets, about="All that leads to these data sets."
    )
    yield click.option(
        "--namespace",
        "-ns",
        "namespace",
        callback=text,
        shell_complete=project_names.namespaces,
        help="Nodes of this namespace.",
    )


def _manner() -> Iterator[Callable[[Any], Any]]:
    yield click.option(
        "--runner",
        "-r",
        callback=text,
        shell_complete=project_names.runner_names,
        help="SequentialRunner, ThreadRunner, ParallelRunner, HybridRunner, DryRunner, or "
        "package.module.Class [SequentialRunner].",
    )
    yield click.option(
        "--max-workers",
        type=click.IntRange(min=1),
        help="How many nodes run at once [as many as the pipeline and Spark have use for].",
    )
    yield click.option(
        "--continue-on-failure",
        is_flag=True,
        help="After a failure run all that does not depend on the failed node.",
    )
    yield click.option(
        "--async", "--is-async", "is_async", is_flag=True, help="Load and save data side by side."
    )
    yield from _given()


def _given() -> Iterator[Callable[[Any], Any]]:
    yield params_option("Parameters for this run: a.b:1,c:text")
    yield click.option(
        "--load-versions",
        "--load-version",
        "-lv",
        multiple=True,
        type=click.UNPROCESSED,
        callback=versions,
        help="Versions to load: name:version,...",
    )
    yield click.option(
        "--config",
        "-c",
        type=click.Path(dir_okay=False),
        is_eager=True,
        callback=options_from_file,
        help="File with these options, in a mapping 'run'; what is given here wins.",
    )


def params_option(about: str = "Parameters as of a run: a.b:1,c:text") -> Callable[[F], F]:
    """Return the option that gives parameters; its values are read by :func:`parameters`."""
    # Of a file come mappings too, as they are.
    return click.option("--params", multiple=True, type=click.UNPROCESSED, help=about)


def pipeline_option(about: str, **settings: Any) -> Callable[[F], F]:
    """Return the option that names a pipeline."""
    settings.setdefault("callback", text)
    return click.option(
        "--pipeline", "-p", shell_complete=project_names.pipeline_names, help=about, **settings
    )


def format_option(*formats: str, about: str = "How it is written [text].") -> Callable[[F], F]:
    """Return the option that gives the format of what is printed: text, JSON, and ``formats``."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(("text", "json", *formats)),
        default="text",
        help=about,
    )
