"""The batches of a stream, and what is done with them by what is around its data set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.commits import earlier_saves
from sparkpipe.datasets.spark.definitions import keeping_clustering
from sparkpipe.datasets.spark.listing import matching
from sparkpipe.datasets.spark.paths import is_glob, local_path
from sparkpipe.errors import DataSetError
from sparkpipe.spark.failures.chain import error_condition
from sparkpipe.spark.jobs.saves import of_batch
from sparkpipe.spark.jobs.shared_frames import checkpointed, drop_checkpoint

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_logger = logging.getLogger(__name__)

SaveBatch = Callable[["DataFrame"], None]
#: What Spark has counted in one batch, by the name of the observation.
Observed = Mapping[str, Mapping[str, Any]]

_OTHER_TYPES = "DELTA_FAILED_TO_MERGE_FIELDS"
_QUERY = "sql.streaming.queryId"


@dataclass(frozen=True)
class BatchesAsked:
    """What is asked of the batches of a stream.

    Attributes:
        save: Saves a batch by the function that it is given; None to leave it to the data set.
        tell: Is told what was observed in each batch; None where Spark has not told it.
        checks: What judges each batch, the same in each process.
    """

    save: Callable[[DataFrame, SaveBatch], None] | None = None
    tell: Callable[[Observed | None], None] = lambda observed: None
    checks: str = ""


_asked: ContextVar[BatchesAsked] = ContextVar("_asked", default=BatchesAsked())  # noqa: B039


@contextmanager
def asking(asked: BatchesAsked) -> Iterator[None]:
    """Ask something of the batches of the streams that are saved within it."""
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def asked_of_batches() -> BatchesAsked:
    """Return what is asked of the batches of the stream that this thread saves."""
    return _asked.get()


class BatchWriter:
    """Saves the batches of a query of classic Spark, which calls it from a thread of its own.

    Args:
        table: The name of the table in SQL.
        write: Writes a batch, given the id of its query and its number.
        begun: The batches that were begun before; None where that is not known.
        keeps_state: Whether the query keeps state from batch to batch.

    Attributes:
        failure: Why a batch was not saved; Spark tells it as text only.
    """

    def __init__(
        self,
        table: str,
        write: Callable[[DataFrame, str, int], None],
        begun: Collection[int] | None = None,
        *,
        keeps_state: bool = True,
    ) -> None:
        self._table = table
        self._write = write
        self._begun = begun
        self._keeps_state = keeps_state
        self._is_first = True
        self._asked = asked_of_batches()
        self._context = copy_context()
        self.failure: Exception | None = None

    def __call__(self, batch: DataFrame, number: int) -> None:
        """Save a batch as of the run and the node that have started the query."""
        try:
            self._context.run(self._save_batch, batch, number)
        except Exception as exc:
            self.failure = exc
            raise

    def _save_batch(self, batch: DataFrame, number: int) -> None:
        query = batch.sparkSession.sparkContext.getLocalProperty(_QUERY)
        if not query:
            raise DataSetError(
                "Spark does not tell of which query a batch is, and so not whether it is saved.",
                hint="Leave PYSPARK_PIN_THREAD as it is by default: true.",
            )

        # Of a query only the first batch may have come before.
        is_new = not (self._is_first if self._begun is None else number in self._begun)
        self._is_first = False
        with of_batch(query, number, self._asked.checks, is_new=is_new):
            if is_new or (self._begun is None and not self._keeps_state):
                self._save_once(batch, query, number)
                return
            # Where it is saved already nobody would compute it, and its state would be lost.
            computed = checkpointed(batch, "MEMORY_AND_DISK")
            try:
                self._save_once(computed, query, number)
            finally:
                drop_checkpoint(computed)

    def _save_once(self, batch: DataFrame, query: str, number: int) -> None:
        def write(rows: DataFrame) -> None:
            self._write(rows, query, number)

        if self._asked.save is None:
            write(batch)
        elif earlier_saves(batch.sparkSession, self._table):
            # All of its rows are in their places: to judge them again might move some.
            _logger.info("Batch %d was saved before, by what its checks said then.", number)
        else:
            self._asked.save(batch, write)


def write_batch(
    batch: DataFrame,
    table: str,
    path: str | None,
    mode: str,
    options: Mapping[str, Any],
    once: tuple[str, int],
) -> None:
    """Write a batch to a Delta table; one that is there already changes nothing.

    Args:
        batch: The rows.
        table: The name of the table in SQL.
        path: Where it lies; None for a table by its name.
        mode: What becomes of the rows that are there: ``append`` or ``overwrite``.
        options: Those of the writer.
        once: The id of the query, and the number of the batch.
    """
    # By these Spark's own sink of Delta tells batches, too: a stream may go from one to the other.
    given = {**options, "txnAppId": once[0], "txnVersion": str(once[1])}
    is_whole = mode == "overwrite"
    with keeping_clustering(batch.sparkSession, table) if is_whole else nullcontext():
        _write_to(batch, table, path, mode, given)


def _write_to(
    batch: DataFrame, table: str, path: str | None, mode: str, given: Mapping[str, Any]
) -> None:
    if path is None:
        # As an overwrite of a table by its name makes it anew, its rows are replaced.
        if mode == "overwrite" and batch.sparkSession.catalog.tableExists(table):
            _insert(batch, table, mode, given)
        else:
            batch.write.saveAsTable(table, "delta", mode, **given)
        return
    try:
        batch.write.save(path, "delta", mode, **given)
    except Exception as exc:
        # Delta's own sink casts, as an insert does; nothing is written yet.
        if not error_condition(exc).startswith(_OTHER_TYPES):
            raise
        _insert(batch, table, mode, given)


def _insert(batch: DataFrame, table: str, mode: str, options: Mapping[str, Any]) -> None:
    from pyspark.sql.functions import lit

    of_writer = {name: value for name, value in options.items() if name != "partitionBy"}
    writer = batch.writeTo(table).options(**of_writer)
    if mode == "overwrite":
        writer.overwrite(lit(True))
    else:
        writer.append()


def batches_begun(checkpoint: str) -> frozenset[int] | None:
    """Return which batches a query has begun, whether it has ended them or not.

    Args:
        checkpoint: The folder of its checkpoint, as Spark takes it.

    Returns:
        None where that is not known.
    """
    try:
        local = local_path(checkpoint)
        if local is not None:
            names = [path.name for path in (local / "offsets").glob("*")]
        elif is_glob(checkpoint):
            return None
        else:
            names = [path.rpartition("/")[2] for path in matching(f"{checkpoint}/offsets/*")]
    except Exception as exc:
        _logger.debug("Which batches are in %s is not known: %s", checkpoint, exc)
        return None
    return frozenset(int(name) for name in names if name.isdecimal())
