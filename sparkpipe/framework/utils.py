"""Objects by their dotted path."""

from importlib import import_module
from typing import Any


def load_obj(obj_path: str, default_obj_path: str = "") -> Any:
    """Import an object.

    Args:
        obj_path: Its dotted path, or its name alone.
        default_obj_path: The module of a name alone.

    Raises:
        ImportError: The module cannot be imported.
        AttributeError: The module has no such object.
    """
    module, _, name = obj_path.rpartition(".")
    return getattr(import_module(module or default_obj_path), name)
