"""Every code block of the README and of docs/ runs as a reader would run it; every link resolves.

What a block is, is told by its language and by HTML comments directly before it:

* ``<!-- file: conf/base/catalog.yml -->`` writes the block to that file;
* ``<!-- exit: 2 -->`` is the status with which its commands end, instead of 0;
* ``<!-- spark -->`` says that the block needs Spark;
* ``<!-- run -->`` says that its commands run, though NOT_RUN has them;
* ``<!-- notebook -->`` says that it is a cell of a notebook, with the extension of sparkpipe;
* ``<!-- raises: RunFailedError -->`` is what a cell raises.

``<!-- page: spark -->`` says that all blocks of a page need Spark: they run in their order.
``<!-- project: run-a-pipeline.md -->`` starts a page with the files that another page writes.
"""

from __future__ import annotations

import doctest
import importlib
import json
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml
from in_process import Ended, call
from migration import documented_command
from shell import Dbutils, Shell, ipython_shell

from sparkpipe.cli.commands.run import run as run_command
from sparkpipe.errors import SparkpipeError
from sparkpipe.io.factory import find_class

pytestmark = pytest.mark.slow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
PAGES = [*sorted(ROOT.glob("*.md")), *DOCUMENTS[1:], ROOT / "conf/local/README.md"]

#: Commands that the documents show and that are not run here.
NOT_RUN = {
    "make demo": "sets up an environment and runs the whole example; tests/examples runs it",
    "make test": "would run this test in itself",
    "make page": "needs Node; tests/report/page compares what it builds",
    "sparkpipe viz --live": "serves until Ctrl-C; tests/cli/test_report_command.py asks it",
    "make bench": "takes half an hour",
    "python -m tests.benchmarks overhead": "is no test: what it measures depends on the machine",
    "pip install -e '.[spark]'": "changes the environment of the tests",
    "pip install jupyterlab": "changes the environment of the tests",
    "jupyter lab": "is a server; tests/notebook runs a kernel of Jupyter",
    documented_command().replace("\\\n", ""): "changes a whole project; tests/migration runs it",
    "sparkpipe session tune": "takes a minute; tests/spark/test_tune.py runs it",
    "sparkpipe session start": "starts a server; tests/spark/test_warm_session.py runs it",
    "sparkpipe session status": "ends with status 1 where none runs",
    "sparkpipe session stop": "the server is that of the tests",
}

#: Programs that readers call, as modules of this Python, but for the shell.
PROGRAMS = {
    "sparkpipe": ["-m", "sparkpipe"],
    "python": [],
    "pytest": ["-m", "pytest"],
    "sh": [],
}

#: Commands that start Spark, in blocks that need it.
STARTING_SPARK = (["run"], ["sample"], ["session"])

#: How the documents write the folder in which a reader works.
READERS_FOLDER = "/home/you/project"

#: Packages that readers write.
PACKAGES = ("my_package", "shop")

_BLOCK = re.compile(
    r"(?P<comments>(?:^<!-- [^\n]*? -->\n)*)^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)
_COMMENT = re.compile(r"^<!-- (\w+)(?:: (.*?))? -->$", re.M)
_PROJECT = re.compile(r"^<!-- project: (\S+) -->$", re.M)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# From a minute on pytest also tells it in minutes.
_VARYING = re.compile(
    r"\d{4}-\d\d-\d\dT[\d.]+Z|\b\d\d:\d\d:\d\d\b|\b\d+\.\d+ ?s( \(\d+:\d\d:\d\d\))?$"
)
_DATA_SET_TYPE = re.compile(r"`((?:\w+\.)?\w+(?:DataSet|Writer))`")


class Block(NamedTuple):
    """A fenced block of code, and where it stands."""

    document: Path
    line: int
    language: str
    code: str
    comments: dict[str, str | None]

    @property
    def where(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks_of(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    of_page = {"spark": None} if "\n<!-- page: spark -->\n" in text else {}
    blocks = [
        Block(
            document,
            text.count("\n", 0, match.start("code")) + 1,
            match["language"],
            match["code"],
            of_page | {key: value or None for key, value in _COMMENT.findall(match["comments"])},
        )
        for match in _BLOCK.finditer(text)
    ]
    assert text.count("```") == 2 * len(blocks), f"{document}: a block that this test cannot read"
    return blocks


def commands_of(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Give each command of a shell block with the lines that a console block shows after it."""
    if block.language == "bash":
        for line in block.code.replace("\\\n", "").splitlines():
            command = re.sub(r"(^|\s)#.*", "", line).strip()
            if command:
                yield command, []
        return
    # What a command prints may have such lines, too.
    code = re.sub(
        r"^\$ .*\\\n(?:.*\\\n)*", lambda m: m[0].replace("\\\n", ""), block.code, flags=re.M
    )
    shown: list[str] = []
    command = ""
    for line in [*code.splitlines(), "$ "]:
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].strip(), []
        elif line.strip() not in ("", "..."):
            shown.append(line)


class Reader:
    """Follows a document, block by block, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._context = copy_context()  # a document may say which project is the current one
        self._notebook: Shell | None = None
        self._closing = ExitStack()

    def start(self, document: Path) -> None:
        """Write the files that a document takes over from the one that its comment names."""
        for name in _PROJECT.findall(document.read_text(encoding="utf-8")):
            for block in blocks_of(document.parent / name):
                if "file" in block.comments:
                    self.follow(block)

    def follow(self, block: Block) -> None:
        parse = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}
        if block.language in parse:
            parse[block.language](block.code)
        if "file" in block.comments:
            path = self._folder / str(block.comments["file"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code, encoding="utf-8")
            importlib.invalidate_caches()
        elif "notebook" in block.comments:
            self._cell(block)
        elif block.language == "python":
            self._context.run(self._python, block)
        elif block.language in ("bash", "console"):
            for command, shown in commands_of(block):
                if command not in NOT_RUN or "run" in block.comments:
                    self._shell(command, shown, block)
        else:
            assert block.language in (*parse, "text"), f"{block.where}: what is this block?"

    def _python(self, block: Block) -> None:
        if ">>> " not in block.code:
            # Blank lines before it, so that a traceback tells the line of the document.
            code = "\n" * (block.line - 1) + block.code
            exec(compile(code, str(block.document), "exec"), self._names)
            return
        example = doctest.DocTestParser().get_doctest(
            block.code, self._names, block.where, str(block.document), block.line - 1
        )
        told: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        failed = runner.run(example, out=told.append, clear_globs=False).failed
        assert not failed, "".join(told)
        self._names.update(example.globs)

    def _cell(self, block: Block) -> None:
        if self._notebook is None:
            dbutils = Dbutils({})
            given = {"dbutils": dbutils, "display": dbutils.displayed.append}
            self._notebook = self._closing.enter_context(ipython_shell(**given))
        expected = block.comments.get("raises")
        if expected is None:
            self._notebook.run(block.code)
            return
        with pytest.raises(SparkpipeError) as told:
            self._notebook.run(block.code)
        assert type(told.value).__name__ == expected, block.where

    def close(self) -> None:
        """End the notebook of the document."""
        self._closing.close()

    def _shell(self, command: str, shown: list[str], block: Block) -> None:
        program, *arguments = shlex.split(command)
        if program == "cd":
            self._folder /= arguments[0]
            os.chdir(self._folder)  # the fixture goes back
            return
        assert program in PROGRAMS, f"{block.where}: '{command}' is not for tests; see NOT_RUN"
        done = self._done([program, *arguments], block)
        output = done.out.replace(str(self._folder), READERS_FOLDER)
        told = f"{block.where}: {command} ended with status {done.status}:\n{output}"
        assert done.status == int(block.comments.get("exit") or 0), told
        printed = {_steady(line) for line in output.splitlines()}
        missing = [line for line in shown if _steady(line) not in printed]
        assert not missing, f"{told}\nwhich lacks the lines:\n" + "\n".join(missing)

    def _done(self, command: list[str], block: Block) -> Ended:
        """Run a command: in this process a module that neither starts Spark nor tests."""
        program, *options = command
        arguments = [*PROGRAMS[program], *options]
        match arguments:
            case ["-m", module, *given] if module in ("sparkpipe", *PACKAGES):
                if "spark" not in block.comments or given[:1] not in STARTING_SPARK:
                    return call(module, given, self._folder, {}, together=True)
        own = Path(sys.executable).parent  # what a script of the reader calls is there, too
        done = subprocess.run(
            [program if program == "sh" else sys.executable, *arguments],
            cwd=self._folder,
            env={
                **os.environ,
                "PATH": f"{own}{os.pathsep}{os.environ['PATH']}",
                "PYTHONIOENCODING": "utf-8",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        return Ended(done.returncode, done.stdout, "")


def _steady(line: str) -> str:
    """Return a line without what differs from run to run: times, and the level before a time."""
    return re.sub(r"^(INFO|WARNING|ERROR): ", "", _VARYING.sub("", line).strip()).strip()


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    folder = tmp_path.resolve()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])  # as at a prompt there
    level = logging.getLogger("sparkpipe").level
    reader = Reader(folder)
    yield reader
    reader.close()
    for warm in folder.rglob(".sparkpipe"):  # of a page that has not come to its end
        subprocess.run([sys.executable, "-m", "sparkpipe", "session", "stop"], cwd=warm.parent)
    logging.getLogger("sparkpipe").setLevel(level)
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _is_run_with_spark(document: Path) -> bool:
    # The tutorial is run in an environment of its own: test_tutorial.py.
    return document.name != "tutorial.md" and any(
        "spark" in block.comments for block in blocks_of(document)
    )


# Code


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_blocks_run(document: Path, reader: Reader) -> None:
    reader.start(document)
    for block in blocks_of(document):
        if "spark" not in block.comments:
            reader.follow(block)


@pytest.mark.spark
@pytest.mark.parametrize("document", list(filter(_is_run_with_spark, DOCUMENTS)), ids=_name)
def test_spark_blocks_run(document: Path, spark: object, reader: Reader) -> None:
    reader.start(document)
    for block in blocks_of(document):
        if "spark" in block.comments:
            reader.follow(block)


def test_every_command_that_is_not_run_is_shown_somewhere() -> None:
    shown = {
        command
        for document in DOCUMENTS
        for block in blocks_of(document)
        if block.language in ("bash", "console")
        for command, _ in commands_of(block)
    }
    assert set(NOT_RUN) <= shown


# Text


def test_the_readme_leads_to_what_a_new_user_needs() -> None:
    links = set(_LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    wanted = ("tutorial", "testing", "spark-submit", "performance", "comparison", "api/index")
    assert {f"docs/{name}.md" for name in wanted} <= links


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    broken = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):  # not asked for: tests need no network
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_option_of_run_is_told() -> None:
    text = (ROOT / "docs" / "run-a-pipeline.md").read_text(encoding="utf-8")
    parameters = run_command.get_params(click.Context(run_command))
    options = {name for parameter in parameters for name in parameter.opts}
    assert {name for name in options if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_data_set_types_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name in set(_DATA_SET_TYPE.findall(text)):
        # Classes alone, as in code, are looked up by their packages in tables of types.
        if "." in name and not name.startswith("my_package"):
            find_class(name)
