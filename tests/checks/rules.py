"""Checks and validators of a project's own."""

from __future__ import annotations

from typing import Any


def is_cheap(frame: Any, most: float = 100) -> Any:
    return ~(frame["fare"] >= most)


def is_among_cheapest(frame: Any) -> Any:
    return frame.sort_values("fare").groupby(lambda _: 0).cumcount() < 2


def count_of_strangers(frame: Any) -> int:
    return int((frame["status"] == "stranger").sum())


def count_by_numpy(frame: Any) -> Any:
    return (frame["status"] == "stranger").sum()


def fewer_than_none(frame: Any) -> int:
    return -1


def fares(frame: Any) -> Any:
    return frame["fare"]


def is_cheap_without_nulls(frame: Any) -> Any:
    frame["fare"] = frame["fare"].fillna(0)
    return frame["fare"] < 100


def nonsense(frame: Any) -> str:
    return "yes"


class NeedsColumns:
    def __init__(self, names: list[str]) -> None:
        self._names = names

    def validate(self, data: Any) -> Any:
        missing = [name for name in self._names if name not in data.columns]
        if missing:
            raise ValueError(f"no {', '.join(missing)}")
        return data.assign(is_validated=True)
