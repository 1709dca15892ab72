"""A process that answers questions, so that several, each with a JVM of its own, take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

#: From a question to what JSON can hold.
Answer = Callable[[str], Any]


class Child:
    """Runs a module that calls :func:`serve`; usable by ``with``, at whose end it ends.

    Args:
        module: Its dotted name, then its arguments.
        log: The file that takes what it prints.
        python: The interpreter; one of another environment need not have sparkpipe.
    """

    def __init__(self, *module: str, log: Path, python: str = sys.executable) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [python, "-m", *module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                # Spark's workers take the interpreter of the session that they belong to.
                env={**os.environ, "PYSPARK_PYTHON": python, "DO_NOT_TRACK": "1"},
            )

    def ask(self, question: str) -> Any:
        """Return the answer.

        Raises:
            RuntimeError: The process ended without one; has the end of its log.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            told = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
            raise RuntimeError("\n".join([f"The benchmark's process ended. {self._log}:", *told]))
        return json.loads(answer)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # it stops its session and ends
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(prepared: AbstractContextManager[Answer]) -> None:
    """Answer each line of standard input by one line of JSON, until there are no more."""
    # A JVM inherits standard output and prints there: answers keep it for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with prepared as answer:
        for question in sys.stdin:
            print(json.dumps(answer(question.strip())), file=answers, flush=True)
