"""The two kinds of Ray workers: one draws and writes to the outbox, one looks at pictures.

Errors that are meant for people are returned as ``Broken``, since Ray would wrap them.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING

from catalog_gen.diffusion.engine_process import Broken, Setup, load_engine
from catalog_gen.diffusion.jobs import Delivered, DrawJob, Drawn
from catalog_gen.errors import CatalogError, ModelError
from catalog_gen.home import Home
from catalog_gen.settings.judge import CriticSettings, ScorerSettings
from catalog_gen.stages.outgoing import acknowledge
from catalog_gen.store.workers_outbox import workers_outbox
from resources.ray_crew import Loaded

if TYPE_CHECKING:
    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.judging.looking import Eyes, Looked, Sight


@dataclass(frozen=True, slots=True)
class DrawingOrders:
    """What a drawing worker needs to know before its first batch.

    ``outbox`` is where it leaves pictures, in the form of ``ray.outbox``; ``run_id`` is the run
    that they are drawn for; ``model_hash`` is the hash that its model must have, if that is known.
    """

    setup: Setup
    home: Home
    outbox: str
    run_id: str
    model_hash: str | None = None


class DrawingWorker:
    """Draws batches and acknowledges them; one is drawn while another is written."""

    def __init__(self, orders: DrawingOrders) -> None:
        self._orders = orders
        self._outbox = workers_outbox(orders.home, orders.outbox)
        self._photos = _Photos()
        self._engine: Engine | None = None
        self._where = ""

    def load(self) -> Loaded | Broken:
        """Load the model; the answer is about the environment."""
        orders = self._orders
        try:
            self._engine = load_engine(orders.setup)
            _require_same(
                orders.setup.settings.id, self._engine.model.model_hash, orders.model_hash
            )
        except CatalogError as error:
            return Broken.of(error)
        environment = self._engine.environment
        self._where = f"{_machine()}, {environment.device}"
        return Loaded(os.getpid(), environment)

    def draw(self, jobs: Sequence[DrawJob], files: Mapping[str, bytes]) -> list[Delivered] | Broken:
        """Draw one planned batch, write it to the outbox, and then report it.

        Args:
            jobs: the batch.
            files: the bytes of the jobs' photos, by SHA-256.
        """
        engine = self._engine
        assert engine is not None  # its owner waits for ``load``
        try:
            outcomes = list(engine.draw([self._photos.of(job, files) for job in jobs]))
            acknowledge(self._outbox, outcomes, engine.environment, self._orders.run_id)
        except CatalogError as error:
            return Broken.of(error)
        return [
            Delivered(each.recipe_id, self._where, "" if isinstance(each, Drawn) else each.error)
            for each in outcomes
        ]


@dataclass(frozen=True, slots=True)
class LookingOrders:
    """The networks that a worker looks with, the scorer's hash, and torch's threads."""

    scorer: ScorerSettings
    scorer_hash: str
    lettering: Path | None
    critic: CriticSettings | None
    threads: int


class LookingWorker:
    """Looks at portions of pictures, one after another."""

    def __init__(self, orders: LookingOrders) -> None:
        self._orders = orders
        self._photos = _Photos()
        self._eyes: Eyes | None = None
        self._turn = Lock()

    def load(self) -> Loaded | Broken:
        """Prepare the networks; each is loaded with the first picture."""
        import torch

        from catalog_gen.judging.critics.critic import critic_of
        from catalog_gen.judging.lettering import LetteringDetector
        from catalog_gen.judging.looking import Eyes
        from catalog_gen.judging.scorer import ClipScorer

        orders = self._orders
        torch.set_num_threads(orders.threads)
        try:
            scorer = ClipScorer(orders.scorer)
            _require_same(orders.scorer.id, scorer.scorer_hash, orders.scorer_hash)
            detector = LetteringDetector.of(orders.lettering)
            self._eyes = Eyes(scorer, detector, critic_of(orders.critic))
        except CatalogError as error:
            return Broken.of(error)
        return Loaded(os.getpid(), scorer.device)

    def look(
        self, sights: Sequence["Sight"], files: Mapping[str, bytes]
    ) -> "list[Looked] | Broken":
        """What is found in these pictures; ``files`` has the bytes of photos by SHA-256."""
        eyes = self._eyes
        assert eyes is not None  # its owner waits for ``load``
        here = [
            each if each.photo is None else replace(each, photo=self._photos.of(each.photo, files))
            for each in sights
        ]
        try:
            with self._turn:  # a critic can't look at two things at once
                return eyes.look_at(here)
        except CatalogError as error:
            return Broken.of(error)


def files_of(jobs: Iterable[DrawJob]) -> dict[str, bytes]:
    """The bytes of jobs' photos by SHA-256; the worker reports missing ones."""
    files: dict[str, bytes] = {}
    for job in jobs:
        sha256 = job.recipe.reference_sha256
        if sha256 is not None and job.reference is not None and sha256 not in files:
            with suppress(OSError):
                files[sha256] = job.reference.read_bytes()
    return files


class _Photos:
    """Photos that came with tasks, as files of this machine."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="catalog-gen-photos-")

    def of(self, job: DrawJob, files: Mapping[str, bytes]) -> DrawJob:
        """The job with its photo on this machine; its bytes are checked when it is read."""
        content = files.get(job.recipe.reference_sha256 or "")
        if content is None:
            return job
        path = Path(self._folder.name) / str(job.recipe.reference_sha256)
        if not path.exists():
            path.write_bytes(content)
        return replace(job, reference=path)


def _machine() -> str:
    from ray.util import get_node_ip_address

    return str(get_node_ip_address())  # type: ignore[no-untyped-call]


def _require_same(model: str, found: str, wanted: str | None) -> None:
    if wanted not in (None, found):
        raise ModelError(
            f"{model} on {_machine()}",
            f"its hash is {found[:12]} there, and the driver's is {str(wanted)[:12]}",
            "Put the same model's files on every machine.",
        )
