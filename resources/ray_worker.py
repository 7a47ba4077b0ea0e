"""What runs on a Ray worker: one engine, one model, and the outbox that its pictures go to."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from catalog_gen.diffusion.engine_process import Broken, Setup, load_engine
from catalog_gen.diffusion.jobs import Delivered, DrawJob, Drawn
from catalog_gen.errors import CatalogError, ModelError
from catalog_gen.recipe import Environment
from catalog_gen.settings import Home
from catalog_gen.stages.outgoing import acknowledge
from catalog_gen.store.workers_outbox import workers_outbox

if TYPE_CHECKING:
    from catalog_gen.diffusion.engine import Engine


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker needs to know before its first batch.

    ``outbox`` is where it leaves pictures, as ``ray.outbox`` says it; ``run_id`` is the run that
    they are drawn for.
    """

    setup: Setup
    home: Home
    outbox: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker that has loaded its model: in which environment, and where."""

    environment: Environment
    pid: int


class DrawingWorker:
    """Draws batches and acknowledges them itself. Two at a time: one draws, the other one writes.

    Errors that are meant for people come back as values, since Ray would wrap them.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._outbox = workers_outbox(orders.home, orders.outbox)
        self._photos = TemporaryDirectory(prefix="catalog-gen-photos-")
        self._engine: Engine | None = None
        self._where = ""

    def load(self, model_hash: str | None) -> Ready | Broken:
        """Load the model, which must have this hash if one is given."""
        from ray.util import get_node_ip_address

        machine = str(get_node_ip_address())  # type: ignore[no-untyped-call]
        settings = self._orders.setup.settings
        try:
            self._engine = load_engine(self._orders.setup)
            found = self._engine.model.model_hash
            if model_hash not in (None, found):
                raise ModelError(
                    f"{settings.id} on {machine}",
                    f"its hash is {found[:12]} there, and the plan is for {str(model_hash)[:12]}",
                    "Put the same model's files on every machine.",
                )
        except CatalogError as error:
            return Broken.of(error)
        environment = self._engine.environment
        self._where = f"{machine}, {environment.device}"
        return Ready(environment, os.getpid())

    def draw(
        self, jobs: Sequence[DrawJob], photos: Mapping[str, bytes]
    ) -> list[Delivered] | Broken:
        """Draw one planned batch, and write it to the outbox before it is reported.

        Args:
            photos: the files of the jobs' photos by SHA-256.
        """
        engine = self._engine
        assert engine is not None  # its owner waits for ``load``
        try:
            outcomes = list(engine.draw([self._with_photo(job, photos) for job in jobs]))
            acknowledge(self._outbox, outcomes, engine.environment, self._orders.run_id)
        except CatalogError as error:
            return Broken.of(error)
        return [
            Delivered(each.recipe_id, self._where, "" if isinstance(each, Drawn) else each.error)
            for each in outcomes
        ]

    def _with_photo(self, job: DrawJob, photos: Mapping[str, bytes]) -> DrawJob:
        """The job with its photo as a file of this machine."""
        content = photos.get(job.recipe.reference_sha256 or "")
        if content is None:
            return job
        path = Path(self._photos.name) / str(job.recipe.reference_sha256)
        if not path.exists():
            path.write_bytes(content)
        return replace(job, reference=path)
