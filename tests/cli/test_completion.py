"""Shell completion: names of the project, at once and in silence."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from cli_project import ShopProject
from in_process import call


def completed(shop: ShopProject, *words: str) -> list[str]:
    """Return what is offered for the last word, as bash asks for it."""
    env = {
        "_SPARKPIPE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("sparkpipe", *words)),
        "COMP_CWORD": str(len(words)),
    }
    ended = call("sparkpipe", (), shop.path, env)
    assert ended.err == ""
    return [line.partition(",")[2] for line in ended.out.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["run", "--pipeline", ""], ["__default__", "first"]),
        (["run", "--nodes", "d"], ["double"]),
        (["run", "-n", "double,s"], ["double,shout"]),
        (["run", "--pipeline", "first", "--to-nodes", ""], ["double"]),
        (["run", "--tag", ""], ["first"]),
        (["run", "--from-inputs", "n"], ["numbers"]),
        (["run", "--runner", "Th"], ["ThreadRunner"]),
        (["run", "--env", ""], ["base"]),
        (["registry", "describe", "f"], ["first"]),
        (["catalog", "describe", "re"], ["report"]),
        (["ca"], ["catalog"]),
        (["catalog", ""], ["create", "describe", "list", "resolve", "schema"]),
        (["run", "--load-ver"], ["--load-versions", "--load-version"]),
    ],
)
def test_names_are_completed(shop: ShopProject, words: list[str], names: list[str]) -> None:
    assert sorted(completed(shop, *words)) == sorted(names)


@pytest.mark.parametrize(
    "code", ["print('loud')\n1 / 0\n", "def broken(:\n", "raise SystemExit(3)\n"]
)
def test_a_broken_project_completes_nothing_and_says_nothing(shop: ShopProject, code: str) -> None:
    for file in ("shop/nodes.py", "shop/cli.py"):
        shop.write(file, code)
    assert completed(shop, "run", "--nodes", "") == []
    assert completed(shop, "ca") == ["catalog"]
    (shop.path / "pyproject.toml").unlink()
    assert completed(shop, "run", "--pipeline", "") == []


def test_commands_of_the_project_are_completed(shop: ShopProject) -> None:
    shop.write(
        "shop/cli.py",
        "import click\ncli = click.Group()\ncli.add_command(click.Command('greet'))\n",
    )
    assert completed(shop, "gr") == ["greet"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_printed_and_sound(shop: ShopProject, shell: str) -> None:
    said = shop.command("completion", shell)
    assert said.status == 0
    assert f"_SPARKPIPE_COMPLETE={shell}_complete" in said.out
    if shutil.which(shell) is not None:
        ended = subprocess.run([shell, "-n"], input=said.out, text=True, check=False)
        assert ended.returncode == 0


def test_unknown_shell(shop: ShopProject) -> None:
    said = shop.command("completion", "tcsh")
    assert said.status == 2
    assert "'bash', 'zsh', 'fish'" in said.err
