"""What `make bench` installs in an environment of its own; empty where that failed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_BIN = Path(".venv-bench/bin").absolute()


def _command(name: str) -> str:
    return str(_BIN / name) if (_BIN / name).exists() else ""


#: The Python of an environment that has kedro, and pyspark.
KEDRO_PYTHON = _command("python") if _command("kedro") else ""

#: The command that makes TPC-H's tables.
TPCHGEN = (
    _command("tpchgen-cli")
    or shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent))
    or ""
)

#: The folder of packages that has DQX.
DQX_PACKAGES = next(
    (str(one.parents[2]) for one in _BIN.parent.glob("lib/*/site-packages/databricks/labs/dqx")), ""
)
