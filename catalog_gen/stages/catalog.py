"""A catalog that is open for work: its settings, its folder, its store and its outbox."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from catalog_gen.home import Home
from catalog_gen.settings.catalog import CatalogSettings, load_settings
from catalog_gen.store.connection import Store
from catalog_gen.store.outbox import Outbox


@dataclass(frozen=True)
class Catalog:
    """What every stage needs. Opening it reads the settings only."""

    settings: CatalogSettings
    home: Home

    @classmethod
    def open(cls, config: Path, home: Home, feed: Path | None = None) -> "Catalog":
        """Read ``catalog.toml``; ``feed`` replaces the feed that it names.

        Raises:
            ConfigError: the settings can't be used.
        """
        settings = load_settings(config)
        if feed is not None:
            changed = settings.feed.model_copy(update={"path": feed.absolute()})
            settings = settings.model_copy(update={"feed": changed})
        return cls(settings, home)

    @property
    def photo_folders(self) -> tuple[Path, ...]:
        """The folders that products' photos may be read from; fetched ones come first."""
        return (self.home.photos, *self.settings.feed.reference_folders)

    @cached_property
    def store(self) -> Store:
        return Store(self.home)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self.home.outbox)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The run that writes, and the time; stored with every row."""

    run_id: str
    now: datetime

    @classmethod
    def at_once(cls, run_id: str) -> "Stamp":
        return cls(run_id, datetime.now(UTC))
