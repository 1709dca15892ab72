"""What the documentation site does with pages that are written for readers of the repository.

MkDocs calls these functions while it builds the site, see ``hooks`` in mkdocs.yml.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent

#: Pages in the repository's root that are pages of the site, too, and their names there.
FROM_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}

# The contents that a page lists before its first section; the site has them beside each page.
_CONTENTS = re.compile(r"\A(?P<above>(?:(?!^## ).*\n)*?)(?:^- \[[^\]]*\]\(#[^)]*\)\n)+\n", re.M)
_FILE = re.compile(r"(^<!-- file: (.*?) -->\n(?:<!--.*-->\n)*```\w+)\n", re.M)
_ABOVE = re.compile(r"\]\(\.\./([^)#]+)")


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


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Show the file that a block is written to; let links out of ``docs/`` arrive."""
    text = _CONTENTS.sub(r"\g<above>", markdown)
    text = text.replace("<BLANKLINE>\n", "")  # only doctest wants it
    text = _FILE.sub(r'\1 title="\2"\n', text)
    return _ABOVE.sub(lambda link: f"]({_place_of(link[1])}", text)


def _place_of(name: str) -> str:
    if name in FROM_ROOT:
        return FROM_ROOT[name]
    # What does not exist is left as it is, and fails the build as a broken link.
    return f"repository/{name}" if (ROOT / name).is_file() else f"../{name}"
