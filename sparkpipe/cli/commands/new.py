"""``sparkpipe new``."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import click

from sparkpipe import __version__
from sparkpipe.cli.interrupt import raise_interrupt
from sparkpipe.cli.project_command import ProjectCommand
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError
from sparkpipe.streams import tell_work_done

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,62}")
_NAME_HINT = "It starts with a letter; letters, digits, spaces, '_' and '-' follow."

# The file of --config: our keys, and those of Kedro.
_KEYS = {
    "name": "name",
    "project_name": "name",
    "directory": "directory",
    "output_dir": "directory",
    "package": "package",
    "python_package": "package",
    "repo_name": "folder",
}

#: What a project has to start with that --empty leaves out.
_EXAMPLE = (
    "src/{package}/pipelines/clean",
    "src/{package}/pipelines/report",
    "data/01_raw",
    "tests/test_pipelines.py",
)


@dataclass(frozen=True)
class NewProject:
    """What a new project is called.

    Raises:
        ConfigError: A name cannot be that of a project, folder or package.
    """

    name: str
    folder: str = ""
    package: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"{self.name!r} cannot be the name of a project.", hint=_NAME_HINT)
        words = re.findall(r"[A-Za-z0-9]+", self.name)
        object.__setattr__(self, "folder", self.folder or "-".join(words).lower())
        object.__setattr__(self, "package", self.package or "_".join(words).lower())
        if not _NAME.fullmatch(self.folder) or " " in self.folder:
            raise ConfigError(f"{self.folder!r} cannot be the folder of a project.")
        problem = _package_problem(self.package)
        if problem:
            raise ConfigError(
                f"The package cannot be called {self.package!r}: {problem}.",
                hint="Choose another name, or give --package.",
            )

    @property
    def values(self) -> dict[str, str]:
        """What the template is filled with."""
        return {
            "name": self.name,
            "package": self.package,
            "distribution": self.package.replace("_", "-"),
            "version": __version__,
        }


def _package_problem(package: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", package):
        return "it must be lower-case letters, digits and '_', with a letter first"
    if keyword.iskeyword(package):
        return "it is a word of Python"
    if package in sys.stdlib_module_names:
        return "a module of Python has that name"
    if package in ("conf", "data", "src", "tests"):
        return "a folder of the project has that name"
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        return f"a package that is installed here has that name ({spec.origin})"
    return ""


@click.command(cls=ProjectCommand)
@click.option("--name", "-n", help="Name of the project, such as 'Flight delays'.")
@click.option("--package", help="Name of its Python package [from the name].")
@click.option(
    "--directory",
    "-d",
    type=click.Path(file_okay=False),
    help="Folder in which the project's folder is made [the working folder].",
)
@click.option(
    "--config",
    "-c",
    type=click.Path(dir_okay=False),
    help="File with project_name, repo_name, python_package and output_dir.",
)
@click.option("--empty", is_flag=True, help="Leave out the example: its pipelines, data and tests.")
@click.option("--verbose", "-v", is_flag=True, help="Show tracebacks.")
def new(
    *,
    name: str | None,
    package: str | None,
    directory: str | None,
    config: str | None,
    empty: bool,
    verbose: bool,
) -> None:
    """Make a new Spark project that runs at once: two small pipelines, their data and tests.

    With --empty it is ready for pipelines of your own. Asks for what is not given. Never writes
    into a folder that is there.
    """
    given = _from_file(config) if config else {}
    given.update(
        {
            key: value
            for key, value in (("name", name), ("package", package), ("directory", directory))
            if value
        }
    )
    if config and "name" not in given:
        raise ConfigError(f"{config} has no 'project_name'.", hint="Write project_name: My project")
    chosen = given if "name" in given else {**given, **_asked(given)}
    parent = Path(chosen.pop("directory", "."))
    project = NewProject(**chosen)
    target = make_project(project, parent, empty=empty)
    _show(project, target, empty=empty)


def _from_file(file: str) -> dict[str, str]:
    from sparkpipe.config import read_file
    from sparkpipe.errors import did_you_mean

    values, lines = read_file(Path(file), file)
    found: dict[str, str] = {}
    for key, value in values.items():
        where = f"{file}:{lines[key]}: '{key}'"
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS) or f"Keys: {', '.join(_KEYS)}."
            raise ConfigError(f"{where} is no key of a new project.", hint=hint)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where} must be a text, not {value!r}.")
        found[_KEYS[key]] = value
    return found


def _asked(given: dict[str, str]) -> dict[str, str]:
    def checked_name(text: str) -> str:
        try:
            return NewProject(text.strip(), package=given.get("package", "")).name
        except ConfigError as exc:
            raise click.UsageError(str(exc)) from exc

    try:
        answers = {"name": click.prompt("Name of the project", value_proc=checked_name)}
        if "directory" not in given:
            answers["directory"] = click.prompt("Folder to make it in", default=".")
    except click.Abort as exc:
        raise_interrupt(exc)
        if sys.stdin.isatty():
            raise
        raise ConfigError("The project needs a name.", hint="Give it by --name.") from exc
    return answers


def make_project(project: NewProject, parent: Path, *, empty: bool = False) -> Path:
    """Write a new project: whole, or not at all.

    Args:
        project: What it is called.
        parent: The folder in which its folder is made.
        empty: Leave out the example.

    Returns:
        Its folder.

    Raises:
        ConfigError: The folder is there already, or cannot be written.
    """
    target = parent / project.folder
    if target.exists() or target.is_symlink():
        raise ConfigError(
            f"{target} is there already; nothing was written.",
            hint="Take another --name or --directory.",
        )
    try:
        parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{project.folder}-", dir=parent))
        try:
            for path, text in _files(project, empty=empty).items():
                file = beside / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            # That of the temporary folder is for its owner alone.
            beside.chmod((beside / "conf").stat().st_mode & 0o777)
            beside.rename(target)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    except OSError as exc:
        raise ConfigError(
            f"{target} cannot be written: {exc.strerror}.", hint="Take another --directory."
        ) from exc
    return target


def _files(project: NewProject, *, empty: bool) -> dict[PurePosixPath, str]:
    """Return the files of a new project by their paths."""
    from sparkpipe.cli.templates import filled

    found = filled("project", project.values)
    if not empty:
        return found
    left_out = [PurePosixPath(path.format(package=project.package)) for path in _EXAMPLE]
    kept = {
        path: text
        for path, text in found.items()
        if not any(path.is_relative_to(one) for one in left_out)
    }
    return {**kept, **filled("empty", project.values)}


def _show(project: NewProject, target: Path, *, empty: bool) -> None:
    from sparkpipe.cli.files import shown

    tell_work_done()
    echo(f"Made the project '{project.name}' in {shown(target)}")
    echo("Next:")
    echo(f"  cd {shown(target)}")
    todo = "pipeline create NAME" if empty else "run --runner=ThreadRunner"
    echo(f"  sparkpipe {todo}")
