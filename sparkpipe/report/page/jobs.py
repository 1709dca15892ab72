"""Spark jobs of a node as the page shows them: when, what for, how much; not more than fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sparkpipe.journal import NodeRecord, RunRecord
from sparkpipe.redaction import redacted_text
from sparkpipe.spark_jobs import SparkJob, plain_job

# A hundred nodes, with all else that is told of them, are to fit into a file of 1.5 MB.
_MOST_STAGES = 1500
_LEAST_STAGES = 4


def stages_for_each(record: RunRecord) -> int:
    """Return how many stages of each node are told.

    Args:
        record: A run.
    """
    nodes = sum(bool(one.jobs) for one in record.nodes.values())
    return max(_LEAST_STAGES, _MOST_STAGES // max(1, nodes))


def jobs_of(one: NodeRecord, since: float, most: int) -> dict[str, Any]:
    """Return ``jobs`` of a node in their order, and how many are left out: the shortest.

    Args:
        one: What a run did with the node.
        since: When the run began; times are told from then on.
        most: How many stages are told; one job is, whatever it has.
    """
    longest = sorted(one.jobs, key=lambda job: job.started - (job.ended or one.ended))
    kept: list[SparkJob] = []
    for job in longest:
        most -= max(1, len(job.stages))
        if kept and most < 0:
            break
        kept.append(job)
    kept.sort(key=lambda job: (job.started, job.id))
    return {
        "jobs": [_told(job, since, one.ended) for job in kept],
        "jobs_left_out": one.jobs_left_out + len(one.jobs) - len(kept),
    }


def _told(job: SparkJob, since: float, ended: float) -> dict[str, Any]:
    told = plain_job(job)
    stages: Iterable[Mapping[str, Any]] = told.pop("stages", ())
    return _timed(told, since, ended) | {"stages": [_timed(one, since, ended) for one in stages]}


def _timed(thing: Mapping[str, Any], since: float, ended: float) -> dict[str, Any]:
    """Return a job or stage with its times as the page has them; what is for machines is left."""
    told = {
        key: redacted_text(value) if isinstance(value, str) else value
        for key, value in thing.items()
        if key not in ("started", "ended", "first_rdd")
    }
    started = thing.get("started", 0.0)
    if started:
        until = thing.get("ended") or ended
        told |= {
            "start": round(max(0.0, started - since), 3),
            "seconds": round(max(0.0, until - started), 3),
        }
    return told
