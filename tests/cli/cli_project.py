"""A small project without Spark, and the command run in it as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from in_process import Ended, call

# What commands print is compared.
PLAIN = {"NO_COLOR": "1", "COLUMNS": "100"}

NODES = """
def double(numbers, factor):
    return [number * factor for number in numbers]


def total(doubled):
    return {"total": sum(doubled)}


def shout(report):
    return str(report).upper()
"""

REGISTRY = """
from shop.nodes import double, shout, total
from sparkpipe.pipeline import node, pipeline


def register_pipelines():
    whole = pipeline(
        [
            node(double, ["numbers", "params:factor"], "doubled", tags="first"),
            node(total, "doubled", "report"),
            node(shout, "report", "shouted"),
        ]
    )
    return {"__default__": whole, "first": whole.only_nodes("double")}
"""

CATALOG = """\
numbers:
  type: json.JSONDataSet
  filepath: data/numbers.json

doubled:
  type: json.JSONDataSet
  filepath: data/doubled.json

report:
  type: json.JSONDataSet
  filepath: data/report.json
"""


@dataclass
class ShopProject:
    """A project in a folder of its own."""

    path: Path

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new))

    def command(self, *arguments: str, module: str = "sparkpipe", given: str = "") -> Ended:
        """Run a command in the process of the tests."""
        return call(module, arguments, self.path, PLAIN, given)

    def process(self, *arguments: str, module: str = "sparkpipe", given: str = "") -> Ended:
        """Run a command in a process of its own, where the test is about it, or about Spark."""
        ended = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.path,
            capture_output=True,
            text=True,
            env={**os.environ, **PLAIN},
            input=given,
            timeout=120,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


def make_java(home: Path, release: str | None, script: str = "exit 1") -> Path:
    """Write a Java that runs a script, which by itself fails, and what it says of its release."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    if release is not None:
        (home / "release").write_text(release)
    return home


def make_shop(path: Path) -> ShopProject:
    """Write the project into a folder that is not there yet."""
    project = ShopProject(path)
    project.write("pyproject.toml", '[tool.sparkpipe]\npackage_name = "shop"\n')
    project.write("shop/__init__.py", "")
    project.write("shop/nodes.py", NODES)
    project.write("shop/pipeline_registry.py", REGISTRY)
    project.write("conf/base/catalog.yml", CATALOG)
    project.write("conf/base/parameters.yml", "factor: 2\n")
    project.write("data/numbers.json", "[1, 2, 3]")
    return project
