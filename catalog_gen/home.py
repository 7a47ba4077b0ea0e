"""Where a catalog writes: the folders below ``$CATALOG_HOME``."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog_gen.errors import ConfigError

#: SQLAlchemy reads them as escapes, queries and fragments of a database's address.
_NOT_IN_A_HOME: Final = frozenset("%?#")


@dataclass(frozen=True, slots=True)
class Home:
    """``$CATALOG_HOME``: everything that a catalog writes lies below this folder."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "catalog.duckdb"

    @property
    def feeds(self) -> Path:
        return self.root / "feeds"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def pictures(self) -> Path:
        return self.root / "pictures"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def experiments(self) -> Path:
        return self.root / "experiments"

    @property
    def photos(self) -> Path:
        return self.root / "photos"

    @property
    def enlarged(self) -> Path:
        return self.root / "enlarged"

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    @property
    def hashes(self) -> Path:
        return self.root / "hashes.json"

    @property
    def lessons(self) -> Path:
        return self.root / "lessons"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @classmethod
    def from_environment(cls) -> "Home":
        """``$CATALOG_HOME``, or ``.catalog`` in the working directory; always absolute.

        Raises:
            ConfigError: it is set and empty, or has a character that database addresses can't hold.
        """
        named = os.environ.get("CATALOG_HOME", ".catalog")
        if not named.strip():
            raise ConfigError(
                "CATALOG_HOME=''",
                "it is set and empty, and would fill the working directory",
                "Name a folder, or unset it: then it is .catalog in the working directory.",
            )
        root = Path(named).absolute()
        bad = sorted(
            {sign for sign in str(root) if sign in _NOT_IN_A_HOME or not sign.isprintable()}
        )
        if bad:
            raise ConfigError(
                f"CATALOG_HOME={str(root)!r}",
                f"the path has {' and '.join(map(repr, bad))}, which Dagster's databases misread",
                "Name a folder without them.",
            )
        return cls(root)
