"""Checks of a project's own, for Spark."""

from __future__ import annotations

from typing import Any


def is_cheap(frame: Any, most: float = 100) -> Any:
    return ~(frame["fare"].between(most, 10))


def count_of_strangers(frame: Any) -> int:
    return int(frame.where("status = 'stranger'").count())


def statuses(frame: Any) -> Any:
    return frame["status"]


def nonsense(frame: Any) -> str:
    return "yes"
