"""What the documentation site does with pages that are written for readers of the repository.

MkDocs calls these functions while it builds the site, see ``hooks`` in mkdocs.yml.
"""

from __future__ import annotations

import doctest
import logging
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

#: Pages in the repository's root that are pages of the site, too, and their names there.
FROM_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}

#: A page with fewer lines of text is one that somebody has yet to write.
FEWEST_LINES = 10

# A strict build fails on what is logged here.
_logger = logging.getLogger("mkdocs.hooks.site")

# The contents that a page lists before its first section; the site has them beside each page.
_CONTENTS = re.compile(r"\A(?P<above>(?:(?!^## ).*\n)*?)(?:^- \[[^\]]*\]\(#[^)]*\)\n)+\n", re.M)
_FILE = re.compile(r"(^<!-- file: (.*?) -->\n(?:<!--.*-->\n)*```\w+)\n", re.M)
_ABOVE = re.compile(r"\]\(\.\./([^)#]+)")
_SESSION = re.compile(
    r'<div class="language-(?:console|python|pycon) highlight">(?:(?!</div>).)*?<code>(.*?)</code>',
    re.S,
)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)", re.M)


def on_files(files: Files, config: Any) -> Files:
    """Add what lies outside ``docs/``: two pages, and the files that pages link to."""
    for name, page in FROM_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        for other, its_page in FROM_ROOT.items():
            text = text.replace(f"]({other}", f"]({its_page}")
        files.append(File.generated(config, page, content=text))
    linked = {
        name
        for file in list(files.documentation_pages())
        for name in _ABOVE.findall(file.content_string)
        if name not in FROM_ROOT and (ROOT / name).is_file()
    }
    for name in sorted(linked):
        place = f"repository/{name}"
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Warn of a page that is empty; show the file that a block is written to; mend links."""
    lines = sum(bool(line.strip()) for line in markdown.splitlines())
    if lines < FEWEST_LINES:
        _logger.warning("%s has only %d line(s) of text.", page.file.src_uri, lines)
    text = _CONTENTS.sub(r"\g<above>", markdown)
    text = text.replace("<BLANKLINE>\n", "")  # only doctest wants it
    text = _FILE.sub(r'\1 title="\2"\n', text)
    return _ABOVE.sub(lambda link: f"]({_place_of(link[1])}", text)


def on_page_content(html: str, **_: Any) -> str:
    """Let the button of a block that shows a session copy what is typed, and nothing else."""
    return _SESSION.sub(_with_copy, html)


def _with_copy(block: re.Match[str]) -> str:
    typed = _typed(unescape(re.sub(r"<[^>]*>", "", block[1])))
    if not typed:
        return block[0]
    value = escape(typed).replace("\n", "&#10;")  # Material's button looks for this attribute
    return block[0].replace("<div ", f'<div data-copy="{value}" ', 1)


def _typed(session: str) -> str:
    """Return the commands, or the Python code, of a session without prompts and output."""
    if re.search(r"^>>> ", session, re.M):
        examples = doctest.DocTestParser().get_examples(session)
        return "".join(example.source for example in examples)
    return "\n".join(_COMMAND.findall(session))


def _place_of(name: str) -> str:
    if name in FROM_ROOT:
        return FROM_ROOT[name]
    # What does not exist is left as it is, and fails the build as a broken link.
    return f"repository/{name}" if (ROOT / name).is_file() else f"../{name}"
