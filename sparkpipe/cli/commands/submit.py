"""``sparkpipe submit``, and what the program that spark-submit is given does with its arguments."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkpipe.cli.groups import Group
from sparkpipe.cli.options import parameters
from sparkpipe.cli.project_command import (
    ProjectCommand,
    current_project,
    open_session,
    telling_errors,
)
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError, PreflightError

if TYPE_CHECKING:
    from sparkpipe.session import Session

_CONTEXT = {"ignore_unknown_options": True, "allow_interspersed_args": False}
_MORE_THAN_WARNINGS = ("ALL", "TRACE", "DEBUG", "INFO")
_DELTA = ("spark.sql.extensions", "spark.sql.catalog.spark_catalog")


@click.group(cls=Group)
def submit() -> None:
    """Run by spark-submit, on a cluster."""


@submit.command()
def path() -> None:
    """Print the path of the program for spark-submit: spark-submit $(sparkpipe submit path) run."""
    echo(_program())


@submit.command(cls=ProjectCommand, context_settings=_CONTEXT)
@click.option("--master", help="The cluster [spark.master of spark.yml, or local[*]].")
@click.option(
    "--deploy-mode",
    type=click.Choice(["client", "cluster"]),
    help="Where the driver runs: here, or in the cluster [spark.submit.deployMode, or client].",
)
@click.option("--conf", multiple=True, metavar="KEY=VALUE", help="A property of Spark.")
@click.option(
    "--directory",
    "-d",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where what is shipped goes [dist in the project].",
)
@click.option("--verbose", "-v", is_flag=True, help="Show what the build prints, and tracebacks.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[run OPTIONS]")
def command(
    *,
    master: str | None,
    deploy_mode: str | None,
    conf: tuple[str, ...],
    directory: Path | None,
    verbose: bool,
    arguments: tuple[str, ...],
) -> None:
    """Print the line that runs this project by spark-submit, and make what it ships.

    What Spark must know before its JVM starts, such as the driver's memory, goes from spark.yml
    into the line; the session gets the rest.

    Executors get the project's wheel and sparkpipe. In cluster mode the driver gets the archive of
    conf, without conf/local, and what sparkpipe depends on. What follows the options is the command
    for sparkpipe: run --pipeline x --env prod
    """
    from sparkpipe.cli.commands.package import build
    from sparkpipe.cli.files import shown
    from sparkpipe.cli.shipping import as_zip, pack_sparkpipe
    from sparkpipe.spark.start.early import submit_options

    name, options = (arguments[0], arguments[1:]) if arguments else ("run", ())
    project = current_project()
    parsed = _checked(name, options)
    properties = dict(_property(text) for text in conf)
    session = _session(name, parsed)
    master = master or session.spark.settings.get("spark.master", "local[*]")
    deploy_mode = deploy_mode or session.spark.settings.get("spark.submit.deployMode", "client")
    in_cluster = deploy_mode == "cluster"
    if in_cluster and master.startswith("local"):
        raise ConfigError(
            f"The driver cannot run in the cluster where the master is {master}.",
            hint="Give --master, such as yarn or k8s://https://...",
        )
    made = build(project, directory, verbose=verbose)
    zips = [as_zip(made.wheel), pack_sparkpipe(made.wheel.parent, with_dependencies=in_cluster)]
    given = {
        **_early(session.spark.settings),
        "spark.log.level": "WARN",  # else Spark tells hundreds of lines
        **properties,
    }
    _add(given, "spark.submit.pyFiles", *map(shown, zips))
    program = [str(_program())]
    if in_cluster:
        if not parsed.get("conf_source"):
            made.warn_of_secrets()
            _add(given, "spark.files", shown(made.archive))
            options = ("--conf-source", made.archive.name, *options)
        program += ["--package", project.package_name]
    _add_delta(given, session.spark.settings)
    for made_file in (*zips, *([made.archive] if in_cluster else ())):
        echo(f"Made {shown(made_file)}", err=True)
    pairs = [("--master", master), ("--deploy-mode", deploy_mode), *submit_options(given)]
    lines = ["spark-submit", *map(shlex.join, pairs), shlex.join([*program, name, *options])]
    echo(" \\\n  ".join(lines))


def _early(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what spark.yml says that Spark must know before its JVM, and so before sparkpipe."""
    from sparkpipe.spark.start.early import is_early, is_withheld

    withheld = [key for key in settings if is_withheld(key)]
    if withheld:
        echo(
            f"Not in the line, which others may read: {', '.join(withheld)}. Give it to "
            "spark-submit by --properties-file.",
            err=True,
        )
    return {k: value for k, value in settings.items() if is_early(k) and k not in withheld}


def _add(properties: dict[str, str], key: str, *values: str) -> None:
    """Add values to a property that is a list with commas."""
    own = properties.get(key)
    properties[key] = ",".join([*([own] if own else []), *values])


def run_submitted(args: Sequence[str]) -> None:
    """Run a command of sparkpipe as the program of spark-submit; ends with its exit status.

    Args:
        args: The command and its options, after ``--package`` and a name where the project is not
            that of the working folder.
    """
    try:
        _submitted(list(args), prog_name="spark-submit")
    except SystemExit as exc:
        if not exc.code:
            _silence_end()
        raise


def _silence_end() -> None:
    """Let Spark's JVM end without words after a good run.

    Of local-cluster and standalone it tells hundreds of lines, with traces, of executors that it
    ends itself. Whoever has asked for more than warnings still gets all.
    """
    pyspark = sys.modules.get("pyspark")
    context = pyspark.SparkContext._active_spark_context if pyspark is not None else None
    if context is None:
        return
    with suppress(Exception):  # it is over, and was good
        if context.getConf().get("spark.log.level", "WARN").upper() not in _MORE_THAN_WARNINGS:
            context.setLogLevel("OFF")


@click.command(context_settings={**_CONTEXT, "help_option_names": []})
@click.option("--package")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _submitted(package: str | None, arguments: tuple[str, ...]) -> None:
    from sparkpipe.cli.main import main
    from sparkpipe.project.current import project_of

    with telling_errors(click.get_current_context(), verbose=False, more="--verbose"):
        project = project_of(package_name=package) if package else None
    # Spark's own options, which only it knows, are to be given again.
    words = ["spark-submit", "...", _program().name, *(("--package", package) if package else ())]
    main(arguments, project, " ".join(words))


def _program() -> Path:
    import sparkpipe

    return Path(sparkpipe.__file__).resolve().parent / "submit" / "main.py"


def _checked(name: str, options: Sequence[str]) -> dict[str, Any]:
    """Return the options of a command as click reads them; refuse a wrong one before the build."""
    from sparkpipe.cli.main import cli

    context = click.get_current_context()
    found = cli.get_command(context.find_root(), name)
    if found is None:
        cli.resolve_command(context.find_root(), [name])  # tells so
    assert found is not None
    with found.make_context(name, list(options), parent=context.find_root()) as parsed:
        return dict(parsed.params)


def _session(name: str, options: Mapping[str, Any]) -> Session:
    """Return the session of a command; names that a run would not find are refused before.

    Raises:
        PreflightError: They are wrong.
    """
    from sparkpipe.session import Selection

    params = parameters(options.get("params") or ())
    session = open_session(options.get("env"), options.get("conf_source"), params)
    if name == "run":
        filters = {one.name: options[one.name] for one in fields(Selection) if one.name in options}
        selection = Selection(options.get("pipeline"), **filters)
        problems = session.check_choice(selection, options.get("runner"))
        if problems:
            raise PreflightError(problems)
    return session


def _property(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key.startswith("spark."):
        raise click.BadParameter(f"'{text}' is not spark.key=value.", param_hint="--conf")
    return key, value


def _add_delta(properties: dict[str, str], settings: Mapping[str, str]) -> None:
    """Add what brings Delta, where it is installed here: as a session made here has it.

    Its jars are given if an earlier start has kept them, else what they are called is: Spark takes
    neither from a session's own settings once its JVM runs.
    """
    from sparkpipe.spark.start.jars import delta_package, kept_jars
    from sparkpipe.spark.start.profile import effective_settings

    package = delta_package()
    own = [properties.get(key, "") for key in ("spark.jars", "spark.jars.packages")]
    if package is None or any("delta" in text for text in own):
        return
    jars = () if any(own) else kept_jars(package)
    if jars:
        _add(properties, "spark.jars", *map(str, jars))
    else:
        _add(properties, "spark.jars.packages", package)
    effective = effective_settings({**settings, **properties})
    for key in _DELTA:
        properties.setdefault(key, effective[key])
