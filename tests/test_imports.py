"""Importing has no effects: nothing heavy is loaded, nothing logged, nothing written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODULES = ["sparkpipe", "sparkpipe.io", "sparkpipe.pipeline", "sparkpipe.runner"]

_IMPORT = """
import logging, sys
opened = []

def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        # Flags tell what os.open is asked for; without a mode they are all there is.
        if any(c in str(mode or "") for c in "wax+") or flags & 3:
            opened.append((path, mode, flags))
    elif event in ("os.mkdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.chmod",
                   "socket.connect", "subprocess.Popen", "os.system", "os.fork", "os.putenv"):
        opened.append((event, arguments))

sys.dont_write_bytecode = True
sys.addaudithook(watch)
handlers = list(logging.getLogger().handlers)
threads = __import__("threading").active_count()
for name in sys.argv[1:]:
    __import__(name)
heavy = sorted({"pyspark", "pandas", "delta", "rich", "numpy", "fsspec", "py4j", "pyarrow", "click",
                "yaml", "asyncio", "multiprocessing", "concurrent.futures"} & set(sys.modules))
loggers = [logging.getLogger()] + [
    logging.getLogger(name) for name in logging.root.manager.loggerDict if "sparkpipe" in name
]
print("heavy", heavy)
print("handlers", [h for l in loggers for h in l.handlers if h not in handlers])
print("levels", [l.name for l in loggers[1:] if l.level != logging.NOTSET])
print("opened", opened)
print("threads", __import__("threading").active_count() - threads)
"""


@pytest.mark.parametrize("modules", [[name] for name in MODULES] + [MODULES], ids="+".join)
def test_import_has_no_effects(tmp_path: Path, modules: list[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", _IMPORT, *modules],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == [
        "heavy []",
        "handlers []",
        "levels []",
        "opened []",
        "threads 0",
    ]
    assert shown.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_import_is_quiet_with_all_warnings(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", f"import {', '.join(MODULES)}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


def test_using_memory_only_loads_nothing_heavy(tmp_path: Path) -> None:
    run = """
import sys
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import SequentialRunner
catalog = DataCatalog(feed_dict={"xs": [1, 2, 3]})
print(SequentialRunner().run(Pipeline([node(sum, "xs", "total")]), catalog))
print(sorted({"pyspark", "pandas", "numpy", "fsspec", "py4j", "yaml", "click"} & set(sys.modules)))
"""
    shown = subprocess.run(
        [sys.executable, "-c", run], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == ["{'total': 6}", "[]"]


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_there(module: str) -> None:
    from importlib import import_module

    loaded = import_module(module)
    for name in loaded.__all__:
        assert getattr(loaded, name) is not None


def test_runner_of_kedros_path_is_importable() -> None:
    from sparkpipe.runner import AbstractRunner
    from sparkpipe.runner.runner import AbstractRunner as SameRunner

    assert AbstractRunner is SameRunner
