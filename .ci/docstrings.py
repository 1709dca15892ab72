"""How docstrings, written for readers of the code, are shown on the documentation site."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?([^`]+)`")
_LITERAL = re.compile(r"(?:^|(:)):\n(?=\n)", re.M)
_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.M)


class Docstrings(Extension):
    """Shows as code what is code: names referred to, examples, and what follows ``::``."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of an object that has been read."""
        if obj.docstring is not None:
            text = _ROLE.sub(r"`\1`", obj.docstring.value)
            text = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", text)
            obj.docstring.value = _LITERAL.sub(r"\1\n", text)
