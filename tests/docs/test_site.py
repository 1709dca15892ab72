"""The documentation site builds without a warning, is whole, and needs no network to be read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

#: Attributes of elements by which a browser fetches something, unasked.
FETCHED = {
    "img": ("src", "srcset"),
    "script": ("src",),
    "link": ("href",),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src",),
    "audio": ("src",),
    "object": ("data",),
    "form": ("action",),
}


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", site],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


class Page(HTMLParser):
    """What a page of the site fetches, its anchors, and the text between its tags."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.text = ""
        self.copied: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("rel") == "canonical":
            return
        if "data-copy" in given:
            self.copied.append(given["data-copy"] or "")
        self.fetched += [given[name] or "" for name in FETCHED.get(tag, ()) if name in given]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT / "mkdocs.yml", folder)
    assert built.returncode == 0, built.stdout
    return folder


def nav_pages(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    below = entry.values() if isinstance(entry, dict) else entry
    assert isinstance(below, type({}.values()) | list)
    return [page for part in below for page in nav_pages(part)]


def nav() -> list[str]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    # The tag of a function for MkDocs is none for a safe loader.
    return nav_pages(yaml.safe_load(re.sub(r"!!python\S*", "", text))["nav"])


def test_every_page_is_there_and_can_be_searched(site: Path) -> None:
    pages = [page.replace(".md", ".html") for page in nav()]
    assert len(pages) > 20
    assert [page for page in pages if not (site / page).is_file()] == []
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert set(pages) <= found


def test_nothing_is_fetched_from_the_network(site: Path) -> None:
    outside = {
        (page.relative_to(site).as_posix(), url)
        for page in site.rglob("*.html")
        for url in Page(page).fetched
        if re.match(r"(\w+:)?//", url)
    }
    assert outside == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]*", styles) == []


def test_no_markup_is_left_over_in_the_text(site: Path) -> None:
    left = {}
    for path in site.rglob("*.html"):
        html = re.sub(
            r"<(code|script|style|pre)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.S
        )
        text = re.sub(r"<[^>]*>", "", html)
        found = re.findall(
            r"```|\]\(|BLANKLINE|>>> |^\|.*\||^#+ |:(?:class|func|meth|data|attr):|^- \w",
            text,
            re.M,
        )
        if found:
            left[path.name] = found
    assert left == {}


def test_buttons_copy_what_is_typed_without_prompts_and_output(site: Path) -> None:
    copied = Page(site / "run-a-pipeline.html").copied
    assert "sparkpipe registry list\nsparkpipe registry describe moments\n" in copied[1]
    assert any(code.startswith("from sparkpipe.pipeline import node") for code in copied)
    for path in site.rglob("*.html"):
        page = Page(path)
        for code in page.copied:
            assert not re.search(r"^(\$|>>>|\.\.\.) |^\d\d:\d\d:\d\d ", code, re.M), (path, code)
        shown = re.findall(r'"language-console highlight">', path.read_text(encoding="utf-8"))
        assert len(page.copied) >= len(shown), path


def test_each_page_that_was_part_of_run_a_pipeline_is_in_the_navigation() -> None:
    parts = ("runners", "custom-runners", "input-and-output", "failures", "progress-and-logs")
    assert {f"{part}.md" for part in (*parts, "runs-on-spark")} <= set(nav())
    text = (ROOT / "docs" / "run-a-pipeline.md").read_text(encoding="utf-8")
    assert [part for part in (*parts, "runs-on-spark") if f"({part}.md)" not in text] == []


def test_signatures_and_docstrings_are_on_the_pages_of_the_api(site: Path) -> None:
    text = Page(site / "api" / "pipeline.html").text
    assert "from_nodes" in text
    assert "Parameters:" in text
    assert "create_hook_manager" in Page(site / "api" / "hooks.html").text


def test_what_is_wrong_in_the_pages_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: {docs}\nhooks: ['{ROOT}/.ci/site.py']\n"
        "nav:\n  - index.md\n  - gone.md\n"
    )
    (docs / "unlisted.md").write_text("# Unlisted\n")
    (docs / "index.md").write_text("# Page\n\n[a](nowhere.md), [b](unlisted.md#no-such-anchor)\n")
    built = build(config, tmp_path / "site")
    assert built.returncode != 0
    for told in (
        "unlisted.md has only 1 line",
        "gone.md",
        "unlisted.md",
        "nowhere.md",
        "no-such-anchor",
    ):
        assert told in built.stdout

    (docs / "index.md").write_text("# Page\n\n::: sparkpipe.pipeline.no_such_name\n")
    config.write_text(config.read_text().replace("  - gone.md\n", "  - unlisted.md\n"))
    built = build(config, tmp_path / "site")
    assert built.returncode != 0
    assert "no_such_name" in built.stdout
