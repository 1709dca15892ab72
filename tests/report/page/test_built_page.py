"""The page as users are given it: built, in the wheel, with the licences of what is in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = "sparkpipe/html"
FRONTEND = "sparkpipe/report/page/frontend"


@pytest.mark.slow
def test_the_wheel_has_the_built_page_with_the_licences_of_what_is_in_it(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (file,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(file) as wheel:
        names = wheel.namelist()
        built = ("page.js", "page.css", "unpack.js")
        texts = {name: wheel.read(f"{PAGE}/{name}").decode() for name in built}
    for name, text in texts.items():
        assert text == (ROOT / PAGE / name).read_text(encoding="utf-8")
    script = texts["page.js"]
    # Who installs it needs neither the sources nor Node.
    assert not any("frontend" in name for name in names)
    head = script[2 : script.index("*/")]
    lock = json.loads((ROOT / FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    bundled = {
        name.removeprefix("node_modules/"): one["version"]
        for name, one in lock["packages"].items()
        if name and not one.get("dev")
    }
    assert {"d3-selection", "d3-zoom"} <= {*bundled}
    for name, version in bundled.items():
        licence = head.partition(f"\n{name} {version}\n")[2][:2000]
        assert "Copyright" in licence, name
        assert "Permission to use, copy, modify" in licence, name


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_the_built_page_is_that_of_its_sources() -> None:
    frontend = ROOT / FRONTEND
    if not (frontend / "node_modules" / "esbuild").exists():
        pytest.skip("the page's bundler is not installed: make page")
    ended = subprocess.run(
        ["node", "build.mjs", "--check"], cwd=frontend, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


def test_the_locked_packages_name_no_registry() -> None:
    lock = json.loads((ROOT / FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    assert not any("resolved" in one for one in lock["packages"].values())
