"""Reads what the writers save, without Spark, and tells what is not whole.

``python -m tests.load.kill_reader FOLDER`` reads until its standard input ends, then prints how
often it has read, and each mixture that it has found.
"""

from __future__ import annotations

import csv
import json
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.load.kill_writer import PARTS, ROWS

#: What a data set holds: who has saved each row.
Rows = list[str]


def read_all(folder: Path, checked: set[Path] | None = None) -> Iterator[tuple[str, Rows]]:
    """Give the rows of each data set that is there, a partition and a version counting as one.

    Args:
        folder: Where they are.
        checked: Versions that need not be read again, as they do not change; added to.
    """
    one_each: dict[str, Callable[[Path], Rows]] = {
        "a.csv": _csv_file,
        "a.json": _json,
        "a.pkl": _pickle,
        "a.parquet": _parquet,
        "spark_parquet": _parquet,
        "spark_csv": _csv_folder,
        "spark_orc": _orc,
        "spark_delta": _delta,
        **{f"parts/{part}": _json for part in PARTS},
        **{f"spark_parts/{part}": _parquet for part in PARTS},
    }
    for name, read in one_each.items():
        path = folder / name
        # A table of Delta is there from its first commit on.
        sign = path / "_delta_log" / f"{0:020}.json" if read is _delta else path
        if sign.exists():
            yield name, read(path)
    for name, read in (("versions.pkl", _pickle), ("spark_versions", _parquet)):
        for path in sorted((folder / name).glob(f"*/{name}")):
            if checked is None or path not in checked:
                yield str(path.relative_to(folder)), read(path)
                if checked is not None:
                    checked.add(path)


def mixtures(folder: Path, checked: set[Path] | None = None) -> tuple[int, list[str]]:
    """Return how many data sets were read, and what is not whole of them."""
    wrong = []
    count = 0
    for name, rows in read_all(folder, checked):
        count += 1
        if len(rows) != ROWS or len({*rows}) != 1:
            wrong.append(f"{name}: {len(rows)} rows of {sorted({*rows})}")
    return count, wrong


def _csv_file(path: Path) -> Rows:
    with path.open(newline="") as file:
        return [row["who"] for row in csv.DictReader(file)]


def _parts(path: Path) -> list[Path]:
    parts = sorted(path.glob("part-*"))
    if not parts:  # listed while the old data was being removed
        raise FileNotFoundError(path)
    return parts


def _csv_folder(path: Path) -> Rows:
    return [line for part in _parts(path) for line in part.read_text().split()]


def _json(path: Path) -> Rows:
    rows: Rows = json.loads(path.read_text())
    return rows


def _pickle(path: Path) -> Rows:
    rows: Rows = pickle.loads(path.read_bytes())
    return rows


def _parquet(path: Path) -> Rows:
    import pyarrow.parquet as pq

    parts = _parts(path) if path.is_dir() else [path]
    return [who for part in parts for who in pq.ParquetFile(part).read()["who"].to_pylist()]


def _orc(path: Path) -> Rows:
    import pyarrow.orc as orc

    return [who for part in _parts(path) for who in orc.read_table(part)["who"].to_pylist()]


def _delta(path: Path) -> Rows:
    """Read the files that the log of a table says are its own."""
    files: set[str] = set()
    for commit in sorted((path / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                files.add(action["add"]["path"])
            if "remove" in action:
                files.discard(action["remove"]["path"])
    return [who for file in sorted(files) for who in _parquet(path / file)]


def main(folder: str) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    checked: set[Path] = set()
    read = again = 0
    found: list[str] = []
    while not ended.wait(0.05):
        try:
            count, wrong = mixtures(Path(folder), checked)
        except FileNotFoundError:  # listed of the old data, and replaced before it was opened
            again += 1
        except Exception as exc:
            found.append(f"{type(exc).__name__}: {exc}")
        else:
            read += count
            found += wrong
    print(json.dumps({"read": read, "again": again, "found": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
