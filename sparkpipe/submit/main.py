"""The program that is given to spark-submit.

``spark-submit $(sparkpipe submit path) run --pipeline x`` is ``sparkpipe run --pipeline x`` with
the session of spark-submit. ``--package shop`` before the command names the package of a project
that is installed or shipped, for where the project's folder is not: in cluster mode.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run a command of sparkpipe; ends the process with its exit status."""
    sys.path.pop(0)  # this folder
    try:
        _import_own()
        from sparkpipe.cli.commands.submit import run_submitted
    except ModuleNotFoundError as exc:
        sys.stderr.write(
            f"Error: there is no module '{exc.name}' in the driver's Python ({sys.executable}). "
            "Install sparkpipe there, or let 'sparkpipe submit command --deploy-mode cluster' "
            "print a line that ships it.\n"
        )
        sys.exit(2)
    run_submitted(sys.argv[1:])


def _import_own() -> None:
    """Import the sparkpipe that this file is of, or else one that was shipped."""
    package = Path(__file__).resolve().parents[1]
    is_installed = package.name == "sparkpipe" and (package / "__init__.py").is_file()
    if is_installed:  # what was shipped for the executors would come first
        sys.path.insert(0, str(package.parent))
    import sparkpipe

    if is_installed:
        sys.path.pop(0)
    else:
        # After all others, so that they hide nothing that the cluster has.
        sys.path.append(str(Path(sparkpipe.__file__).parents[1] / "dependencies"))


if __name__ == "__main__":
    main()
