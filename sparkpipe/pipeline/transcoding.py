"""Transcoding: ``orders@spark`` and ``orders@pandas`` are one data set read in two ways."""

from __future__ import annotations

TRANSCODING_SEPARATOR = "@"


def strip_transcoding(name: str) -> str:
    """Return the name of the data set behind a transcoded name.

    >>> strip_transcoding("orders@spark"), strip_transcoding("orders")
    ('orders', 'orders')
    """
    # Few names have a form, and each is asked several times a run.
    return name.partition(TRANSCODING_SEPARATOR)[0] if TRANSCODING_SEPARATOR in name else name
