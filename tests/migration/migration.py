"""How a reader of docs/migrating-from-kedro.md turns a project of Kedro 0.18 into one of ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "migrating-from-kedro.md"
SCRIPT = ROOT / "docs" / "migrate-from-kedro.sed"
PROJECT = Path(__file__).parent / "project"


def documented_command() -> str:
    """Return the one command of the page that renames everything."""
    commands = re.findall(r"^find .*?[^\\]$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(commands) == 1
    return str(commands[0])


def migrate(folder: Path) -> None:
    """Do what the page says, in the folder of a project."""
    shutil.copy(SCRIPT, folder.parent)
    subprocess.run(["sh", "-c", documented_command()], cwd=folder, check=True)


def migrated_text(text: str) -> str:
    """Return what the script makes of a text."""
    done = subprocess.run(
        ["sed", "-E", "-f", str(SCRIPT)], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout


def run_python(folder: Path, *arguments: str) -> str:
    """Run Python in the folder of a project, as its users do, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": "src", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
