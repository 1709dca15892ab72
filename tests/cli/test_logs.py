"""The log file: whole lines, whoever writes them, and there when a run is killed."""

from __future__ import annotations

import json
import logging
import logging.config
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sparkpipe.cli.logs import configure_logging
from sparkpipe.errors import ConfigError
from sparkpipe.io.working import working_for


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    for name in ("sparkpipe", "sparkpipe.io", "sparkpipe.runner.places"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_lines_of_many_threads_are_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure_logging(tmp_path)
    assert path is not None
    logger = logging.getLogger("sparkpipe.runner")

    def log(number: int) -> None:
        for _ in range(200):
            logger.info("%s", str(number) * 300)

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(log, range(8)))

    # Read before anything is closed: what is killed leaves the lines that it has logged.
    for text in (path.read_text(), capsys.readouterr().err):
        lines = Counter(line.split()[-1] for line in text.splitlines())
        assert lines == {str(number) * 300: 200 for number in range(8)}


def test_the_file_takes_lines_after_it_was_closed_by_others(tmp_path: Path) -> None:
    path = configure_logging(tmp_path)
    assert path is not None
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    logging.getLogger("sparkpipe.runner").warning("still here")
    assert "still here" in path.read_text()


def test_text_that_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    path = configure_logging(tmp_path)
    assert path is not None
    logging.getLogger("sparkpipe.runner").info("a file named %s", "\udce9t\xe9")
    assert path.read_text("utf-8").endswith("a file named \\udce9t\xe9\n")


def test_where_data_goes_is_told_where_someone_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("sparkpipe.io.catalog")
    for folder, verbose, in_file, on_console in (
        (None, False, False, False),
        (tmp_path, False, True, False),
        (None, True, False, True),
        (None, False, False, False),
    ):
        path = configure_logging(folder, verbose=verbose)
        logger.info("Loading data")
        logger.warning("not found")
        assert ("Loading data" in capsys.readouterr().err) == on_console
        assert (path is not None and "Loading data" in path.read_text()) == in_file


def test_lines_are_json_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKPIPE_LOG_FORMAT", "json")
    path = configure_logging(tmp_path)
    assert path is not None
    logger = logging.getLogger("sparkpipe.runner")

    with working_for("r1", "clean"):
        logger.info("two\nlines of %s", "text", extra={"rows": 3})
    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("failed")

    for text in (path.read_text(), capsys.readouterr().err):
        first, last = map(json.loads, text.splitlines())
        assert {key: first[key] for key in ("level", "logger", "message")} == {
            "level": "INFO",
            "logger": "sparkpipe.runner",
            "message": "two\nlines of text",
        }
        assert (first["run_id"], first["node"], first["rows"]) == ("r1", "clean", 3)
        assert "node" not in last
        assert "ValueError: no" in last["traceback"]


def test_an_unknown_format_of_logs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKPIPE_LOG_FORMAT", "xml")
    with pytest.raises(ConfigError, match="It is text or json"):
        configure_logging(None)
