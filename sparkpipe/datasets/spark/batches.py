"""The batches of a stream, and what is done with them by what is around its data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.spark.jobs.saves import of_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SaveBatch = Callable[["DataFrame"], None]
#: What Spark has counted in one batch, by the name of the observation.
Observed = Mapping[str, Mapping[str, Any]]

_QUERY = "sql.streaming.queryId"


@dataclass(frozen=True)
class BatchesAsked:
    """What is asked of the batches of a stream.

    Attributes:
        save: Saves a batch by the function that it is given; None to leave it to the data set.
        tell: Is told what was observed in each batch.
    """

    save: Callable[[DataFrame, SaveBatch], None] | None = None
    tell: Callable[[Observed], None] = lambda observed: None


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
        write: Writes a batch, given the id of its query and its number.

    Attributes:
        failure: Why a batch was not saved; Spark tells it as text only.
    """

    def __init__(self, write: Callable[[DataFrame, str, int], None]) -> None:
        self._write = write
        self._save = asked_of_batches().save
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

        def write(rows: DataFrame) -> None:
            self._write(rows, query, number)

        with of_batch(query, number):
            if self._save is None:
                write(batch)
            else:
                self._save(batch, write)


def append_batch(
    path: str,
    options: Mapping[str, Any],
    batch: DataFrame,
    query: str,
    number: int,
) -> None:
    """Add a batch to a Delta table; one that is there already changes nothing.

    Args:
        path: Where the table lies.
        options: Those of the writer.
        batch: The rows.
        query: The id of the query.
        number: The number of the batch.
    """
    # By these Spark's own sink of Delta tells batches, too: a stream may go from one to the other.
    once = {"txnAppId": query, "txnVersion": str(number)}
    batch.write.save(path, "delta", "append", **{**options, **once})
