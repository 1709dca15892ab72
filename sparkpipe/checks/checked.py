"""A data set whose data is judged when it is saved, or loaded where nobody saves it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

from sparkpipe.checks import own, quarantine
from sparkpipe.checks.findings import Finding, no_frame, refuse
from sparkpipe.checks.in_chunks import ChunksJudged, chunk_problems, chunk_warnings
from sparkpipe.checks.judging import judge
from sparkpipe.checks.problems import find_problems
from sparkpipe.checks.words import Check, Function, Refers, Rows, Validator
from sparkpipe.errors import CheckFailedError, DataSetError
from sparkpipe.events import CheckReport, Direction
from sparkpipe.io.chunking import way_of_chunks
from sparkpipe.io.declared import (
    has_batches,
    is_memory_only,
    is_single_process,
    is_stream,
    is_whole_or_nothing,
    save_effect,
    unwrapped,
)
from sparkpipe.io.delegating import DelegatingDataSet
from sparkpipe.io.entries import secrets_of
from sparkpipe.io.facts import note_checks, noted_rows
from sparkpipe.io.for_run import InRun, of_run
from sparkpipe.io.kinds import is_pandas_frame, is_spark_frame
from sparkpipe.io.messages import could_not
from sparkpipe.io.partitioned import PartitionedDataSet
from sparkpipe.io.working import current_work, lending
from sparkpipe.io.wrapper import WrapperDataSet
from sparkpipe.words import counted

_logger = logging.getLogger(__name__)


def checked_in(data_set: Any) -> CheckedDataSet | None:
    """Return what judges a data set; None if nothing does.

    Args:
        data_set: A data set of any class, or what is around it.
    """
    while isinstance(data_set, WrapperDataSet):
        if isinstance(data_set, CheckedDataSet):
            return data_set
        data_set = data_set.wrapped()
    return None


class CheckedDataSet(DelegatingDataSet):
    """Judges what is saved to a data set; and what is loaded from it, where nobody saves it.

    Args:
        data_set: The data set.
        name: Its name in the catalog.
        checks: What its data is judged by.
        validators: Kedro's.
        rejected_to: What the entry calls the quarantine; may be empty.
        beside: The data set for rejected rows beside this one; None where there is none.
    """

    def __init__(
        self,
        data_set: Any,
        name: str,
        checks: Sequence[Check],
        validators: Sequence[Validator] = (),
        rejected_to: str = "",
        beside: Any = None,
    ) -> None:
        super().__init__(data_set)
        self._name = name
        self.checks = tuple(checks)
        self._validators = tuple(validators)
        self._rejected_to = rejected_to
        self._beside = beside
        self._rows_before: int | None = None
        self._judges_loads = False
        self._is_saved_elsewhere = False
        self._unsaved = "nothing was saved"
        self._kept_apart: Any = None  # rows of a batch that are in the quarantine already
        self._chunks: ChunksJudged | None = None  # while a generator gives it chunk by chunk

    def learn(self, rows_before: int | None = None, is_saved_elsewhere: bool = False) -> None:
        """Take note of what the session of a run knows of the data set.

        Args:
            rows_before: How many rows the last good run saved.
            is_saved_elsewhere: Whether a node of the project saves it: then it was judged there.
        """
        self._rows_before, self._is_saved_elsewhere = rows_before, is_saved_elsewhere

    def chunk_problems(self) -> list[str]:
        """Tell which checks can keep nothing from being saved where a generator gives it."""
        told = chunk_problems(self._name, self.checks)
        if self._names_one:
            told += quarantine.replaced_problems(self.quarantine, "chunk")
        return told

    def chunk_warnings(self) -> list[str]:
        """Tell which checks see less where a generator gives it."""
        return chunk_warnings(self.checks)

    def begin_chunks(self) -> None:
        """From now on, what is saved is one chunk of several."""
        self._chunks = ChunksJudged()

    def end_chunks(self) -> None:
        """Judge all chunks together, as all of them are saved.

        Raises:
            CheckFailedError: There are none, and there had to be.
        """
        judged, self._chunks = self._chunks, None
        if judged is not None:
            self._settle_findings(judged.findings(self.checks, self._rows_before), "save")

    def companions(self) -> tuple[str, ...]:
        """Return the names of the data sets that it needs: quarantine, and what it refers to."""
        names = [check.data_set for check in self.checks if isinstance(check, Refers)]
        return tuple(filter(None, (*names, self._rejected_to)))

    def written_beside(self) -> tuple[str, ...]:
        """Return the name of the data set that takes rejected rows, if it was given one."""
        return (self._rejected_to,) if self._rejected_to else ()

    def where_rejected(self, catalog: Any) -> Any:
        """Return the data set to which its checks may write rows; None if none of them does.

        Args:
            catalog: The catalog.
        """
        return self.quarantine_in(catalog) if self._keeps_apart else None

    @property
    def _keeps_apart(self) -> bool:
        return quarantine.is_used(self.checks)

    @property
    def quarantine(self) -> Any:
        """The data set for rejected rows; None if there is none."""
        return quarantine.destination(self._rejected_to, self._beside)

    def quarantine_in(self, catalog: Any) -> Any:
        """Return the data set for rejected rows as it is in a catalog; None if there is none.

        Args:
            catalog: The catalog.
        """
        with lending(catalog):
            return self.quarantine

    def judge_present(self, catalog: Any) -> tuple[CheckReport, ...]:
        """Judge the data that is there, and change nothing.

        Args:
            catalog: Has what the checks refer to.

        Raises:
            DataSetError: It cannot be loaded, or a check is not possible for it.
        """
        with lending(catalog):
            data = self._present(self._dataset.load, catalog)
            parts = [*data.values()] if isinstance(data, dict) else [data]
            found: list[Finding] = []
            for part in parts:
                present = self._present(part, catalog) if callable(part) else part
                found += self._judge(present).findings
        return tuple(one.report(self._name, "load") for one in found)

    def _present(self, load: Callable[[], Any], catalog: Any) -> Any:
        try:
            return load()
        except Exception as exc:
            raise could_not("load", self._name, self._dataset, exc, secrets_of(catalog)) from exc

    def _judge(self, data: Any) -> Any:
        return judge(data, self.checks, partial(self._find, data), self._rows_before)

    def plan_note(self) -> str:
        """Say what the checks cost beside the write itself, in words; empty without checks."""
        if not self.checks:
            return "validated"
        told = counted(len(self.checks), "check")
        if is_stream(self._dataset):
            return f"{told}, judged as the stream goes by, or batch by batch"
        if not is_single_process(self._dataset) or self._can_ride():
            return told  # frames of pandas are in memory
        wholes = [check.word for check in self.checks if not check.is_of_rows]
        of = f": {', '.join(dict.fromkeys(wholes))}" if wholes else ""
        return f"{told}, judged before the save by a job of their own{of}"

    # Saving

    def _save(self, data: Any) -> None:
        with self._chunks.one_more() if self._chunks is not None else nullcontext():
            self._save_judged(data)

    def _save_judged(self, data: Any) -> None:
        self.refuse(data)  # before any job
        for validator in self._validators:
            if "save" in validator.on:
                data = self._validated(validator, data, "save")
        if not self.checks:
            self._dataset.save(data)
        elif isinstance(data, dict):
            with ExitStack() as kept:  # until all partitions are saved

                def judged(frame: Any) -> Any:
                    return kept.enter_context(self._judged_spark(frame, "save"))

                parts = {name: self._part("save", one, judged) for name, one in data.items()}
                self._dataset.save(parts)
        elif is_spark_frame(data):
            self._save_spark(data)
        elif is_pandas_frame(data):
            self._dataset.save(self._judged_pandas(data, "save"))
        else:
            raise no_frame(data)

    def _save_spark(self, frame: Any) -> None:
        self._refuse_added(frame)
        if frame.isStreaming:
            self._save_stream(frame)
        elif self._can_ride():
            self._save_riding(frame)
        else:
            with self._judged_spark(frame, "save") as good:
                self._dataset.save(good)

    def _save_stream(self, frame: Any) -> None:
        from sparkpipe.checks import on_streams
        from sparkpipe.spark.active import is_connect

        problems = self._stream_problems()
        if problems:
            raise DataSetError(" ".join(problems))
        is_merged = save_effect(self._dataset) == "merge"
        on_connect = is_connect(frame.sparkSession)
        if not on_streams.rides(self.checks, is_merged=is_merged, is_connect=on_connect):
            save = partial(self._dataset.save, frame)
            on_streams.save_by_batches(save, self._save_batch, repr(self.checks))
            return
        is_counted = not is_merged and has_batches(self._dataset)
        ride = on_streams.ride_on(frame, self.checks, is_counted=is_counted)
        self._settle_ride(*ride.save(self._dataset.save))

    def _save_batch(self, batch: Any, write: Callable[[Any], None]) -> None:
        """Judge and save a batch of a stream as the frame of a batch node."""
        from sparkpipe.checks.on_streams import BatchOf

        of_batch = copy(self)
        of_batch._dataset = BatchOf(self._dataset, write)
        of_batch._unsaved = "nothing of its batch was saved"
        if self._keeps_apart:
            of_batch._kept_apart = quarantine.rejected_before(batch, self.quarantine)
        of_batch._save_spark(batch)

    def _save_riding(self, frame: Any) -> None:
        from sparkpipe.checks.on_spark import flag
        from sparkpipe.checks.riding import ride

        flagged = flag(frame, self.checks)
        self._settle_findings(flagged.counted, "save", only_if_stopping=True)
        counts_rows = any(isinstance(check, Rows) for check in self.checks)
        before = noted_rows()
        riding = ride(flagged, counts_rows=counts_rows)
        findings, rows, failure = riding.save(self._dataset.save)
        noted = noted_rows()
        if rows is None and failure is None and noted is not None:  # all were written
            rows = noted - (before or 0)
            findings = tuple(replace(one, rows=rows) for one in findings)
        if rows is None and failure is None and counts_rows:  # Spark tells nothing of no rows
            rows = flagged.frame.count()
        if rows is not None:
            findings += tuple(self._of_count(rows))
        self._settle_ride(findings, failure)

    def _settle_ride(self, findings: tuple[Finding, ...], failure: Exception | None) -> None:
        try:
            self._settle_findings(findings, "save")
        except CheckFailedError as exc:
            raise exc from failure
        if failure is not None:
            raise failure

    def _of_count(self, rows: int) -> Iterable[Finding]:
        for check in self.checks:
            if isinstance(check, Rows):
                yield Finding(check, None, rows, check.why_not(rows, self._rows_before))

    def _can_ride(self) -> bool:
        """Whether the write of a Spark frame can judge it: by the rows, one time, or not at all."""
        if save_effect(self._dataset) == "merge" or is_memory_only(self._dataset):
            return False  # it reads the frame more than once, or later
        if isinstance(unwrapped(self._dataset), PartitionedDataSet):
            return False  # a partition that is made when it is saved is judged in between
        must_hold = any(check.on_fail == "fail" for check in self.checks)
        if must_hold and not is_whole_or_nothing(self._dataset):
            return False
        return all(map(self._is_free, self.checks))

    @staticmethod
    def _is_free(check: Check) -> bool:
        if isinstance(check, Rows):
            return check.on_fail == "warn"
        is_of_rows = check.is_of_rows or isinstance(check, Function)
        return is_of_rows and check.on_fail != "quarantine"

    def _stream_problems(self) -> list[str]:
        from sparkpipe.checks import on_streams

        return on_streams.problems(self.checks, self._dataset)

    # Loading

    def _load(self) -> Any:
        data = self._dataset.load()
        for validator in self._validators:
            if "load" in validator.on:
                data = self._validated(validator, data, "load")
        if not self.checks or not self._judges_loads or self._is_saved_elsewhere:
            return data
        if isinstance(data, dict):
            return {n: self._part("load", one, self._loaded_spark) for n, one in data.items()}
        return self._part("load", data, self._loaded_spark)

    def _loaded_spark(self, frame: Any) -> Any:
        from sparkpipe.checks.on_spark import flag

        if frame.isStreaming:
            return self._loaded_stream(frame)
        if all(check.is_of_rows and check.on_fail == "fail" for check in self.checks):
            note_checks(CheckReport(self._name, check.name, "load") for check in self.checks)
            return self._asserted(flag(frame, self.checks))
        with self._judged_spark(frame, "load", is_lent=True) as good:
            return good

    def _loaded_stream(self, frame: Any) -> Any:
        from sparkpipe.checks.on_spark import flag
        from sparkpipe.checks.on_streams import refuse_to_read

        refuse_to_read(self.checks)
        note_checks(CheckReport(self._name, check.name, "load") for check in self.checks)
        return self._asserted(flag(frame, self.checks))

    def _asserted(self, flagged: Any) -> Any:
        """Return a frame that fails where a row does not pass, in whatever job reads it."""
        from sparkpipe.checks.riding import asserting

        labels = [f"'{check.name}'" for check, _ in flagged.flags_of("fail")]
        beginning = f"a row of '{self._name}' did not pass the check "
        frame = asserting(flagged.frame, flagged, beginning, labels)
        dropped = flagged.any_of("drop")
        return flagged.own(frame if dropped is None else frame.where(~dropped))

    # Judging

    def _part(self, direction: Direction, data: Any, judge_spark: Callable[[Any], Any]) -> Any:
        """Return a frame, or what gives one, judged by itself."""
        if is_spark_frame(data):
            return judge_spark(data)
        if is_pandas_frame(data):
            return self._judged_pandas(data, direction)
        if callable(data):
            return partial(self._called, direction, data, judge_spark)
        raise no_frame(data)

    def _called(
        self, direction: Direction, load: Callable[[], Any], judge_spark: Callable[[Any], Any]
    ) -> Any:
        return self._part(direction, load(), judge_spark)

    def _refuse_added(self, frame: Any) -> None:
        """Refuse a frame with columns of which rejected rows have others of the same name."""
        problems = quarantine.column_problems(map(str, frame.columns)) if self._keeps_apart else []
        if problems:
            raise DataSetError(" ".join(problems))

    def _judged_pandas(self, frame: Any, direction: Direction) -> Any:
        self._refuse_added(frame)
        judged = self._judge(frame)
        self._settle_findings(judged.findings, direction, judged.rejected)
        return judged.good

    @contextmanager
    def _judged_spark(
        self, frame: Any, direction: Direction, is_lent: bool = False
    ) -> Iterator[Any]:
        from sparkpipe.checks.keeping import keeping

        self._refuse_added(frame)
        with keeping(frame, is_lent or is_memory_only(self._dataset)) as kept:
            judged = self._judge(kept)
            if self._kept_apart is not None:
                judged = judged.without(self._kept_apart)
            self._settle_findings(judged.findings, direction, judged.rejected)
            yield judged.good

    def _settle_findings(
        self,
        findings: Iterable[Finding],
        direction: Direction,
        rejected: Callable[[], Any] = lambda: None,
        only_if_stopping: bool = False,
    ) -> None:
        """Tell what was found, refuse what must hold, and put rejected rows into the quarantine."""
        findings = tuple(findings)
        if self._chunks is not None and direction == "save":
            findings = self._chunks.take(findings)
        stops = any(one.stops for one in findings)
        if only_if_stopping and not stops:
            return
        where = ""
        if not stops and any(one.told and one.check.on_fail == "quarantine" for one in findings):
            rows = rejected()
            if rows is not None:  # before the good ones: whatever happens then, none is lost
                where = quarantine.put(rows, self.quarantine)
        note_checks(one.report(self._name, direction, where, stops) for one in findings)
        refuse(findings, self._what_did_not_happen(direction))
        for one in findings:
            if one.told:
                self._tell(one, where)

    def _what_did_not_happen(self, direction: Direction) -> str:
        if direction == "load":
            return "nothing was read"
        is_later = self._chunks is not None and self._chunks.saved
        return "nothing of its chunk was saved" if is_later else self._unsaved

    def _tell(self, one: Finding, where: str) -> None:
        became = {"warn": "", "drop": "; they are left out"}.get(one.check.on_fail)
        if became is None:
            became = f"; they are in {where} (sparkpipe checks rejected {self._name})"
        _logger.warning("'%s', check '%s': %s%s.", self._name, one.check.name, one.told, became)

    def _validated(self, validator: Validator, data: Any, direction: Direction) -> Any:
        try:
            data = own.validated(validator, data)
        except CheckFailedError as exc:
            finding = Finding(validator, told=exc.message)
            self._settle_findings([finding], direction)
            return data
        note_checks([Finding(validator).report(self._name, direction)])
        return data

    def _find(self, frame: Any, name: str) -> Any:
        """Return the data of another data set; of this one, what is being judged."""
        if name == self._name:
            return frame
        catalog = current_work().catalog
        if catalog is None:
            raise DataSetError(f"'{name}' is not known, as no catalog loads or saves this.")
        return catalog.load(name)

    # What it is

    def _problems(self) -> list[str]:
        told = super()._problems()
        told += find_problems(self._name, self.checks, self._dataset)
        told += own.find_missing(self._validators)
        if is_stream(self._dataset):
            told += self._stream_problems()
        if self._keeps_apart:
            told += quarantine.problems(self.quarantine, self._dataset)
        if self._names_one and way_of_chunks(self._dataset) == "collect":
            told += quarantine.replaced_problems(self.quarantine, "partition")
        return told

    @property
    def _names_one(self) -> bool:
        return self._keeps_apart and self.quarantine is not self._beside

    def _warnings(self) -> list[str]:
        told = super()._warnings()
        where = self.quarantine
        if where is not self._beside and save_effect(where) == "replace":
            told.append(
                f"quarantine: each save to '{self._rejected_to}' replaces what was rejected "
                "before. Let it append."
            )
        return told

    def _of_run(self, part: InRun) -> CheckedDataSet:
        other = copy(self)
        other._dataset = of_run(self._dataset, part)
        other._judges_loads = not part.is_saved
        if part.is_foreign:  # its quarantine is not ours
            other.checks = quarantine.dropped(self.checks)
        return other
