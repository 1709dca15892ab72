"""A shell of IPython in the process of the tests, and a stand-in for what Databricks gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any


class NotebookExit(BaseException):
    """How ``dbutils.notebook.exit`` ends a notebook."""


class Dbutils:
    """A stand-in: parameters come from the test as from a job, what is returned goes to it.

    Args:
        given: The parameters of the job.

    Attributes:
        returned: What the notebook has returned.
        displayed: What it has displayed.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._defaults: dict[str, str] = {}
        self.returned = ""
        self.displayed: list[Any] = []
        self.widgets = self.notebook = self.library = self

    def text(self, name: str, default: str) -> None:
        self._defaults[name] = default

    def get(self, name: str) -> str:
        return self._given.get(name, self._defaults[name])

    def exit(self, value: str) -> None:
        self.returned = value
        raise NotebookExit

    def restartPython(self) -> None:  # its name
        pass


class Shell:
    """A shell of IPython, as Jupyter and Databricks have one.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.names: dict[str, Any] = shell.user_ns

    def run(self, code: str) -> Any:
        """Run a cell and return its value; what it raises is raised."""
        ran = self._shell.run_cell(code)
        if not isinstance(ran.error_in_exec, NotebookExit):
            ran.raise_error()
        return ran.result


@contextmanager
def ipython_shell(**names: Any) -> Iterator[Shell]:
    """Within it there is a shell.

    Args:
        names: Variables that the notebook has from the beginning.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    with TemporaryDirectory() as home:
        shell = InteractiveShell.instance(config=config, ipython_dir=home)
        shell.push(names)
        try:
            yield Shell(shell)
        finally:
            shell.run_line_magic("unload_ext", "sparkpipe")
            shell.restore_sys_module_state()
            InteractiveShell.clear_instance()
