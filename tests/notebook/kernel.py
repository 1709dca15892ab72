"""A real kernel of Jupyter, and what a cell that ran in it has shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_SECONDS = 60.0


@dataclass
class Cell:
    """What a cell has shown.

    Attributes:
        out: What it printed to standard output.
        err: What it printed to standard error.
        results: What it displayed, by MIME type, one for each display.
        error: What stands in place of a traceback; empty if nothing was raised.
        next_input: The code of the cell that it has written.
    """

    out: str = ""
    err: str = ""
    results: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    error_name: str = ""
    next_input: str = ""

    @property
    def text(self) -> str:
        """The last result as plain text."""
        return str(self.results[-1]["text/plain"]) if self.results else ""

    @property
    def html(self) -> str:
        """The last result as HTML."""
        return str(self.results[-1].get("text/html", "")) if self.results else ""


class Kernel:
    """A kernel in a process of its own.

    Args:
        folder: The folder that it starts in.
        env: Its environment variables.
    """

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(cwd=str(folder), env=env)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=_SECONDS)

    def run(self, code: str) -> Cell:
        """Run a cell; it may fail."""
        cell = Cell()

        def shown(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                name = "out" if content["name"] == "stdout" else "err"
                setattr(cell, name, getattr(cell, name) + content["text"])
            elif message["msg_type"] in ("execute_result", "display_data"):
                cell.results.append(content["data"])
            elif message["msg_type"] == "error":
                cell.error_name = content["ename"]
                cell.error = _COLOUR.sub("", "\n".join(content["traceback"]))

        reply = self._client.execute_interactive(
            code, allow_stdin=False, timeout=_SECONDS, output_hook=shown
        )
        for payload in reply["content"].get("payload", ()):
            if payload["source"] == "set_next_input":
                cell.next_input = payload["text"]
        return cell

    def good(self, code: str) -> Cell:
        """Run a cell that must not fail."""
        cell = self.run(code)
        assert not cell.error, cell.error
        return cell

    def completions(self, line: str) -> list[str]:
        """Return what Tab offers at the end of a line."""
        reply = self._client.complete(line, reply=True, timeout=_SECONDS)
        return list(reply["content"]["matches"])

    def interrupt(self) -> None:
        """Do what the stop button does."""
        self._manager.interrupt_kernel()

    def stop(self) -> None:
        """End the process."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
