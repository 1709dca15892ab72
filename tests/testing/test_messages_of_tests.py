"""What a test is told of the project's catalog names what users know, and no class of ours."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cli_project import ShopProject

from sparkpipe.errors import SparkpipeError
from sparkpipe.session import Session
from sparkpipe.testing import run_pipeline, temporary_catalog

# A class whose name begins with '_'.
_INNER_NAME = re.compile(r"(?<![\w/])_[A-Z]\w*")


def test_messages_of_a_catalog_of_tests_hold_no_inner_names(
    shop: ShopProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    session = Session(shop.path)
    catalog = temporary_catalog(session, tmp_path / "apart")
    shop.write("data/numbers.json", "[1,")
    told = [repr(catalog["numbers"]), str(catalog["doubled"])]
    for fails in (
        lambda: catalog.load("numbers"),
        lambda: catalog.save("doubled", object()),
        lambda: catalog.load("report"),
        lambda: run_pipeline(session.pipelines["first"], catalog=catalog),
    ):
        with pytest.raises(SparkpipeError) as failed:
            fails()
        told.append(str(failed.value))

    assert "'numbers'" in told[-1]
    assert [text for text in told if _INNER_NAME.search(text)] == []
