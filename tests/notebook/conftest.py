"""One kernel for all tests of the extension, and a project for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_project import ShopProject, make_shop

pytest.importorskip("ipykernel")
pytest.importorskip("jupyter_client")

from kernel import Kernel

# What a notebook forgets when its kernel is restarted.
_FORGET = """
%unload_ext sparkpipe
import sys as _sys
_here = {here!r}
_sys.path[:] = [_p for _p in _sys.path if not _p.startswith(_here)]
for _name, _module in [*_sys.modules.items()]:
    if (getattr(_module, "__file__", None) or "").startswith(_here):
        del _sys.modules[_name]
%reset -f
"""


@pytest.fixture(scope="session")
def running_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel; the first cell is still to come."""
    home = tmp_path_factory.mktemp("kernel")
    kernel = Kernel(home, {**os.environ, "IPYTHONDIR": str(home / "ipython")})
    yield kernel
    kernel.stop()


@pytest.fixture
def kernel(running_kernel: Kernel, tmp_path: Path) -> Iterator[Kernel]:
    """The kernel as new, in an empty folder."""
    running_kernel.good(f"%cd -q {tmp_path}")
    yield running_kernel
    running_kernel.run(_FORGET.format(here=str(tmp_path)))


@pytest.fixture
def shop(kernel: Kernel, tmp_path: Path) -> ShopProject:
    """A project; the kernel stands in its folder of notebooks."""
    shop = make_shop(tmp_path / "shop")
    (shop.path / "notebooks").mkdir()
    kernel.good(f"%cd -q {shop.path / 'notebooks'}")
    return shop
