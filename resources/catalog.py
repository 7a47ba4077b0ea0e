"""The catalog store: settings, database and outbox, opened for a run."""

from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from catalog_gen.planning import Budget
from catalog_gen.settings import Home
from catalog_gen.stages.catalog import Catalog


class CatalogResource(dg.ConfigurableResource[Catalog]):
    """Opens the catalog that ``catalog.toml`` describes."""

    config: str
    home: str
    feed: str | None = None
    budget: int | None = None
    budget_seconds: float | None = None

    _catalog: Catalog | None = PrivateAttr(default=None)

    def open(self) -> Catalog:
        """The catalog; settings are read once for each resource.

        Raises:
            ConfigError: ``catalog.toml`` can't be used.
        """
        if self._catalog is None:
            self._catalog = Catalog.open(
                Path(self.config), Home(Path(self.home)), Path(self.feed) if self.feed else None
            )
        return self._catalog

    @property
    def picture_budget(self) -> Budget:
        """What this run may plan: the run's own limits, else the settings'."""
        if self.budget is None and self.budget_seconds is None:
            limits = self.open().settings.limits
            return Budget(limits.budget, limits.budget_seconds)
        return Budget(self.budget, self.budget_seconds)
