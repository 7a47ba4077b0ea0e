"""What all sessions of the page share: the open catalog, and the process that draws."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Final

from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.trial_process import TrialProcess

#: Seconds for which a picture is one person's.
CLAIMED: Final = 120.0


@dataclass
class Claims:
    """Who looks at which picture, so that two people are not shown the same one."""

    _by_image: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def take(self, image_id: str, session: str) -> bool:
        """Claim a picture for a session, in place of what it had; False: another one has it."""
        now = monotonic()
        with self._lock:
            holder, until = self._by_image.get(image_id, (session, 0.0))
            if holder != session and until > now:
                return False
            self.drop(session)
            self._by_image[image_id] = session, now + CLAIMED
            return True

    def drop(self, session: str) -> None:
        """Give up what a session has."""
        for image_id, (holder, _) in list(self._by_image.items()):
            if holder == session:
                del self._by_image[image_id]


@dataclass
class Desk:
    """The catalog on the table; usable from several threads."""

    catalog: Catalog
    trials: TrialProcess
    claims: Claims = field(default_factory=Claims)
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
