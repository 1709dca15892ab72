"""The handler for consoles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich.logging


class RichHandler(rich.logging.RichHandler):
    """Logs to the console in colours, with links to the code.

    Args:
        rich_tracebacks: Show tracebacks of logged errors in colours too. Arguments that begin with
            ``tracebacks_`` are their options. Nothing is installed for the whole process.
        kwargs: See ``rich.logging.RichHandler``.
    """

    def __init__(self, *args: Any, rich_tracebacks: bool = False, **kwargs: Any) -> None:
        if rich_tracebacks:
            import click

            kwargs.setdefault("tracebacks_suppress", [str(Path(click.__file__).parent)])
        super().__init__(*args, rich_tracebacks=rich_tracebacks, **kwargs)
