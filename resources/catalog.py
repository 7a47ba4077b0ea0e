"""The catalog store: settings, database and outbox, opened for a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import Field, PrivateAttr

from catalog_gen.home import Home
from catalog_gen.planning import Budget
from catalog_gen.settings.types import MAX_BUDGET
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.run_lock import run_lock
from resources.run_ends import record_own_end

#: The settings file unless ``CATALOG_CONFIG`` is set.
DEFAULT_CONFIG: Final = Path("data/catalog.toml")


def config_from_environment() -> Path:
    """``$CATALOG_CONFIG``, or the sample's settings below the working directory."""
    return Path(os.environ.get("CATALOG_CONFIG") or DEFAULT_CONFIG).absolute()


class CatalogResource(dg.ConfigurableResource[Any]):
    """Opens the catalog that the environment selects, and records the run.

    Settings, feed and home come only from the environment of the code location
    (``CATALOG_CONFIG``, ``CATALOG_FEED``, ``CATALOG_HOME``): a launch request must not choose
    which files are read and written.
    """

    budget: int | None = Field(
        default=None,
        ge=0,
        le=MAX_BUDGET,
        description="Maximum pictures to draw; empty: the settings' budget.",
    )
    budget_seconds: float | None = Field(
        default=None,
        ge=0,
        le=MAX_BUDGET,
        description="Maximum drawing time, estimated; empty: the settings' budget.",
    )

    _catalog: Catalog | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["CatalogResource"]:
        """Hold the run's lock while it runs, and record its end."""
        run, instance = context.run, context.instance
        if run is None or instance is None:
            yield self
            return
        home = Home.from_environment()
        with run_lock(home, run.run_id):
            yield self
            record_own_end(instance, home, run.run_id)

    def open(self) -> Catalog:
        """The catalog; settings are read once for each resource.

        Raises:
            ConfigError: ``catalog.toml`` can't be used.
        """
        if self._catalog is None:
            feed = os.environ.get("CATALOG_FEED")
            self._catalog = Catalog.open(
                config_from_environment(), Home.from_environment(), Path(feed) if feed else None
            )
        return self._catalog

    @property
    def picture_budget(self) -> Budget:
        """What this run may plan: the run's own limits, else the settings'."""
        if self.budget is None and self.budget_seconds is None:
            limits = self.open().settings.limits
            return Budget(limits.budget, limits.budget_seconds)
        return Budget(self.budget, self.budget_seconds)
