"""Streams that Spark reads and writes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from sparkpipe.datasets.spark.batches import (
    BatchWriter,
    asked_of_batches,
    batches_begun,
    write_batch,
)
from sparkpipe.datasets.spark.checkpoints import keeps_state, owned
from sparkpipe.datasets.spark.commits import is_delta_table, marked
from sparkpipe.datasets.spark.creation import Creation, make_or_compare, take_creation
from sparkpipe.datasets.spark.frames import need_frame
from sparkpipe.datasets.spark.listing import is_there
from sparkpipe.datasets.spark.merging.saving import Merging, merge_batch
from sparkpipe.datasets.spark.merging.words import take_merge
from sparkpipe.datasets.spark.names import TableName, is_named, quoted
from sparkpipe.datasets.spark.options import (
    CREATION_WORDS,
    format_problems,
    in_known_case,
    missing_for,
    option_problems,
    option_warnings,
    word_problems,
)
from sparkpipe.datasets.spark.paths import is_glob, local_path, path_problems, spark_path
from sparkpipe.datasets.spark.schema import read_schema, schema_problems
from sparkpipe.datasets.spark.stream_progress import StreamProgress
from sparkpipe.datasets.spark.stream_words import (
    ENDS,
    FORMATS,
    OF_QUERY,
    OF_STREAM,
    OUTPUT_MODES,
    READER,
    WRITER,
    in_our_words,
    trigger_of,
)
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import AbstractDataSet, SaveEffect
from sparkpipe.io.target import path_target, spark_table
from sparkpipe.redaction import redacted_text
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.failures import NodeStopped
from sparkpipe.spark.jobs.run import current_jobs
from sparkpipe.spark.jobs.saves import with_batch
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_logger = logging.getLogger(__name__)

#: How the batches of an output mode are written.
_WRITES_AS = {"append": "append", "complete": "overwrite"}
_DEFAULT_FORMAT = "spark.sql.sources.default"
_CHECKPOINTS = "spark.sql.streaming.checkpointLocation"

# How often it is seen whether the run is cancelled.
_POLL_SECONDS = 0.5


class SparkStreamingDataSet(AbstractDataSet):
    """A stream: loaded as a streaming DataFrame, saved by a query that runs until it has all.

    A save processes what is there, waits for it and ends, so that the nodes after it find it. What
    has been processed is in the checkpoint: the next save goes on from there.

    Args:
        filepath: A path, or an address that Spark knows; empty for a source that has none, and for
            a table by its name.
        file_format: ``json``, ``parquet``, ``csv``, ``delta``, ``kafka``, or any that Spark has.
        save_args: ``checkpoint`` is the folder of the checkpoint, ``output_mode`` is ``append``
            (default), ``complete`` or ``update``. ``trigger`` is ``availableNow`` (default),
            ``once``, or ``{processingTime: 10 seconds}``, which continues until it is cancelled.
            Everything else is passed to the writer as options. With ``mode: merge`` and the options
            of a merge each batch is merged into the Delta table; a new one is made with
            ``partition_by``, ``cluster_by``, ``table_properties`` and the like.
        load_args: Options of the reader; for ``schema`` see ``spark.SparkDataSet``. Streams of
            files need one.
        credentials: More options of reader and writer, which are never shown (Kafka's
            ``kafka.sasl.jaas.config``); Spark reads files with its own.
        metadata: Kept for other tools.
        table: A Delta table by its name, in the place of ``filepath``: ``orders``, ``shop.orders``
            or ``main.shop.orders``.

    Raises:
        DataSetError: A name or an option is not possible.
    """

    _SINGLE_PROCESS = True
    _IS_STREAM = True
    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {}
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        filepath: str = "",
        file_format: str = "",
        save_args: Mapping[str, Any] | None = None,
        load_args: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        table: str = "",
    ) -> None:
        self._given = str(filepath or "")
        self._name = TableName.of(table) if table else None
        self._file_format = str(file_format or ("delta" if table else ""))
        given = in_known_case(load_args or {}, ("schema",))
        self._load_args = {**self.DEFAULT_LOAD_ARGS, **given}
        self._merge, others = take_merge(in_our_words(save_args or {}), also=WRITER)
        if self._merge is not None and self._merge.within:
            raise DataSetError(
                "save_args: 'within' is not for streams: each batch would take the place of those "
                "before it."
            )
        self._creation, others = take_creation(others)
        self._save_args = {**self.DEFAULT_SAVE_ARGS, **others}
        by = self._save_args.get("partitionBy")
        self._creation = self._creation.whole(by, self._merge is not None)
        self._schema = self._load_args.pop("schema", None)
        self._credentials = dict(credentials or {})
        self.metadata = metadata

    @property
    def _path(self) -> str | None:
        return spark_path(self._given) if self._given else None

    def _load(self) -> DataFrame:
        missing = self._missing()
        if missing:
            raise DataSetError(missing)
        reader = get_spark().readStream.options(**{**self._load_args, **self._credentials})
        if self._name is not None:
            frame = reader.table(self._name.sql)
        else:
            if self._file_format:
                reader = reader.format(self._file_format)
            if self._schema is not None:
                reader = reader.schema(read_schema(self._schema, {}))
            frame = reader.load(self._path)
        # Connect looks at a frame only when it is used: ask, so that what is wrong is told here.
        _ = frame.schema
        return frame

    def _save(self, data: DataFrame) -> None:
        frame = need_frame(data, is_stream=True)
        options = {**self._save_args, **self._credentials}
        trigger = trigger_of(options.pop("trigger", ENDS[0]))
        mode = str(options.pop("output_mode", "append"))
        checkpoint = options.pop("checkpoint", None)
        if checkpoint:
            options["checkpointLocation"] = spark_path(str(checkpoint))
        elif (self._path or self._name) and not frame.sparkSession.conf.get(_CHECKPOINTS, None):
            raise DataSetError(
                "a stream needs a folder in which it keeps how far it has come.",
                hint="Give it in save_args, as checkpoint.",
            )
        folder = local_path(str(checkpoint)) if checkpoint else None
        with owned(folder, frame, self._owner(mode)), marked(self.target()) as mark:
            self._make_table(frame)
            metadata = "" if mark is None else mark.metadata()
            writer = self._batch_writer(frame, options, mode, metadata)
            query_writer = frame.writeStream.trigger(**trigger)
            start: Callable[[], Any]
            if writer is None:
                if self._is_delta and metadata:
                    options = {"userMetadata": metadata, **options}
                told = (self._file_format or None, mode)
                start = (
                    partial(query_writer.start, self._path, *told, **options)
                    if self._name is None
                    else partial(query_writer.toTable, self._name.sql, *told, **options)
                )
            else:
                of_query = {name: options[name] for name in OF_QUERY if name in options}
                query_writer = query_writer.outputMode(mode).options(**of_query)
                start = query_writer.foreachBatch(writer).start
            self._run(frame, start, ends=not trigger.keys().isdisjoint(ENDS), writer=writer)

    def _make_table(self, frame: DataFrame) -> None:
        """Make a table of which the entry says more than a sink of Spark takes, before it runs."""
        if self._creation.is_plain:
            return
        is_there = is_delta_table(frame.sparkSession, self._table)
        if self._merge is not None:
            Merging(frame, self._table, self._merge, self._creation).prepare(is_there=is_there)
        else:
            make_or_compare(
                frame.sparkSession, self._table, self._creation, frame, is_there=is_there
            )

    def _run(self, frame: DataFrame, start: Callable[[], Any], *, ends: bool, writer: Any) -> None:
        """Run a query until it ends, or is stopped."""
        # On Connect an interrupted start may leave its query, and an interrupted query ends as
        # if it had all: there it is only ever stopped. Elsewhere it takes this thread's pool.
        query = _apart(start) if is_connect(frame.sparkSession) else start()
        is_sure = writer is not None or not self._writes_delta(frame)
        progress = StreamProgress(query, asked_of_batches().tell, is_sure=is_sure)
        try:
            # Objects of Java that end on this thread could swallow a Ctrl-C.
            _wait_for(query, ends=ends, look=partial(_apart, progress.look))
        except Exception as exc:
            if isinstance(writer, BatchWriter) and writer.failure is not None:
                raise writer.failure from exc
            raise
        finally:
            progress.note_end()

    def _batch_writer(
        self, frame: DataFrame, options: Mapping[str, Any], mode: str, metadata: str
    ) -> Callable[[DataFrame, int], None] | None:
        """Return what saves each batch; None where Spark's own sink does."""
        on_connect = is_connect(frame.sparkSession)
        if self._merge is None and (on_connect or not self._is_saved_by_batches(frame, mode)):
            return None
        # The table is there; of its columns a batch lacks those that Delta fills.
        filled = Creation(generated=self._creation.generated, identity=self._creation.identity)
        if on_connect:  # there a process of the server calls it
            assert self._merge is not None
            return partial(merge_batch, self._table, self._merge, filled, metadata)
        checkpoint = options.get("checkpointLocation")
        begun = batches_begun(str(checkpoint)) if checkpoint else None
        merge = self._merge
        # A batch is always added, or is all of it.
        others = (*OF_QUERY, "mode")
        given = {name: value for name, value in options.items() if name not in others}
        theirs = given.pop("userMetadata", None) if merge is None else None
        if theirs is not None and asked_of_batches().checks:  # the checks of a batch are kept, too
            metadata, theirs = str(theirs), None

        def write(batch: DataFrame, query: str, number: int) -> None:
            kept = with_batch(metadata)
            if merge is not None:
                merge_batch(self._table, merge, filled, kept, batch, number, query)
                return
            more = {"userMetadata": kept if theirs is None else str(theirs), **given}
            if mode == "complete":  # all of it, whatever the session says of partitions
                more = {"partitionOverwriteMode": "static", **more}
            write_as = _WRITES_AS[mode]
            write_batch(batch, self._table, self._path, write_as, more, (query, number))

        return BatchWriter(self._table, write, begun, keeps_state=keeps_state(frame))

    def _is_saved_by_batches(self, frame: DataFrame, mode: str) -> bool:
        """Whether each batch is saved by a function of ours.

        Delta's own sink often runs another plan than the one that Spark counts the rows of: where
        it fills columns, or casts some. They would be told, and judged, as none.
        """
        is_there = bool(self._path or self._name)
        return is_there and self._writes_delta(frame) and self.has_batches() and mode in _WRITES_AS

    def _writes_delta(self, frame: DataFrame) -> bool:
        file_format = self._file_format or str(frame.sparkSession.conf.get(_DEFAULT_FORMAT, ""))
        return file_format.lower() == "delta"

    def has_batches(self) -> bool:
        """Return whether it is saved batch by batch, as its trigger says."""
        trigger = trigger_of(self._save_args.get("trigger", ENDS[0]))
        return not trigger.keys().isdisjoint((*ENDS, "processingTime"))

    def why_no_batches(self) -> str:
        """Say why the batches of a save cannot be judged one by one; empty if they can."""
        if not self.has_batches():
            return "its trigger makes none"
        if not self._is_delta_table:
            return "it is saved to no Delta table (file_format: delta)"
        mode = self._save_args.get("output_mode", "append")
        if self._merge is None and mode != "append":
            return f"its output mode is '{mode}'"
        return ""

    def is_whole_or_nothing(self) -> bool:
        """Return whether a batch that fails leaves what was there, as one of Delta does."""
        return self._is_delta

    @property
    def _is_delta(self) -> bool:
        return self._file_format.lower() == "delta"

    @property
    def _is_delta_table(self) -> bool:
        return self._is_delta and bool(self._path or self._name)

    @property
    def _table(self) -> str:
        return f"delta.{quoted(str(self._path))}" if self._name is None else self._name.sql

    def _owner(self, mode: str) -> dict[str, str]:
        jobs = current_jobs()
        return {
            "node": "" if jobs is None else jobs.node,
            "target": self.target(),
            "output_mode": mode,
        }

    def target(self) -> str:
        """Return path or name, alike for all ways to read and write it."""
        if self._name is not None:
            return spark_table(str(self._name))
        return path_target(self._given) if self._given else ""

    def _exists(self) -> bool:
        if self._name is not None:
            return is_named(get_spark(), self._name)
        if not self._path:
            return super()._exists()
        if local_path(self._given) is not None and not is_glob(self._given):
            return not self._missing()
        return is_there(self._path, self._file_format)

    def save_effect(self) -> SaveEffect:
        """Return what a save does: it adds, merges, or with output mode ``complete`` replaces."""
        if self._merge is not None:
            return "merge"
        return "replace" if self._save_args.get("output_mode") == "complete" else "append"

    def checkpoint(self) -> str:
        """Return where it keeps how far it has come; empty if that is not known."""
        given = self._save_args.get("checkpoint")
        return path_target(str(given)) if given else ""

    def _missing(self) -> str:
        local = local_path(self._given) if self._given else None
        if local is None or is_glob(self._given) or local.exists():
            return ""
        return f"the folder does not exist: {local}"

    def _problems(self) -> list[str]:
        missing = missing_for(self._file_format)
        if missing:
            return missing
        if self._name is not None and (self._given or not self._is_delta):
            return [
                "a table by its name (table) is one of Delta, without filepath. Leave out filepath "
                "and file_format."
            ]
        if self._merge is not None and not self._is_delta_table:
            return ["a stream is merged into a Delta table: give filepath and file_format: delta."]
        if not (self._creation.is_plain or self._is_delta_table):
            return [
                f"save_args: {', '.join(CREATION_WORDS)} are of tables of Delta: give filepath and "
                "file_format: delta. For other files there is partitionBy."
            ]
        problems = format_problems(self._file_format, FORMATS) if self._file_format else []
        problems += path_problems(self._given)
        problems += option_problems("load_args", self._file_format, self._load_args, READER)
        problems += option_problems("save_args", self._file_format, self._save_args, WRITER)
        if "output_mode" in self._save_args:
            mode = self._save_args["output_mode"]
            problems += word_problems("save_args: output_mode", mode, OUTPUT_MODES)
            if self._is_delta and mode == "update" and self._merge is None:
                problems.append(
                    "save_args: output_mode 'update' is not possible for a Delta table. Merge the "
                    "batches (mode: merge, with keys); or give append or complete."
                )
        for name, given in (("path", "filepath"), ("format", "file_format")):
            if name in map(str.lower, self._save_args):
                problems.append(
                    f"save_args: '{name}' cannot stand here. Give {given} in its place."
                )
        if self._merge is None and self._save_args.get("mode", "append") != "append":
            problems.append(
                f"save_args: mode '{self._save_args['mode']}' is not possible for a stream, which "
                "appends or merges. For all rows anew with each batch, give output_mode: complete."
            )
        try:
            trigger_of(self._save_args.get("trigger", ENDS[0]))
        except DataSetError as exc:
            problems.append(str(exc))
        if self._schema is not None:
            problems += schema_problems(self._schema)
        return problems

    def _warnings(self) -> list[str]:
        told = option_warnings("load_args", self._file_format, self._load_args, READER)
        if self._schema is not None and self._name is not None:
            told.append(
                "load_args: 'schema' has no effect on a table by its name, which has its own."
            )
        if self._merge is not None:
            ours = (*OF_STREAM, "partitionBy")
            others = [name for name in self._save_args if name not in ours]
            told += [f"save_args: '{name}' has no effect on a merge." for name in others]
        return told + option_warnings("save_args", self._file_format, self._save_args, WRITER)

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": redacted_text(self._given) or None,
            "table": None if self._name is None else str(self._name),
            "file_format": self._file_format or None,
            "load_args": self._load_args or None,
            "save_args": self._save_args or None,
            "merge_on": None if self._merge is None else [*self._merge.keys],
        }


SparkStreamingDataset = SparkStreamingDataSet


def _wait_for(query: Any, ends: bool, look: Callable[[], None]) -> None:
    """Wait until a query has ended; stop it where its node is cancelled or this thread interrupted.

    Args:
        query: What runs.
        ends: Whether it ends by itself.
        look: Called now and then.

    Raises:
        NodeStopped: Its node was cancelled.
        DataSetError: It was stopped before it had all.
        Exception: Spark's, why the query failed.
    """
    jobs = current_jobs()
    has_ended = False
    try:
        while not has_ended:
            has_ended = query.awaitTermination(_POLL_SECONDS)
            look()
            # Asked at its end too: it may be the cancelling that has ended it.
            if jobs is not None and jobs.cancel_requested:
                raise NodeStopped("its query was stopped, as its node was.")
        # Stopped by someone else; and on Connect a wait may return where the query goes on.
        if not ends or query.isActive:
            raise DataSetError("its query was stopped before it had processed everything.")
    finally:
        _apart(partial(_stop, query))


def _apart(call: Callable[[], Any]) -> Any:
    """Call on another thread: what is asked on this one is interrupted with its node's jobs."""
    with ThreadPoolExecutor(1, thread_name_prefix="sparkpipe-stream") as executor:
        return executor.submit(call).result()


def _stop(query: Any) -> None:
    try:
        query.stop()  # also one that is inactive: it may be ending, and still be listed
    except Exception as exc:  # Spark may be gone, or going
        _logger.debug("A query could not be stopped: %s", exc)
