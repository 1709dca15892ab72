"""The page as one HTML file that asks nobody for anything, and as an element of a notebook.

The document enters as JSON in an element that is no script, and the program of the page puts all of
it into texts. The policy of the page lets run that program only, by its hash. In a notebook, which
may show many of them, all of it is packed: a smaller program unpacks it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from typing import Any

# Within JSON these stand in texts only. U+2028 and U+2029 end lines for old readers of scripts.
_ESCAPED = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}

# Of a frame in a notebook, in the height of its letters.
_LOWEST, _HIGHEST, _OF_LANE = 20, 36, 4


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
        return _frame(self.html, self.name, "45em")


def framed(document: Mapping[str, Any], view: str) -> str:
    """Return a document as an element of a notebook: its page, packed, in a frame of its own.

    What is told above it in a notebook, and what no reader needs there, is not in it: only the
    views of nodes and data sets.

    Args:
        document: As of :func:`sparkpipe.report.page.document_of_run`.
        view: Which view is seen first: ``graph`` or ``timeline``.
    """
    script, style, unpacking = _built("page.js"), _built("page.css"), _built("unpack.js")
    whole = json.dumps([style, script, as_json(document)]).encode()
    # Without the time in it, the same plan is the same text in the notebook's file.
    packed = base64.b64encode(gzip.compress(whole, mtime=0)).decode()
    content = (
        f'<div id="page" data-follow="" data-inline="{escape(view)}"></div>\n'
        f'<script type="text/plain" id="packed">{packed}</script>\n'
        f"<script>{unpacking}</script>\n"
    )
    title = str(document.get("title", ""))
    policy = _policy([unpacking, script], style)
    # As high as it is likely to need, and no higher than a screen.
    needed = _LOWEST + max(len(document["nodes"]), _OF_LANE * document["lanes"])
    return _frame(_html(title, policy, "", content), title, f"{min(_HIGHEST, needed)}em")


def _frame(page: str, title: str, height: str) -> str:
    # Without 'allow-same-origin' its program cannot reach the notebook.
    return (
        f'<iframe title="{escape(title)}" sandbox="allow-scripts" loading="lazy" '
        f'style="width: 100%; height: {height}; border: 0" srcdoc="{escape(page)}"></iframe>'
    )


def page_of(document: Mapping[str, Any], follow: str = "") -> str:
    """Return the page of a document.

    Args:
        document: As of :func:`sparkpipe.report.page.document_of_run`.
        follow: The address, on the same server, under which the document is asked for again while
            the run goes on; empty for a page that asks for nothing.
    """
    script, style = _built("page.js"), _built("page.css")
    content = (
        f'<div id="page" data-follow="{escape(follow)}"></div>\n'
        f'<script type="application/json" id="document">{as_json(document)}</script>\n'
        f"<script>{script}</script>\n"
    )
    policy = _policy([script], style, *(["connect-src 'self'"] if follow else []))
    return _html(str(document.get("title", "")), policy, f"<style>{style}</style>\n", content)


def _policy(scripts: Iterable[str], style: str, *more: str) -> str:
    hashes = " ".join(f"'{_digest(one)}'" for one in scripts)
    allowed = ["default-src 'none'", f"script-src {hashes}", f"style-src '{_digest(style)}'"]
    return "; ".join([*allowed, "base-uri 'none'", "form-action 'none'", *more])


def _html(title: str, policy: str, style: str, content: str) -> str:
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            '<meta name="referrer" content="no-referrer">\n',
            f"<title>{escape(title)}</title>\n",
            f"{style}</head>\n<body>\n",
            "<noscript>This page needs JavaScript, which its file brings along.</noscript>\n",
            f"{content}</body>\n</html>\n",
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
