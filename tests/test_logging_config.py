"""A project's ``logging.yml``: handlers and levels, and nothing that would be called."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import ConfigError
from sparkpipe.logging import RichHandler, apply_logging_config

NAME = "shop_under_logging_test"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in logging.getLogger(NAME).handlers[:]:
        logging.getLogger(NAME).removeHandler(handler)
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def with_handler(**handler: Any) -> dict[str, Any]:
    return {"handlers": {"mine": handler}, "loggers": {NAME: {"handlers": ["mine"]}}}


def refused(config: dict[str, Any], tmp_path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        apply_logging_config(config, tmp_path)
    return str(error.value)


def test_handlers_levels_and_formats_are_set(tmp_path: Path) -> None:
    other = logging.getLogger(f"{NAME}.other")
    config = with_handler(**{"class": "logging.FileHandler", "filename": "logs/a.log"})
    config["formatters"] = {"short": {"format": "%(levelname)s %(message)s"}}
    config["handlers"]["mine"]["formatter"] = "short"
    config["loggers"][NAME]["level"] = "INFO"
    apply_logging_config(config, tmp_path)
    other.info("hello")
    other.debug("unheard")
    assert not other.disabled
    assert (tmp_path / "logs" / "a.log").read_text() == "INFO hello\n"


@pytest.mark.parametrize("name", ["sparkpipe.logging.RichHandler", "rich.logging.RichHandler"])
def test_rich_handler_can_be_named(tmp_path: Path, name: str) -> None:
    apply_logging_config(with_handler(**{"class": name, "rich_tracebacks": True}), tmp_path)
    (handler,) = logging.getLogger(NAME).handlers
    assert isinstance(handler, RichHandler if name.startswith("sparkpipe") else logging.Handler)


def test_streams_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = with_handler(**{"class": "logging.StreamHandler", "stream": "ext://sys.stdout"})
    apply_logging_config(config, tmp_path)
    logging.getLogger(NAME).warning("to stdout")
    assert capsys.readouterr().out == "to stdout\n"


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ({"()": "os.mkdir", "path": "hacked"}, "'()' in 'handlers.mine.()'"),
        ({"class": "subprocess.Popen", "args": ["touch", "hacked"]}, "no logging.Handler"),
        ({"class": "os.mkdir", "path": "hacked"}, "no logging.Handler"),
        ({"class": 3}, "no logging.Handler"),
        ({"class": "logging.StreamHandler", "stream": "ext://os.environ"}, "refers in 'handlers."),
        ({"class": "logging.StreamHandler", "stream": "cfg://handlers"}, "'cfg://handlers'"),
        ({"class": "logging.StreamHandler", "level": ["ext://os.x"]}, "'handlers.mine.level.0'"),
        ({"class": "logging.handlers.QueueHandler", "queue": "os.getcwd"}, "has a 'queue'"),
        ({"class": "logging.handlers.QueueHandler", "listener": "os.x"}, "has a 'listener'"),
        ({"class": "no_such_package.Handler"}, "no module 'no_such_package'"),
        ({"class": "logging.NoHandler"}, "has no 'NoHandler'"),
        ({"class": "logging.StreamHandler", "level": "LOUD"}, "cannot be used"),
    ],
)
def test_what_would_be_called_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handler: dict[str, Any], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refused(with_handler(**handler), tmp_path)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"formatters": {"f": {"()": "os.mkdir"}}}, "'()' in 'formatters.f.()'"),
        ({"formatters": {"f": {"class": "os.mkdir"}}}, "no logging.Formatter"),
        ({"filters": {"f": {"()": "os.mkdir"}}}, "'()' in 'filters.f.()'"),
        ({"handlers": ["console"]}, "'handlers' must be a mapping"),
        ({"handlers": {"console": "x"}}, "'handlers' must be a mapping"),
    ],
)
def test_other_parts_are_checked_too(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    assert told in refused(config, tmp_path)
