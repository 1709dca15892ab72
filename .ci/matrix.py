"""Run all tests over the versions that sparkpipe supports; writes docs/versions.md.

Each combination has an environment of its own in ``.venv-matrix``. Arguments choose combinations
by their names; the rows of others stay as they are. Interpreters: those on the PATH, and pyenv's.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.metadata import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv-matrix"
PAGE = ROOT / "docs" / "versions.md"
UV = Path(sys.executable).with_name("uv")

_RESULT = re.compile(r"(\d+) (failed|passed|skipped|error)")
_SUMMARY = re.compile(r"^\d+ \w+.* in \d+\.\d+s.*$", re.MULTILINE)
# There is no Delta for the newest Spark at times; the tests that need it are skipped there.
NO_DELTA = "none"
_START, _END = "<!-- results -->\n", "<!-- end of results -->\n"


class Combination(NamedTuple):
    """Versions that are tested together."""

    spark: str
    delta: str  # or NO_DELTA
    python: str
    pandas: str
    also: tuple[str, ...] = ()
    without: tuple[str, ...] = ()  # tests that do not hold there
    warnings: str = ""  # what Python is told of them

    @property
    def name(self) -> str:
        """How it is chosen: ``spark4.2.0-python3.11-pandas2``."""
        return f"spark{self.spark}-python{self.python}-pandas{self.pandas}"

    def versions(self) -> list[str]:
        """Return what takes the place of the versions that sparkpipe and its tests ask for."""
        # Asked for where Python is older than any: not at all.
        delta = "; python_version < '3'" if self.delta == NO_DELTA else f"=={self.delta}"
        spark = self.spark if self.spark.count(".") == 2 else f"{self.spark}.*"
        return [
            f"pyspark[connect]=={spark}",
            f"delta-spark{delta}",
            f"pandas=={self.pandas}.*",
            *self.also,
        ]


# The tools that build the site are those of the lock; here they would be the newest.
SITE = "tests/docs/test_site.py"
# Before 4.2 some failures are told in other words than those that we make plainer.
OTHER_WORDS = (
    "tests/spark/test_spark_reason.py",
    "tests/spark/test_spark_start.py::test_an_error_in_a_python_worker_is_told_in_a_few_lines",
)
# No warm session, no samples of frames, and less that is told of a failure.
NOT_IN_3 = (
    "tests/docs/test_documents.py::test_spark_blocks_run[docs/testing.md]",
    "tests/docs/test_documents.py::test_spark_blocks_run[docs/tutorial.md]",
    "tests/spark/test_may_pass.py::test_wrong_queries_and_values_do_not_pass[raised in SQL]",
    "tests/spark/test_spark_start.py::test_the_trace_of_java_is_told_by_verbose",
)
# pyspark 4.2 warns of pandas 3 at every start.
SILENT = "ignore:PySpark does not yet fully support pandas:FutureWarning"

COMBINATIONS = (
    # Spark 3.5 holds numpy back, and newer pyarrow wants a new one.
    Combination("3.5", "3.3.*", "3.11", "2", ("pyarrow<20",), (*OTHER_WORDS, *NOT_IN_3)),
    Combination("4.0", "4.0.*", "3.10", "2", (), OTHER_WORDS),
    Combination("4.0", "4.0.*", "3.12", "2", (), OTHER_WORDS),
    Combination("4.2.0", "4.4.0", "3.10", "2"),
    Combination("4.2.0", "4.4.0", "3.11", "2"),
    Combination("4.2.0", "4.4.0", "3.12", "2"),
    Combination("4.2.0", "4.4.0", "3.13", "2"),
    Combination("4.2.0", "4.4.0", "3.11", "3", warnings=SILENT),
    Combination("4.2.1", NO_DELTA, "3.11", "2"),
    Combination("4.3.0", NO_DELTA, "3.11", "2"),
)


def main(chosen: list[str]) -> int:
    """Run the combinations, and write the table; returns 1 if one failed."""
    unknown = set(chosen) - {combination.name for combination in COMBINATIONS}
    if unknown:
        names = "\n  ".join(combination.name for combination in COMBINATIONS)
        sys.exit(f"Not known: {', '.join(sorted(unknown))}. There are:\n  {names}")
    is_good = True
    for combination in COMBINATIONS:
        if not chosen or combination.name in chosen:
            result = run(combination)
            print(f"{combination.name}: {result}", flush=True)
            is_good = is_good and result.startswith("passed")
            write_row(combination, result)
    return 0 if is_good else 1


def run(combination: Combination) -> str:
    """Return the result of a combination, as the table tells it."""
    interpreter = find_python(combination.python)
    if interpreter is None:
        return "not run: no such Python here"
    python = FOLDER / combination.name / "bin" / "python"
    stamp = FOLDER / combination.name / ".set-up"
    if not stamp.is_file() or stamp.stat().st_mtime < Path(__file__).stat().st_mtime:
        try:
            install(combination, interpreter, python)
        except subprocess.CalledProcessError:
            return "not run: cannot be installed"
        stamp.touch()
    log = FOLDER / f"{combination.name}.log"
    without = (f"--deselect={name}" for name in combination.without)
    options = shlex.join(("-p", "no:cacheprovider", f"--ignore={SITE}", *without))
    with log.open("w", encoding="utf-8") as output:
        tests = subprocess.run(
            [str(ROOT / ".ci" / "test.sh"), str(python)],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env={
                **os.environ,
                "PYTEST_ADDOPTS": options,
                "PYTHONWARNINGS": combination.warnings,
            },
            check=False,
        )
    return result_in(log, is_good=tests.returncode == 0)


def result_in(log: Path, *, is_good: bool) -> str:
    """Return the result that pytest's output tells, of all parts that the tests ran in."""
    told = _SUMMARY.findall(log.read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    for number, what in _RESULT.findall("\n".join(told)):
        counts[what] += int(number)
    if not is_good:
        return ", ".join(["not well", *(f"{what}: {number}" for what, number in counts.items())])
    return f"passed: {counts['passed']:,}, skipped: {counts['skipped']}"


def find_python(version: str) -> str | None:
    """Return the interpreter of a version; None if there is none."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    on_path = shutil.which(f"python{version}")
    places = [*sorted((root / "versions").glob(f"{version}.*/bin/python")), on_path]
    for place in filter(None, places):
        try:
            subprocess.run([str(place), "-c", ""], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):  # a shim of a version that is not there
            continue
        return str(place)
    return None


def install(combination: Combination, interpreter: str, python: Path) -> None:
    """Make the environment of a combination."""
    subprocess.run([interpreter, "-m", "venv", "--clear", str(python.parents[1])], check=True)
    pip = [str(UV), "pip", "install", "--quiet", "--python", str(python)]
    # Two packages bring the same pyspark.
    extras = {*metadata("sparkpipe").get_all("Provides-Extra", ())} - {"connect"}
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
        overrides.write("\n".join(combination.versions()))
        overrides.flush()
        project = [
            "-e",
            f"{ROOT}[{','.join(sorted(extras))}]",
            "--group",
            f"{ROOT}/pyproject.toml:dev",
        ]
        group = ["--group", f"{ROOT}/pyproject.toml:build"]
        subprocess.run([*pip, "--override", overrides.name, *project, *group], check=True)
    # As `make test` does: many tests start a Spark of their own.
    subprocess.run([str(python), "-m", "sparkpipe", "session", "tune"], cwd=ROOT, check=False)


def write_row(combination: Combination, result: str) -> None:
    """Put a result in its place in the table of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_START)
    table, _, after = rest.partition(_END)
    rows = {line.rpartition(" | ")[0]: line for line in table.splitlines()[2:]}
    head = "| Spark | Delta | Python | pandas | tests |\n|---|---|---|---|---|\n"
    c = combination
    rows[_key(c)] = f"{_key(c)} | {result} |"
    ordered = [rows[_key(c)] for c in COMBINATIONS if _key(c) in rows]
    text = f"{before}{_START}{head}" + "".join(f"{row}\n" for row in ordered) + _END + after
    PAGE.write_text(text, encoding="utf-8")


def _key(c: Combination) -> str:
    return f"| {c.spark} | {c.delta.removesuffix('.*')} | {c.python} | {c.pandas}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
