"""The page as one HTML file that asks nobody for anything.

The document enters as JSON in an element that is no script, and the program of the page puts all of
it into texts. The policy of the page lets run that program only, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from typing import Any

# Within JSON these stand in texts only. U+2028 and U+2029 end lines for old readers of scripts.
_ESCAPED = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class Page:
    """A page; a notebook shows it in a frame, with all that it does in a browser.

    Attributes:
        name: What it is of: the id of a run, or ``plan``.
        html: The whole file.
    """

    name: str
    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        # Without 'allow-same-origin' its program cannot reach the notebook.
        return (
            f'<iframe title="{escape(self.name)}" sandbox="allow-scripts" loading="lazy" '
            'style="width: 100%; height: 45em; border: 0" '
            f'srcdoc="{escape(self.html)}"></iframe>'
        )


def page_of(document: Mapping[str, Any], follow: str = "") -> str:
    """Return the page of a document.

    Args:
        document: As of :func:`sparkpipe.report.page.document_of_run`.
        follow: The address, on the same server, under which the document is asked for again while
            the run goes on; empty for a page that asks for nothing.
    """
    script, style = _built("page.js"), _built("page.css")
    policy = [
        "default-src 'none'",
        f"script-src '{_digest(script)}'",
        f"style-src '{_digest(style)}'",
        "base-uri 'none'",
        "form-action 'none'",
        *(["connect-src 'self'"] if follow else []),
    ]
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            '<meta name="referrer" content="no-referrer">\n',
            f"<title>{escape(str(document.get('title', '')))}</title>\n",
            f"<style>{style}</style>\n</head>\n<body>\n",
            "<noscript>This page needs JavaScript, which its file brings along.</noscript>\n",
            f'<div id="page" data-follow="{escape(follow)}"></div>\n',
            f'<script type="application/json" id="document">{as_json(document)}</script>\n',
            f"<script>{script}</script>\n</body>\n</html>\n",
        )
    )


def as_json(document: Any) -> str:
    r"""Return a document, or a part of one, as JSON that nothing in HTML can end.

    Args:
        document: Of plain values; what is none becomes its text.

    >>> as_json({"name": "</script><!--"})
    '{"name":"\\u003c/script\\u003e\\u003c!--"}'
    """
    told = json.dumps(_plain(document), ensure_ascii=False, separators=(",", ":"), default=str)
    for char, escaped in _ESCAPED.items():  # str.translate takes twenty times as long
        told = told.replace(char, escaped)
    # Half a pair of UTF-16 cannot be written to a file.
    return told.encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    """Return what JSON has a form for; the keys of parameters may be anything, and numbers none."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _built(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
