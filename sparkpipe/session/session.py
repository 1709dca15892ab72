"""The composition root: project + configuration + catalog + hooks → one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sparkpipe.session.arguments import text_given
from sparkpipe.session.choosing_runner import RunnerChoice
from sparkpipe.session.composing import Request, check_choice, check_project, plan_run, prepare_run
from sparkpipe.session.opened import OpenProject
from sparkpipe.session.parts import copy_with_params
from sparkpipe.session.prepared import PreparedRun
from sparkpipe.session.problems import find_unread_params
from sparkpipe.session.selection import Relation, Selection

if TYPE_CHECKING:
    from sparkpipe.report.page import Page
    from sparkpipe.report.planned import PlannedRun
    from sparkpipe.report.slices import SliceGrid
    from sparkpipe.session.rehearsing import Rehearsal
    from sparkpipe.session.slices.running import SlicedRun
    from sparkpipe.slices.asking import Given


class Session(OpenProject):
    """A project ready to run, any number of times.

    Args:
        project_path: A folder of the project, or the project; by default the working folder.
        env: The configuration environment on top of base; by default that of the environment
            variable ``SPARKPIPE_ENV``, or ``local``.
        extra_params: Parameters on top of those of the files. One whose value there is a text or a
            date becomes such.
        conf_source: A folder of configuration, or an archive of one, instead of the project's.
        spark: A Spark session, or a function that returns one; by default ``SPARK_SESSION`` of the
            project's settings, the active one, else one made from ``spark.yml`` when first needed.
        hooks: Hooks beside those of the project's settings and of installed packages.
        package_name: The package of an installed project, where ``project_path`` has only its
            configuration.
        defer: Another environment. What a run does not make, and its own environment has not, is
            read from there; nothing is changed there.

    Attributes:
        project: The project.
        session_id: The name of this session. Each run has a name of its own.
        store: What is known of the session, for ``SESSION_STORE_CLASS`` of the settings.

    Raises:
        ProjectNotFoundError: There is no project there.
        ConfigError: The project's configuration is wrong, or a parameter is no date and must be.
        PreflightError: More than one is.
    """

    def with_params(self, params: Mapping[str, Any]) -> Session:
        """Return a session of the same project, hooks and Spark with other parameters.

        The configuration is read anew, so all that refers to a parameter sees it. This session
        stays as it is, and it alone stops the Spark that both use.

        Args:
            params: On top of those of this session, mapping by mapping.

        Raises:
            ConfigError: A parameter must be a date and is none.
            PreflightError: More than one is.
        """
        return copy_with_params(self, params)

    def with_slices(self, *slices: str, **by_name: Any) -> Session:
        """Return a session of one slice: its catalog and parameters are those of this slice.

        Args:
            slices: ``day=2024-01-31`` for each.
            by_name: The same by name: ``day="2024-01-31"``, or a date.

        Raises:
            ConfigError: There is no such slice.
        """
        from sparkpipe.session.slices.choosing import choose_one, with_choices

        return with_choices(self, choose_one(self, by_name if by_name else slices))

    def prepare(
        self,
        selection: Selection | None = None,
        runner: RunnerChoice = None,
        *,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        run_params: Mapping[str, Any] | None = None,
        relation: Relation | None = None,
        run_id: str = "",
        **runner_options: Any,
    ) -> PreparedRun:
        """Find everything that is wrong before anything runs, and return what can be run.

        Args:
            selection: Which nodes; by default the whole default pipeline.
            runner: A runner, its class, its name, or its dotted path; by default SequentialRunner.
            load_versions: Version to load, by name of a versioned data set.
            inputs: Data to use in place of what the catalog has under these names.
            params: Parameters for this run, as of :meth:`with_params`.
            run_params: Those of the session's parameters that are for this run, which must read
                them; by default all.
            relation: How the run stands to earlier ones.
            run_id: What it is called, as ``generate_timestamp()`` of ``sparkpipe.io.core`` makes
                it; by default it is made here.
            runner_options: See :meth:`run`.

        Raises:
            PreflightError: All that is wrong.
            ConfigError: One of ``params`` is no date, and must be.
        """
        request = Request.of(
            selection,
            runner,
            load_versions=load_versions,
            inputs=inputs,
            run_params=run_params,
            relation=relation,
            run_id=run_id,
            **runner_options,
        )
        return prepare_run(self.with_params(params) if params else self, request)

    def prepare_slices(
        self,
        slices: Given,
        selection: Selection | None = None,
        runner: RunnerChoice = None,
        *,
        params: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> SlicedRun:
        """Find everything that is wrong before a slice runs, and return what can be run.

        Args:
            slices: See :meth:`run`.
            selection: Which nodes; by default the whole default pipeline.
            runner: See :meth:`run`.
            params: See :meth:`run`.
            options: The other arguments of :meth:`prepare`.

        Raises:
            ConfigError: There are no such slices.
            PreflightError: All that is wrong.
        """
        request = Request.of(selection, runner, **options)
        from sparkpipe.session.slices.preparing import prepare_slices

        return prepare_slices(self.with_params(params) if params else self, request, slices)

    def plan(
        self,
        pipeline_name: str | None = None,
        runner: RunnerChoice = None,
        *,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        slices: Given | None = None,
        **options: Any,
    ) -> PlannedRun:
        """Return what a run would do, and all that keeps it from running. Starts no Spark.

        Args:
            pipeline_name: The name it is registered under; by default ``__default__``.
            runner: See :meth:`run`.
            load_versions: See :meth:`run`.
            inputs: See :meth:`run`.
            params: See :meth:`run`.
            slices: See :meth:`run`; the nodes are shown as of the first of them.
            options: Filters of :meth:`run`, its ``resume``, ``changed``, ``only_missing`` and
                ``force``, and options of the runner. What only Spark can tell is taken as missing.
        """
        selection = Selection.taken_from(pipeline_name, options)
        relation = Relation.taken_from(options)
        request = Request.of(
            selection,
            runner,
            load_versions=load_versions,
            inputs=inputs,
            relation=relation,
            **options,
        )
        session = self.with_params(params) if params else self
        if slices is not None:
            from sparkpipe.session.slices.preparing import plan_slices

            return plan_slices(session, request, slices)
        return plan_run(session, request)

    def report(self, run_id: str = "last", *, compare: str | None = None) -> Page:
        """Return a run as one page, as ``sparkpipe report`` writes it; a notebook shows it.

        Args:
            run_id: The id of the run, or its beginning; ``last`` is the last one.
            compare: The run to compare with, likewise; by default the one before it.

        Raises:
            RunNotFoundError: There is no such run.
        """
        from sparkpipe.report.page import Page, page_of
        from sparkpipe.session.showing import RunDocuments

        document = RunDocuments(self, run_id, compare).read()
        return Page(str(document["run"]["run_id"]), page_of(document))

    def report_plan(self, pipeline_name: str | None = None) -> Page:
        """Return what a run would do as one page; a notebook shows it. Starts no Spark.

        Args:
            pipeline_name: The name it is registered under; by default ``__default__``.
        """
        from sparkpipe.report.page import Page, page_of
        from sparkpipe.session.showing import plan_document

        return Page("plan", page_of(plan_document(self, pipeline_name)))

    def slices(self, slices: Given | None = None, pipeline_name: str | None = None) -> SliceGrid:
        """Return what is known of slices: which data sets are done, failed, missing or stale.

        Args:
            slices: As of :meth:`run`; by default all that are over.
            pipeline_name: The name it is registered under; by default ``__default__``.

        Raises:
            ConfigError: There are no such slices, or runs are not written down.
            PreflightError: The pipeline or its configuration is wrong.
        """
        from sparkpipe.session.slices.preparing import slices_grid

        return slices_grid(self, Request.of(Selection.of(pipeline_name)), slices)

    def check_choice(self, selection: Selection, runner: RunnerChoice = None) -> list[str]:
        """Return what is wrong with what is asked for: names, parameters and the runner.

        Nothing is said of data and of Spark: the run may be for another machine.

        Args:
            selection: What would run.
            runner: With what.
        """
        return check_choice(self, selection, runner)

    def check(self, runner: RunnerChoice = None, **runner_options: Any) -> list[str]:
        """Return everything that is wrong with any pipeline or catalog entry. Starts no Spark.

        Args:
            runner: Judge the pipelines for this runner.
            runner_options: See :meth:`run`.
        """
        return check_project(self, runner, runner_options)

    def run(
        self,
        pipeline_name: str | None = None,
        tags: str | Iterable[str] | None = None,
        runner: RunnerChoice = None,
        node_names: str | Iterable[str] | None = None,
        from_nodes: str | Iterable[str] | None = None,
        to_nodes: str | Iterable[str] | None = None,
        from_inputs: str | Iterable[str] | None = None,
        to_outputs: str | Iterable[str] | None = None,
        load_versions: Mapping[str, str] | None = None,
        namespace: str | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        resume: str | None = None,
        changed: bool = False,
        only_missing: bool = False,
        force: bool = False,
        job_run_id: str | None = None,
        journal: bool = True,
        slices: Given | None = None,
        slices_at_once: int = 1,
        fail_fast: bool = False,
        **runner_options: Any,
    ) -> dict[str, Any]:
        """Run a pipeline of the project, or a part of it.

        Args:
            pipeline_name: The name it is registered under; by default ``__default__``.
            tags: Keep nodes that have one of these tags.
            runner: A runner, its class, its name, or its dotted path; by default SequentialRunner.
            node_names: Keep these nodes.
            from_nodes: Keep these nodes and what depends on them.
            to_nodes: Keep these nodes and what they depend on.
            from_inputs: Keep the nodes that read these data sets and what depends on them.
            to_outputs: Keep the nodes that write these data sets and what they depend on.
            load_versions: Version to load, by name of a versioned data set.
            namespace: Keep the nodes of this namespace.
            inputs: Data to use in place of what the catalog has under these names.
            params: Parameters for this run, as of :meth:`with_params`.
            resume: The run to continue, or ``"last"``; what is not asked for is as it was then.
            changed: Leave out nodes of which nothing has changed since they last ran well.
            only_missing: Of the nodes that the filters keep, run those whose outputs do not exist,
                all that follows from them, and what makes data for them that is only in memory.
            force: Continue a run though something has changed.
            job_run_id: What a scheduler calls the run; the last run of that name is continued.
            journal: Write the run down.
            slices: Run once for each of these: ``day=2024-01-01..2024-01-31``, or slices by name.
            slices_at_once: How many of them run side by side, in one Spark session.
            fail_fast: After a slice has failed start no other.
            runner_options: For a runner given by name: arguments of its class, such as
                ``is_async``, ``max_workers`` and ``continue_on_failure``.

        Returns:
            The outputs that the catalog does not hold, by name; with ``slices`` such a dictionary
            for each, by ``day=2024-01-31``.

        Raises:
            PreflightError: All that is wrong; nothing has run.
            ConfigError: One of ``params`` is no date, and must be, or there are no such slices;
                nothing has run.
            NotContinuableError: The run to continue goes on, or was of another environment.
            RunFailedError: Nodes failed.
            SlicesFailedError: Slices failed.
        """
        selection = Selection.of(
            pipeline_name,
            tags=tags,
            node_names=node_names,
            from_nodes=from_nodes,
            to_nodes=to_nodes,
            from_inputs=from_inputs,
            to_outputs=to_outputs,
            namespace=namespace,
        )
        given = {
            "load_versions": load_versions,
            "inputs": inputs,
            "params": params,
            "relation": Relation(
                journal,
                resume,
                changed,
                only_missing,
                force,
                text_given("job_run_id", job_run_id),
            ),
            **runner_options,
        }
        if slices is None:
            return self.prepare(selection, runner, **given).run()
        sliced = self.prepare_slices(slices, selection, runner, **given)
        return sliced.run(slices_at_once, fail_fast=fail_fast)

    def rehearse(
        self,
        pipeline_name: str | None = None,
        *,
        rows: int = 0,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        **filters: Any,
    ) -> Rehearsal:
        """Run nodes on the schemas of their inputs, or a few rows; nothing real is written.

        What the nodes return is judged as a save would, and passed on. With rows it is written to
        a temporary folder. No hooks of nodes and data sets are called, and no journal is kept.

        Args:
            pipeline_name: The name it is registered under; by default ``__default__``.
            rows: How many rows of each input are read. Without any, an input whose entry has a
                ``schema`` need not be there.
            load_versions: See :meth:`run`.
            inputs: See :meth:`run`.
            params: See :meth:`run`.
            filters: Filters of :meth:`run`.

        Returns:
            Which nodes are good, wrong, and cannot be judged.

        Raises:
            PreflightError: The pipeline or the configuration is wrong.
        """
        from sparkpipe.session.rehearsing import rehearse

        selection = Selection.of(pipeline_name, **filters)
        session = self.with_params(params) if params else self
        return rehearse(session, selection, rows, load_versions, inputs)

    def unread_params(self) -> list[str]:
        """Tell parameters of this session that nothing of the project reads: misspelt ones.

        Raises:
            PreflightError: A pipeline of the project is wrong.
        """
        return find_unread_params(self, None)
