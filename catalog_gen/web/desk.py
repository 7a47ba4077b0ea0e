"""What all sessions of the page share: the open catalog, and the process that draws."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final

from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.speech.recogniser import Recogniser, recogniser_of
from catalog_gen.speech.recording import read_recording
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.search import meaning_of
from catalog_gen.stages.spoken import spoken_texts
from catalog_gen.stages.trial_process import TrialProcess
from catalog_gen.store.search import Meaning
from catalog_gen.web.experiment_process import ExperimentProcess
from catalog_gen.web.thumbnails import Thumbnails

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


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said, and words of the catalog that can't be heard."""

    words: str
    unknown: tuple[str, ...]


@dataclass
class Desk:
    """The catalog on the table; usable from several threads. ``config`` is its settings file."""

    catalog: Catalog
    config: Path
    trials: TrialProcess
    experiments: ExperimentProcess
    claims: Claims = field(default_factory=Claims)
    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    _drawer: Drawer | None = None
    _recogniser: Recogniser | None = None
    _scorer: ClipScorer | None = None
    _lock: Lock = field(default_factory=Lock)
    _hearing: Lock = field(default_factory=Lock)

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

    def meaning(self, text: str) -> Meaning:
        """What words say to the configured scorer, which the first call loads, for all sessions.

        Raises:
            InputError: the scorer has seen no picture.
            ModelError: it can't be loaded.
        """
        with self._lock:
            if self._scorer is None:
                self._scorer = ClipScorer(self.catalog.settings.scorer)
        return meaning_of(self.catalog, self._scorer, text)

    @property
    def experiment_files(self) -> Path:
        """The folder of the project's experiment files."""
        return self.config.absolute().parent / "experiments"

    def hear(self, recording: bytes) -> Heard:
        """The words of a recording, a WAV file; one at a time.

        The first call makes the recogniser, for the words that the catalog has then.

        Raises:
            CatalogError: the recording or the recogniser can't be used.
        """
        samples = read_recording(recording)
        drawer = self.drawer
        with self._hearing:
            if self._recogniser is None:
                texts = spoken_texts(self.catalog, drawer.dialect)
                self._recogniser = recogniser_of(self.catalog.settings.speech, texts)
            return Heard(self._recogniser.words(samples), self._recogniser.unknown)


_open: list[Desk] = []


@contextmanager
def open_desk(catalog: Catalog, config: Path) -> Iterator[Desk]:
    """Serve this catalog's pages inside the block, from this process."""
    opened = Desk(catalog, config, TrialProcess(catalog), ExperimentProcess(config, catalog.home))
    _open.append(opened)
    try:
        yield opened
    finally:
        _open.remove(opened)
        opened.trials.close()
        opened.experiments.close()


def desk() -> Desk:
    """The desk that this process serves."""
    return _open[-1]
