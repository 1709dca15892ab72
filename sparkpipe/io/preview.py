"""``preview`` of an entry of the catalog: a few rows of what a run saves are kept with the run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.declared import (
    is_confirmable,
    is_memory_only,
    is_stream,
    load_effect,
    unwrapped,
    version_of,
    why_unreadable,
)
from sparkpipe.io.delegating import DelegatingDataSet
from sparkpipe.io.excerpt import Excerpt, excerpt_of_pandas, excerpt_of_spark
from sparkpipe.io.facts import gathering, is_preview_asked, note
from sparkpipe.io.kinds import is_pandas_frame, is_spark_frame
from sparkpipe.io.reasons import reason_of

_logger = logging.getLogger(__name__)

_ROWS = 5
_MOST_ROWS = 50


def fit_arguments(
    cls: Any, config: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments that are left for the class of a data set.

    Args:
        cls: The class.
        config: The entry.
        arguments: All that the entry says.

    Raises:
        DataSetError: ``preview`` is no number of rows.
    """
    rows_of(config)
    return {key: value for key, value in arguments.items() if key != "preview"}


def put_around(data_set: Any, config: Mapping[str, Any]) -> Any:
    """Return a data set that tells a few rows of what is saved to it.

    Args:
        data_set: The data set.
        config: The entry.
    """
    rows = rows_of(config)
    return PreviewedDataSet(data_set, rows) if rows else data_set


def rows_of(config: Mapping[str, Any]) -> int:
    """Return how many rows an entry asks for; 0 for none.

    Raises:
        DataSetError: It says something else.
    """
    given = config.get("preview", False)
    if isinstance(given, bool):
        return _ROWS if given else 0
    if isinstance(given, int) and 1 <= given <= _MOST_ROWS:
        return given
    raise DataSetError(
        f"'preview' must be true, false, or a number of rows from 1 to {_MOST_ROWS}, not {given!r}."
    )


class PreviewedDataSet(DelegatingDataSet):
    """Tells a few rows of what is saved, to whoever asks; a save never fails for them.

    Args:
        dataset: The data set inside.
        rows: How many.
    """

    def __init__(self, dataset: Any, rows: int) -> None:
        super().__init__(dataset)
        self._rows = rows

    def plan_note(self) -> str:
        """Say what is done beside the save."""
        return f"preview of {self._rows} rows"

    def _save(self, data: Any) -> None:
        super()._save(data)
        if not is_preview_asked():
            return
        try:
            note(preview=self._excerpt(data))
        except Exception as exc:
            _logger.warning("No preview of %s: %s", self.location() or self, reason_of(exc))

    def _excerpt(self, data: Any) -> Excerpt:
        if is_pandas_frame(data):
            return excerpt_of_pandas(data, self._rows)
        if not is_spark_frame(data) or data.isStreaming or not self._loads_what_was_saved():
            return ()
        inner = unwrapped(self._dataset)  # a cache has the frame, which would be computed again
        load_like = foreign.attribute(inner, "load_like")
        with gathering():  # what is learned by this load is not of the save
            saved = load_like(data) if callable(load_like) else inner.load()
            return excerpt_of_spark(saved, self._rows) if is_spark_frame(saved) else ()

    def _loads_what_was_saved(self) -> bool:
        """Whether a load reads it, and has no other effect."""
        one = self._dataset
        return not (
            is_memory_only(one)
            or is_stream(one)
            or is_confirmable(one)
            or why_unreadable(one)
            or load_effect(one) == "fixed"
            or getattr(version_of(unwrapped(one)), "load", None) is not None
        )
