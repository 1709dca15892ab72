"""What a table is, asked without importing what it would be of."""

from __future__ import annotations

import sys
from typing import Any


def is_pandas(table: Any) -> bool:
    """Whether a table is a DataFrame of pandas."""
    return _is_of(table, "pandas", "DataFrame")


def is_arrow(table: Any) -> bool:
    """Whether a table is one of Arrow."""
    return _is_of(table, "pyarrow", "Table")


def _is_of(table: Any, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(table, kind)
