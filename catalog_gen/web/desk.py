"""What all sessions of the page share: the open catalog, and the process that draws."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.prompts import Drawer
from catalog_gen.stages.trial_process import TrialProcess


@dataclass
class Desk:
    """The catalog on the table; usable from several threads."""

    catalog: Catalog
    trials: TrialProcess
    _drawer: Drawer | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def drawer(self) -> Drawer:
        """The configured model as planning sees it: hashed once, never loaded here.

        Raises:
            ModelError, ConfigError: it can't be used.
        """
        with self._lock:
            if self._drawer is None:
                self._drawer = Drawer.of(self.catalog)
            return self._drawer


_open: list[Desk] = []


@contextmanager
def open_desk(catalog: Catalog) -> Iterator[Desk]:
    """Serve this catalog's pages inside the block, from this process."""
    opened = Desk(catalog, TrialProcess(catalog))
    _open.append(opened)
    try:
        yield opened
    finally:
        _open.remove(opened)
        opened.trials.close()


def desk() -> Desk:
    """The desk that this process serves."""
    return _open[-1]
