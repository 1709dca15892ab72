"""Commands of the project's ``cli.py`` and of plugins, and what start-up does not load."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_project import ShopProject

CLI = """
import click
from sparkpipe.errors import ConfigError


@click.group()
def cli():
    pass


@cli.command()
@click.option("--loud", is_flag=True)
def greet(loud):
    click.echo("HELLO" if loud else "hello")


@cli.command()
def check():
    click.echo("the check of the shop")


@cli.command()
def refuse():
    raise ConfigError("The till is empty.", hint="Fill it.")


@cli.command()
def crash():
    1 / 0
"""

PLUGIN = """
import click


@click.group()
def commands():
    pass


@commands.command()
def stock():
    click.echo("stock of the plugin")


@commands.command()
def registry():
    click.echo("registry of the plugin")


@click.command()
def single():
    click.echo("single of the plugin")
"""


class Plugins:
    """Installed packages with entry points."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, name: str, code: str, **entries: str) -> None:
        (self._folder / f"{name}.py").write_text(code)
        about = self._folder / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[sparkpipe.{group}]\n{value}\n" for group, value in entries.items()]
        (about / "entry_points.txt").write_text("".join(lines))


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return Plugins(folder)


def test_commands_of_the_project_are_added_and_replace_ours(shop: ShopProject) -> None:
    shop.write("shop/cli.py", CLI)

    assert shop.command("greet", "--loud").out == "HELLO\n"
    assert shop.command("check").out == "the check of the shop\n"
    assert shop.command("registry", "list").status == 0
    assert "--loud" in shop.command("greet", "--help").out
    assert "There is no command 'gret'. Did you mean 'greet'?" in shop.command("gret").err


def test_errors_of_the_projects_commands_are_told_in_a_few_lines(shop: ShopProject) -> None:
    shop.write("shop/cli.py", CLI)

    refused = shop.command("refuse")
    assert (refused.status, refused.err) == (2, "Error: The till is empty. Fill it.\n")
    crashed = shop.command("crash")
    assert crashed.status == 1
    assert "Error: ZeroDivisionError: division by zero\n" in crashed.err
    assert "shop/cli.py:29 in crash" in crashed.err
    assert "Traceback" not in crashed.err
    assert "Traceback" in shop.command("--verbose", "crash").err


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def broken(:\n", "SyntaxError"),
        ("raise SystemExit(0)\n", "SystemExit: 0"),
        ("x = 1\n", "shop.cli has no click group named 'cli'"),
    ],
)
def test_broken_cli_of_the_project_is_refused_but_help_is_given(
    shop: ShopProject, code: str, message: str
) -> None:
    shop.write("shop/cli.py", code)

    for words in (["run"], ["no-such-command"]):
        ended = shop.command(*words)
        assert ended.status == 2
        assert message in ended.err
        assert "Traceback" not in ended.err
    assert shop.command("--help").status == 0
    assert shop.command("--version").status == 0


def test_commands_of_plugins(shop: ShopProject, plugins: Plugins, tmp_path: Path) -> None:
    plugins.install("stocks", PLUGIN, project_commands="stocks = stocks:commands")
    plugins.install("singles", PLUGIN, global_commands="singles = singles:single")

    assert shop.command("stock").out == "stock of the plugin\n"
    assert shop.command("registry").out == "registry of the plugin\n", "it may replace ours"
    assert shop.command("single").out == "single of the plugin\n"
    outside = ShopProject(tmp_path)
    assert outside.command("single").status == 0
    assert outside.command("stock").status == 2
    assert "commands: registry, stock" in outside.command("info").out

    shop.write("shop/cli.py", CLI.replace("greet", "stock"))
    assert shop.command("stock").out == "hello\n", "the project comes before plugins"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0\n", "cannot be loaded: ZeroDivisionError: division by zero (in "),
        ("raise SystemExit(3)\n", "cannot be loaded: SystemExit: 3"),
        ("x = 1\n", "cannot be loaded: AttributeError"),
        ("commands = 3\n", "is no click command or group, but int"),
    ],
)
def test_broken_plugin_is_a_warning_that_names_it(
    shop: ShopProject, plugins: Plugins, code: str, message: str
) -> None:
    plugins.install("broken", code, project_commands="brk = broken:commands")

    ended = shop.command("run")

    assert ended.status == 0, ended.text
    first = ended.err.splitlines()[0]
    assert first.startswith("Warning: the plugin 'brk' of the package broken (broken:commands) ")
    assert message in first
    assert "Traceback" not in ended.err
    assert ended.err.count("Warning") == 1


def test_help_and_version_load_neither_project_nor_plugin(
    shop: ShopProject, plugins: Plugins
) -> None:
    loud = "print('LOADED')\n"
    plugins.install("loud", loud, project_commands="loud = loud:x", global_commands="l = loud:x")
    for file in ("shop/cli.py", "shop/settings.py", "shop/pipeline_registry.py"):
        shop.write(file, loud)

    for words in (["--version"], ["--help"], ["-h"]):
        ended = shop.command(*words)
        assert ended.status == 0
        assert "LOADED" not in ended.text
    assert "More commands come from shop.cli, l, loud; 'sparkpipe info'" in ended.out


def test_what_needs_no_project_works_in_one_whose_cli_is_broken(shop: ShopProject) -> None:
    shop.write("shop/cli.py", "1 / 0\n")
    assert shop.command("completion", "zsh").status == 0
    assert shop.command("new", "--name", "Other").status == 0


def test_info_lists_the_commands_of_the_project(shop: ShopProject) -> None:
    shop.write("shop/cli.py", CLI)
    said = shop.command("info")
    assert "Commands of shop.cli: check, crash, greet, refuse\n" in said.out
    shop.write("shop/cli.py", "1 / 0\n")
    said = shop.command("info")
    assert said.status == 0
    assert "Importing shop.cli raised ZeroDivisionError" in said.out
