"""The IPython extension, for Jupyter and Databricks: ``%load_ext sparkpipe``.

It finds the project of the notebook's folder and puts ``session``, ``catalog`` and ``pipelines``
among the notebook's variables, and ``spark`` with the first cell that uses it.
``%reload_sparkpipe`` takes what has changed, ``%run_pipeline`` runs, ``%load_node`` shows a node.
Loading prints nothing, sets up no logging and leaves the event loop alone.
"""

from __future__ import annotations

from typing import Any


def load(shell: Any) -> None:
    """Load the extension into a shell of IPython.

    Args:
        shell: What IPython gives to ``load_ipython_extension``.

    Raises:
        ConfigError: The project is wrong. The magics are there all the same, so that
            ``%reload_sparkpipe`` can be called when it is right.
        PreflightError: More than one thing is.
    """
    from sparkpipe.notebook.magics import install

    install(shell)


def unload(shell: Any) -> None:
    """Take away what :func:`load` has put into a shell.

    Args:
        shell: The shell.
    """
    from sparkpipe.notebook.magics import remove

    remove(shell)
