"""Runs every node on no rows, or a few, and throws away what it returns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, PreflightError, refusing_exits
from sparkpipe.io import DataCatalog, foreign
from sparkpipe.io.declared import is_stream
from sparkpipe.io.kinds import is_pandas_frame, is_spark_frame
from sparkpipe.io.messages import describe_data_set
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding as _bare
from sparkpipe.runner.failure import node_failure
from sparkpipe.schemas import schema_of
from sparkpipe.schemas.data_set import SchemaDataSet
from sparkpipe.schemas.declared import declared_schema
from sparkpipe.schemas.policy import SchemaError
from sparkpipe.session.arguments import inputs_by_name, versions_by_name
from sparkpipe.session.deferring import defer_inputs, make_catalogs
from sparkpipe.session.overlay import temporary_catalog
from sparkpipe.session.problems import choose, find_unread_params
from sparkpipe.session.rehearsing.inputs import (
    Unknown,
    as_loaded,
    called_parts,
    empty_for,
    first_rows,
    parts_of,
    take_input,
    without_plan,
)
from sparkpipe.session.rehearsing.judging import find_unsavable, has_no_rows, is_wrong
from sparkpipe.session.rehearsing.report import NodeRehearsal, Rehearsal, Verdict
from sparkpipe.session.selection import Selection
from sparkpipe.session.slices.judging import find_unchosen

if TYPE_CHECKING:
    from sparkpipe.session.session import Session

# After so many nodes a frame of Spark begins anew: analysing a deep plan takes long.
_DEEPEST = 10


def rehearse(
    session: Session,
    selection: Selection,
    rows: int = 0,
    load_versions: Mapping[str, str] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Rehearsal:
    """Run nodes on the schemas of their inputs; see :meth:`Session.rehearse`.

    Args:
        session: Of the project.
        selection: Which nodes.
        rows: How many rows of each input.
        load_versions: Version to load, by name.
        inputs: Data in place of what the catalog has.

    Raises:
        PreflightError: The pipeline or the configuration is wrong.
    """
    load_versions, inputs = versions_by_name(load_versions), inputs_by_name(inputs)
    problems: list[str] = list(session.settings_problems)
    whole, pipeline = choose(session.registry, selection, problems)
    catalog, other = make_catalogs(session, load_versions, None, problems)
    if pipeline is not None and catalog is not None:
        if other is not None:
            problems += defer_inputs(pipeline, catalog, other, session.registry[0].values())
        problems += catalog.problems(sorted(pipeline.data_sets()))
        problems += find_unchosen(pipeline, catalog)
        problems += find_unread_params(session, whole)
    if problems or pipeline is None or catalog is None:
        raise PreflightError(list(dict.fromkeys(problems)))
    if inputs:
        catalog.add_feed_dict(inputs, replace=True)
    with (
        session.scope(),
        tempfile.TemporaryDirectory(prefix="sparkpipe-rehearsal-") as folder,
    ):
        started = time.perf_counter()
        apart = temporary_catalog(session, Path(folder)) if rows else None
        stage = _Stage(catalog, apart, rows)
        found = tuple(stage.rehearse(node) for node in pipeline.nodes)
        return Rehearsal(found, rows, time.perf_counter() - started)


class _Stage:
    """Where nodes are rehearsed: what they have returned so far, and what others are given.

    Args:
        catalog: That of the project, of which nothing is saved.
        apart: A catalog with places of its own, where rows are written to; None without rows.
        rows: How many rows of each input.
    """

    def __init__(self, catalog: DataCatalog, apart: DataCatalog | None, rows: int) -> None:
        self._catalog = catalog
        self._apart = apart
        self._rows = rows
        # By names without their forms, with the names under which they were saved.
        self._returned: dict[str, tuple[str, Any]] = {}
        self._taken: dict[str, Any] = {}
        self._hollow: set[str] = set()  # what was made of frames without rows
        self._depths: dict[str, int] = {}  # how many nodes a frame's plan goes back

    def rehearse(self, node: Node) -> NodeRehearsal:
        """Run a node on what there is of its inputs, and keep what it returns."""
        given = {name: self._input(name) for name in node.input_names}
        unknown = next((one for one in given.values() if isinstance(one, Unknown)), None)
        if unknown is not None:
            return self._ended(node, "unjudged", unknown.reason)
        if not node.output_names:
            return self._ended(
                node, "unjudged", "it has no output: what it does is done outside of the catalog"
            )
        is_hollow = self._rows == 0 and self._is_hollow(given)
        if is_hollow:
            self._hollow.update(map(_bare, node.output_names))
        try:
            with refusing_exits(f"Node '{node.name}'"):
                outputs = _first_chunks(node.run(given))
                depth = 1 + max((self._depths.get(_bare(name), 0) for name in given), default=0)
                for name, data in outputs.items():
                    self._keep(name, data, depth % _DEEPEST)
        except Exception as exc:
            failure = node_failure(node, exc, is_loaded=True)
            if is_wrong(exc) or not (is_hollow or self._is_hollow(given)):
                return self._ended(node, "wrong", failure.message, failure.location)
            told = failure.message.removeprefix(f"Node '{node.name}' failed: ")
            reason = f"it does not take data without rows: {told}"
            return self._ended(node, "unjudged", reason, failure.location)
        return NodeRehearsal(node.name, "good")

    def _is_hollow(self, given: Mapping[str, Any]) -> bool:
        return any(
            _bare(name) in self._hollow or has_no_rows(data, looks=self._rows > 0)
            for name, data in given.items()
        )

    def _ended(
        self, node: Node, verdict: Verdict, reason: str, location: str = ""
    ) -> NodeRehearsal:
        """Let what hangs on a node go on with the schemas that are declared."""
        for name in node.output_names:
            if _bare(name) not in self._returned:
                declared = self._declared(name)
                if declared is None:
                    declared = Unknown(f"'{name}' of '{node.name}' is not known, without a schema")
                self._returned[_bare(name)] = (name, declared)
        return NodeRehearsal(node.name, verdict, reason, location)

    def _declared(self, name: str) -> Any:
        """Return a frame of the schema of an entry; None if it has none."""
        data_set = self._catalog.get(name)
        schema = None if data_set is None else declared_schema(data_set)
        return None if schema is None else empty_for(data_set, schema)

    def _input(self, name: str) -> Any:
        if is_parameter(name):
            return self._catalog.load(name)
        known = self._returned.get(_bare(name))
        if known is not None:
            return self._in_form(name, *known)
        if name not in self._taken:
            data_set = self._catalog.get(name)
            self._taken[name] = (
                Unknown(f"nothing makes '{name}', and it has no entry")
                if data_set is None
                else take_input(name, data_set, self._rows)
            )
        return self._taken[name]

    def _in_form(self, name: str, saved_as: str, data: Any) -> Any:
        """Return what was returned as one name in the form that another one loads."""
        if isinstance(data, Unknown):
            declared = self._declared(name)
            return data if declared is None else declared
        if isinstance(data, DataCatalog):
            try:
                return data.load(name)
            except DataSetError as exc:
                return Unknown(exc.message.partition("\n")[0])
        if name == saved_as or not (is_spark_frame(data) or is_pandas_frame(data)):
            return data
        data_set = self._catalog.get(name)
        schema = None if data_set is None else declared_schema(data_set) or schema_of(data)
        return data if schema is None else empty_for(data_set, schema)

    def _keep(self, name: str, data: Any, depth: int) -> None:
        """Judge what a node returned for a data set, and keep it for those that read it.

        Args:
            name: The name of the data set.
            data: What was returned.
            depth: How many nodes its plan goes back; at 0 it is to begin anew.

        Raises:
            DataSetError: It could not be saved.
        """
        if data is None:
            raise DataSetError(f"returned None for '{name}', which cannot be saved.")
        data_set = self._catalog.get(name)
        try:
            kept = self._judged(name, data_set, data)
        except DataSetError as exc:
            where = f"'{name}' ({describe_data_set(data_set)})" if data_set is not None else name
            told = f"could not save {where}: {exc.message}"
            raise type(exc)(told, hint=exc.hint) from exc
        if self._rows == 0 and schema_of(kept) is not None:
            kept = without_plan(kept) if not depth and is_spark_frame(kept) else first_rows(kept, 0)
            self._depths[_bare(name)] = depth
        self._returned[_bare(name)] = (name, kept)

    def _judged(self, name: str, data_set: Any, data: Any) -> Any:
        """Return what is kept of data: with rows, the catalog in which it lies."""
        if data_set is None:
            return data
        # A stream has no first rows: it goes on without any.
        is_written = self._apart is not None and not is_stream(data_set)
        if not is_written:
            data = called_parts(data, data_set)
            fit = foreign.attribute(data_set, "fitted")
            if isinstance(getattr(fit, "__self__", None), SchemaDataSet):
                data = fit(data)
        for part in parts_of(data):
            found = schema_of(part)
            why = "" if found is None else find_unsavable(found, data_set, part)
            if why:
                raise SchemaError(why)
        if self._apart is None or not is_written:
            return as_loaded(data, data_set)
        self._apart[name].save(data)
        return self._apart


def _first_chunks(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return outputs; of a generator's, which come in chunks, the first one."""
    return {
        name: next(data, None) if isinstance(data, map) else data for name, data in outputs.items()
    }
