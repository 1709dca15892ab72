"""Run all benchmarks, or those named: ``python -m tests.benchmarks overhead imports``."""

from __future__ import annotations

import sys

from tests.benchmarks import (
    building,
    catalog_size,
    changed,
    checks,
    fairness,
    imports,
    journal,
    many_tables,
    merge,
    overhead,
    page,
    polling,
    resume,
    size,
    slices,
    sql_nodes,
    start,
    startup,
    tpch,
)
from tests.benchmarks.report import Report

BENCHMARKS = {
    "imports": imports.run,
    "building": building.run,
    "size": size.run,
    "catalog": catalog_size.run,
    "overhead": overhead.run,
    "journal": journal.run,
    "page": page.run,
    "startup": startup.run,
    "slices": slices.run,
    "start": start.run,
    "polling": polling.run,
    "changed": changed.run,
    "checks": checks.run,
    "resume": resume.run,
    "tables": many_tables.run,
    "fairness": fairness.run,
    "merge": merge.run,
    "tpch": tpch.run,
    "sql": sql_nodes.run,
}


def main(names: list[str]) -> int:
    report = Report()
    for name in names or BENCHMARKS:
        BENCHMARKS[name](report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
