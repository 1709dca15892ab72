"""See :mod:`sparkpipe.cli`."""

from sparkpipe.cli.main import main
from sparkpipe.framework.cli.utils import command_with_verbosity, load_entry_points

__all__ = ["command_with_verbosity", "load_entry_points", "main"]
