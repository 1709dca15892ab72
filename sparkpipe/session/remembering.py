"""What a run knows of earlier ones, and who writes it down for later ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from sparkpipe.description import ReadBefore
from sparkpipe.errors import ConfigError
from sparkpipe.events import Observer
from sparkpipe.io import DataCatalog
from sparkpipe.journal import Journal, JournalSettings, JournalWriter, NodeRecord
from sparkpipe.journal.drift import DriftWatch
from sparkpipe.journal.identity import NodeIdentity, identify
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import Plan
from sparkpipe.project.context import configuration
from sparkpipe.redaction import secret_values
from sparkpipe.runner import AbstractRunner
from sparkpipe.runner.runner import accepts

if TYPE_CHECKING:
    from pluggy import PluginManager

    from sparkpipe.config import AbstractConfigLoader
    from sparkpipe.project import Project

_logger = logging.getLogger(__name__)


class Memory:
    """What is known of earlier runs of the same nodes.

    Args:
        settings: How runs are written down; None if this one is not.
        run_id: The run.
        environment: Its configuration environment.
        slices: The slice that it is of.

    Attributes:
        last_good: What each node did when it last ran well, by its name.
        identities: What makes each node what it is; empty where runs are not written down.
    """

    def __init__(
        self,
        settings: JournalSettings | None,
        run_id: str,
        environment: str | None,
        slices: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings if settings is not None and settings.enabled else None
        self._run_id = run_id
        self._environment = environment
        self._slices = slices or {}
        self.last_good: Mapping[str, NodeRecord] = {}
        self.identities: Mapping[str, NodeIdentity] = {}
        self._unidentified = ""

    @property
    def is_kept(self) -> bool:
        """Whether runs are written down."""
        return self._settings is not None

    def identify(self, pipeline: Pipeline, catalog: DataCatalog, project: Project) -> None:
        """Work out what makes the nodes of a pipeline what they are.

        Args:
            pipeline: Has the nodes.
            catalog: Has their parameters, and the entries of their data sets.
            project: Whose code counts.
        """
        if self._settings is None:
            return
        packages = [project.package_name] if project.package_name else []
        try:
            self.identities = identify(pipeline.nodes, catalog, project.path, packages)
        except Exception as exc:  # objects of users may raise anything, and a run needs none of it
            self._unidentified = f"{type(exc).__name__}: {exc}"

    def tell_unidentified(self) -> None:
        """Warn where it is not known what the nodes are; an error of the run may say it better."""
        if self._unidentified:
            _logger.warning(
                "What the nodes are made of cannot be worked out, so that none can pass for "
                "unchanged: %s",
                self._unidentified,
            )

    def recall(self, pipeline: Pipeline) -> None:
        """Look what the nodes of a pipeline did when they last ran well."""
        if self._settings is None:
            return
        try:
            journal = Journal(self._settings.path)
            names = journal.names()
            self.last_good = journal.last_good(
                (node.name for node in pipeline.nodes), self._slices, self._environment, names
            )
        except ConfigError:
            return  # told by who writes
        except Exception as exc:  # stores have errors of their own; the run needs nothing of it
            _logger.warning("Earlier runs cannot be read: %s: %s", type(exc).__name__, exc)
            return
        last = next(iter(names), "")
        if last > self._run_id and last[:2] == self._run_id[:2]:
            _logger.warning(
                "The clock of this machine is behind: the journal has the run %s, which is later "
                "than this one, %s. The last run by name is not the last one by time.",
                last,
                self._run_id,
            )

    def versions_read(self) -> dict[str, dict[str, ReadBefore]]:
        """Return which version of each input, by its location, the nodes have read last."""
        return {
            name: {
                one.location: ReadBefore(one.version, one.table_id, record.ended)
                for one in record.loaded.values()
                if one.version is not None
            }
            for name, record in self.last_good.items()
        }

    def plan(
        self,
        runner: AbstractRunner,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None,
    ) -> Plan:
        """Return the plan of a runner, which orders nodes by the time that they took."""
        seconds = {name: record.seconds for name, record in self.last_good.items()}
        # A runner of the user's may have a plan of its own.
        if seconds and accepts(runner.plan, "expected_seconds"):
            return runner.plan(pipeline, catalog, hook_manager, expected_seconds=seconds)
        return runner.plan(pipeline, catalog, hook_manager)

    def observers(self, catalog: DataCatalog, loader: AbstractConfigLoader) -> tuple[Observer, ...]:
        """Return who writes the run down, and who looks whether its rows are as before.

        Args:
            catalog: Has the parameters, and the data sets that are saved.
            loader: Has the credentials.
        """
        settings = self._settings
        if settings is None:
            return ()
        secrets = partial(secrets_of, catalog, loader)
        writer = JournalWriter(settings.path, settings.keep, secrets)
        watch = DriftWatch.of(self.last_good, catalog, settings.warn_below)
        return (writer,) if watch is None else (writer, watch)


def secrets_of(catalog: DataCatalog, loader: AbstractConfigLoader) -> set[str]:
    """Return what is secret among the parameters of a run, and its credentials."""
    params = catalog["parameters"].load() if "parameters" in catalog else {}
    credentials = configuration(loader, "credentials")
    return secret_values(params) | secret_values(credentials, is_secret_itself=True)
