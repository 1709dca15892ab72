"""The tutorial, as a newcomer follows it: in an environment of its own, outside the checkout."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from in_process import Ended
from test_documents import ROOT, Block, Reader, blocks_of

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(os.name != "posix", reason="the tutorial's shell is that of POSIX"),
    pytest.mark.skipif(shutil.which("java") is None, reason="the tutorial's Spark needs Java"),
]

TUTORIAL = ROOT / "docs" / "tutorial.md"

# Python at a prompt that stays open: blocks come as lines of JSON, and what is wrong goes back.
PROMPT = """
import doctest, json, sys

names, options = {"__name__": "__main__"}, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
for line in sys.stdin:
    code, where = json.loads(line)
    told = []
    test = doctest.DocTestParser().get_doctest(code, names, where, where, 0)
    doctest.DocTestRunner(optionflags=options).run(test, out=told.append, clear_globs=False)
    names.update(test.globs)
    print(json.dumps("".join(told)), flush=True)
"""


class Newcomer(Reader):
    """Follows the tutorial by the programs of an environment that was just made."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder)
        self._environment = environment
        self._prompt: subprocess.Popen[str] | None = None
        self.started: list[subprocess.Popen[bytes]] = []

    def follow(self, block: Block) -> None:
        if "cluster" in block.comments:
            for line in block.code.splitlines():
                self._on_cluster(line)
        else:
            super().follow(block)

    def program(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-ec", command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )

    def _done(self, command: list[str], block: Block) -> Ended:
        said = self.program(shlex.join(command))
        return Ended(said.returncode, said.stdout, "")

    def _python(self, block: Block) -> None:
        if self._prompt is None:
            self._prompt = subprocess.Popen(
                ["python", "-c", PROMPT],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        assert self._prompt.stdin is not None
        assert self._prompt.stdout is not None
        print(json.dumps([block.code, block.where]), file=self._prompt.stdin, flush=True)
        told = json.loads(self._prompt.stdout.readline())
        assert not told, told

    def _on_cluster(self, line: str) -> None:
        """Run a line that the tutorial gives to a terminal of its own, or the one that submits."""
        # The port may be taken: tests run side by side.
        line = line.replace("7077", str(self.port))
        if not line.startswith("spark-class"):
            said = self.program(line)
            assert said.returncode == 0, said.stdout
            assert "Completed 6 out of 6 tasks" in said.stdout
            return
        log = (self._folder / f"cluster-{len(self.started)}.log").open("wb")
        with log:
            self.started.append(
                subprocess.Popen(
                    shlex.split(line),
                    cwd=self._folder,
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        told = "New state: ALIVE" if "Master" in line else "registered with master"
        self._wait_for(told, Path(log.name), self.started[-1])

    @staticmethod
    def _wait_for(told: str, log: Path, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + 120
        while told not in log.read_text(errors="replace"):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < end, log.read_text(errors="replace")
            time.sleep(0.1)  # a log of another process gives no event

    def close(self) -> None:
        super().close()
        if self._prompt is not None:
            # It would go on asking the warm session, which has been stopped, to let it go.
            self._prompt.kill()
            self._prompt.communicate()
        for process in reversed(self.started):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)
        self.program("sparkpipe session stop")


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Newcomer]:
    """Somebody in an empty folder, with the environment that the tutorial's first commands make."""
    made = tmp_path / "environment"
    # As 'python3 -m venv' makes it, with pip and no more: no build backend.
    subprocess.run([sys.executable, "-m", "venv", made], check=True)
    install(made / "bin/python", tmp_path)
    left_out = ("PYTHONPATH", "VIRTUAL_ENV", "SPARK_HOME", "SPARK_REMOTE")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "PATH": f"{made / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONIOENCODING": "utf-8",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    somebody = Newcomer(folder.resolve(), environment)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        somebody.port = found.getsockname()[1]
    yield somebody
    somebody.close()


def install(python: Path, folder: Path) -> None:
    """Do what ``pip install '.[spark]' pytest`` does, in the versions of the lock file.

    By uv, which has at hand what ``make`` has installed; pip would build pyspark for minutes. A
    machine without it asks the package index.
    """
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=copy_of_checkout(folder / "checkout"), check=True)
    (wheel,) = folder.glob("*.whl")
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"]
    options = ["--python", str(python), "--constraint", str(locked(folder))]
    wanted = [f"sparkpipe[spark] @ {wheel.as_uri()}", "pytest"]
    if subprocess.run([*uv, "--offline", *options, *wanted], stderr=subprocess.DEVNULL).returncode:
        subprocess.run([*uv, *options, *wanted], check=True)


def locked(folder: Path) -> Path:
    """Return the versions of the lock file as constraints, without hashes."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    constraints = folder / "constraints.txt"
    pinned = (line.partition(" \\")[0] for line in lines if line[:1].isalnum())
    constraints.write_text("\n".join(pinned), encoding="utf-8")
    return constraints


def copy_of_checkout(folder: Path) -> Path:
    """Copy what sparkpipe is built from: a build in the checkout could leave something there."""
    folder.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "sparkpipe", folder / "sparkpipe", ignore=left_out)
    return folder


@pytest.mark.timeout(1500)  # three sessions, and a cluster
def test_the_tutorial_runs_as_written_in_a_fresh_environment(newcomer: Newcomer) -> None:
    for program in ("sparkpipe", "python", "pytest"):
        assert "/environment/bin/" in newcomer.program(f"command -v {program}").stdout
    assert newcomer.program("python -c 'import hatchling'").returncode == 1
    for block in blocks_of(TUTORIAL):
        newcomer.follow(block)
    assert len(newcomer.started) == 2


def test_a_line_that_cannot_be_made_ends_the_command_of_the_tutorial(tmp_path: Path) -> None:
    (line,) = (
        line
        for block in blocks_of(TUTORIAL)
        for line in block.code.splitlines()
        if "submit command" in line
    )
    command = line.replace("sparkpipe ", f"{shlex.quote(sys.executable)} -m sparkpipe ")
    said = subprocess.run(["sh", "-ec", command], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 2
    assert "no sparkpipe project" in said.stderr.lower()
