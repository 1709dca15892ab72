"""Catalogs of 10,000 entries, and 10,000 names against 1,000 patterns; in proportion to size."""

from __future__ import annotations

from typing import Any

from sparkpipe.io import DataCatalog
from tests.benchmarks.report import Report, best_of

TYPES = (
    "pandas.CSVDataSet",
    "text.TextDataSet",
    "pickle.PickleDataSet",
    "json.JSONDataSet",
    "MemoryDataSet",
)

#: Where the literal text of the patterns stands: before the fields, after them, between them.
SHAPES = ("layer_{i}.{{a}}_{{b}}", "{{a}}_{{b}}.table_{i}", "{{a}}_x{i}_{{b}}")


def entry(kind: str, path: str) -> dict[str, Any]:
    return {"type": kind} if kind == "MemoryDataSet" else {"type": kind, "filepath": path}


def entries(count: int) -> dict[str, Any]:
    return {f"t{i}": entry(TYPES[i % len(TYPES)], f"data/t{i}") for i in range(count)}


def resolved(shape: str, patterns: int, names: list[str]) -> None:
    """Find the entries of names, with the catalog made for it, as each run does."""
    body = entry("text.TextDataSet", "data/{a}/{b}.txt")
    catalog = DataCatalog.from_config_lazily({shape.format(i=i): body for i in range(patterns)})
    assert all(name in catalog for name in names)


def run(report: Report) -> None:
    report.title("Catalogs, in milliseconds (limits: 10,000 entries or names in 500)")
    for count in (1_000, 10_000):
        config = entries(count)
        seconds = best_of(3, lambda config=config: DataCatalog.from_config(config))
        report.line(f"from_config of {count} entries", seconds * 1e3, "ms", 500)
        seconds = best_of(3, lambda config=config: DataCatalog.from_config_lazily(config))
        report.line("the same as a run does it", seconds * 1e3, "ms", 500)
    for shape in SHAPES:
        for count in (1_000, 10_000):
            names = [shape.format(i=i % 1_000).format(a=f"n{i}", b="b") for i in range(count)]
            seconds = best_of(3, lambda shape=shape, names=names: resolved(shape, 1_000, names))
            shown = shape.replace("{{", "{").replace("}}", "}")
            report.line(f"{count} names, 1000 patterns {shown}", seconds * 1e3, "ms", 500)
    small = [SHAPES[0].format(i=i % 100).format(a=f"n{i}", b="b") for i in range(10_000)]
    seconds = best_of(3, lambda: resolved(SHAPES[0], 100, small))
    report.line("10000 names, 100 patterns", seconds * 1e3, "ms", 500)
