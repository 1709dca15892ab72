"""``sparkpipe package``: a wheel of the project, and an archive of its configuration."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import zipfile
from email import message_from_bytes
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from sparkpipe.cli.commands.databricks.wheel import brings_spark
from sparkpipe.cli.project_command import ProjectCommand, current_project, package_folder
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError
from sparkpipe.streams import tell_work_done

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from sparkpipe.project import Project

# How a backend is called is fixed by PEP 517.
_BUILD = """\
import importlib, sys
sys.path = [folder for folder in sys.path if folder]
module, _, names = sys.argv[1].partition(":")
backend = importlib.import_module(module)
for name in filter(None, names.split(".")):
    backend = getattr(backend, name)
backend.build_wheel(sys.argv[2])
"""
# The wheel of the project alone. Where there is no network that shall be told soon.
_PIP_OPTIONS = (
    *("--no-deps", "--no-input", "--disable-pip-version-check", "--quiet"),
    *("--retries", "1", "--wheel-dir"),
)
_MOST_LINES = 10


@click.command(cls=ProjectCommand)
@click.option(
    "--directory",
    "-d",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where wheel and archive go [dist in the project].",
)
@click.option("--clean", is_flag=True, help="Remove wheels of the project's other versions there.")
@click.option("--verbose", "-v", is_flag=True, help="Show what the build prints, and tracebacks.")
def package(*, directory: Path | None, clean: bool, verbose: bool) -> None:
    """Build a wheel of the project, and conf-<package>.tar.gz of conf without conf/local.

    Where the wheel is installed, <package> and 'python -m <package>' run the project:
    <package> --conf-source conf-<package>.tar.gz
    """
    from sparkpipe.cli.files import shown

    project = current_project()
    made = build(project, directory, verbose=verbose)
    if clean:
        made.remove_other_versions()
    tell_work_done()
    for path in (made.wheel, made.archive):
        echo(f"Made {shown(path)}")
    if not (package_folder(project) / "__main__.py").is_file():
        echo(
            f"Warning: {project.package_name} has no __main__.py, so the wheel has no command that "
            "runs it. A project of 'sparkpipe new' shows one.",
            err=True,
        )
    spark = brings_spark(_requirements(made.wheel))
    if spark:
        echo(
            f"Warning: the wheel installs {', '.join(spark)} wherever it is installed, also over "
            "the Spark of a cluster. Such a dependency belongs in an extra.",
            err=True,
        )
    made.warn_of_secrets()


class Built(NamedTuple):
    """A wheel of a project and the archive of its configuration."""

    wheel: Path
    archive: Path
    names: list[str]

    def remove_other_versions(self) -> None:
        """Remove wheels of the project's other versions that lie beside this one.

        Raises:
            ConfigError: One cannot be removed.
        """
        try:
            for other in self.wheel.parent.glob(f"{self.wheel.name.partition('-')[0]}-*.whl"):
                if other.name != self.wheel.name:
                    other.unlink()
        except OSError as exc:
            raise ConfigError(f"{exc.filename} cannot be removed: {exc.strerror}.") from exc

    def warn_of_secrets(self) -> None:
        """Report that credentials would be shipped."""
        secret = [name for name in self.names if "credentials" in Path(name).name]
        if secret:
            echo(
                f"Warning: the archive holds {', '.join(secret)}. Secrets belong in conf/local, "
                "which is left out, or in environment variables.",
                err=True,
            )


def build(project: Project, directory: Path | None, *, verbose: bool) -> Built:
    """Build the wheel and the archive of the configuration of a project.

    Args:
        project: The project.
        directory: Where they go; by default ``dist`` in the project.
        verbose: Show what the build prints.

    Raises:
        ConfigError: They cannot be made; says why.
    """
    from sparkpipe.config.archive import pack

    target = (directory or project.path / "dist").absolute()
    if not project.conf_source.is_dir():
        raise ConfigError(f"There is no configuration folder {project.conf_source}.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        # Beside its place, so that a build that fails leaves what was there.
        with tempfile.TemporaryDirectory(prefix=".building-", dir=target) as made:
            wheel = _build_wheel(project, Path(made), verbose)
            archive = Path(made) / f"conf-{project.package_name}.tar.gz"
            names = pack(project.conf_source, archive)
            for path in (wheel, archive):
                path.replace(target / path.name)
    except OSError as exc:
        raise ConfigError(f"{exc.filename or target} cannot be written: {exc.strerror}.") from exc
    return Built(target / wheel.name, target / archive.name, names)


def _build_wheel(project: Project, folder: Path, verbose: bool) -> Path:
    backend = _backend_of(project)
    tool = backend.partition(":")[0].partition(".")[0]
    is_here = _is_installed(tool)
    if is_here:
        command = [sys.executable, "-c", _BUILD, backend, str(folder)]
    elif _is_installed("build"):
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder)]
    elif _is_installed("pip"):
        command = [sys.executable, "-m", "pip", "wheel", *_PIP_OPTIONS, str(folder), "."]
    else:
        raise ConfigError(
            f"A wheel of this project is built by '{tool}', which is not installed, nor is pip, "
            "which would fetch it.",
            hint=f"Install it beside sparkpipe, by 'uv pip install {tool}' or as you do.",
        )
    ended = subprocess.run(  # noqa: S603 - the project's own build
        command,
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if verbose:
        echo(ended.stdout, err=True)
    wheels = sorted(folder.glob("*.whl"))
    if ended.returncode or not wheels:
        lines = [line for line in ended.stdout.splitlines() if line.strip()][-_MOST_LINES:]
        raise ConfigError(
            "The wheel could not be built:\n" + "\n".join(lines if verbose else lines[-3:]),
            hint=_hint_after_failure(project, tool, is_here),
        )
    return wheels[0]


def _hint_after_failure(project: Project, tool: str, is_here: bool) -> str:
    more = "\nThe whole output: --verbose"
    if is_here:
        return more
    needed = shlex.join(_build_requirements(project) or [tool])
    return (
        f"\n'{tool}', which builds it, is not installed here and was to be fetched. Install it "
        f"once, and no build needs a network: {shlex.quote(sys.executable)} -m pip install "
        f"{needed}{more}"
    )


def _build_requirements(project: Project) -> list[str]:
    document = tomllib.loads((project.path / "pyproject.toml").read_text(encoding="utf-8"))
    system = document.get("build-system")
    requires = system.get("requires") if isinstance(system, dict) else None
    return [str(one) for one in requires] if isinstance(requires, list) else []


def _requirements(wheel: Path) -> list[str]:
    """Return what a wheel says that it needs."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = archive.read(names[0]) if names else b""
    return [str(one) for one in message_from_bytes(text).get_all("Requires-Dist", [])]


def _is_installed(name: str) -> bool:
    spec = find_spec(name)
    # A folder 'build' of the project has a spec too, but no origin.
    return spec is not None and spec.origin is not None


def _backend_of(project: Project) -> str:
    pyproject = project.path / "pyproject.toml"
    if not pyproject.is_file():
        raise ConfigError(
            "A package that is installed cannot be packaged.", hint="Go to its project's folder."
        )
    document: dict[str, Any] = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    system = document.get("build-system")
    has_setup = (project.path / "setup.py").is_file() or (project.path / "setup.cfg").is_file()
    if not has_setup and not (isinstance(document.get("project"), dict) and system):
        raise ConfigError(
            f"{pyproject} does not say how to build a wheel.",
            hint=(
                "Write into it:\n"
                '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
                f'[project]\nname = "{project.path.name}"\nversion = "0.1.0"'
            ),
        )
    backend = system.get("build-backend") if isinstance(system, dict) else None
    return str(backend or "setuptools.build_meta:__legacy__")
