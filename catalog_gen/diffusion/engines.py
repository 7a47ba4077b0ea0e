"""Several engines, one per device, that draw one plan together.

The interface is that of one engine. A picture's bytes depend only on its recipe and environment, so
two GPUs of a kind draw what one would have drawn, in another order.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch

from catalog_gen.diffusion.batching import BatchKey, Pending
from catalog_gen.diffusion.engine_process import EngineProcess, Setup, ready
from catalog_gen.diffusion.jobs import DrawJob, Outcome
from catalog_gen.errors import CatalogError, ConfigError, DrawingError
from catalog_gen.recipe import Environment
from catalog_gen.settings.model import ModelSettings

#: Batches that an engine is given at a time, so that it prepares one while it draws another; near
#: the end fewer, so that all engines finish together.
_MOST: Final = 16


class Engines:
    """One engine process for each of ``settings.devices``, started when something is drawn.

    If a process dies, the others draw what it had not delivered, and the next ``draw`` starts
    another one. All of them end with this object.

    Args:
        settings: the model, with at least one device.
        hashes: as for ``load_model``.
    """

    def __init__(self, settings: ModelSettings, hashes: Path | None = None) -> None:
        self._settings = settings
        self._hashes = hashes
        self._engines: list[EngineProcess] = []
        self._environment: Environment | None = None

    @property
    def batch_size(self) -> int:
        """The size that each engine pads its batches to."""
        return self._settings.batch_size

    @property
    def delivers(self) -> bool:
        """Always False: its pictures go to the caller."""
        return False

    @property
    def environment(self) -> Environment:
        """That of the first engine; each ``Drawn`` has its own.

        Raises:
            CatalogError: as ``start``.
        """
        self.start()
        assert self._environment is not None  # start has seen to it
        return self._environment

    @property
    def pids(self) -> list[int | None]:
        """The ids of the processes."""
        return [each.pid for each in self._engines if each.alive]

    def start(self) -> None:
        """Load the model on all devices at the same time; engines that are running stay.

        Raises:
            CatalogError: as ``load_model``, or a process died while loading.
        """
        check_devices(self._settings)
        running = [each for each in self._engines if each.alive]
        missing = list(self._settings.devices)
        for engine in running:
            missing.remove(engine.device)
        threads = torch.get_num_threads()
        started = [
            EngineProcess(Setup(self._settings, device, self._hashes, threads))
            for device in missing
        ]
        self._engines = running + started
        try:
            for engine in started:
                self._environment = self._loaded(engine)
        except CatalogError:
            self.close()
            raise

    def draw(self, jobs: Sequence[DrawJob]) -> Iterator[Outcome]:
        """Draw all jobs; yield each one's outcome as soon as an engine delivers it.

        Args:
            jobs: in order of importance; those that can share a batch are drawn together.

        Raises:
            CatalogError: as ``start``, or the last engine's error if none is left. All finished
                pictures were yielded.
        """
        self.start()
        pending = Pending(jobs)
        last: CatalogError | None = None
        try:
            while pending or any(each.waiting for each in self._engines):
                for engine in self._engines:
                    if engine.alive and not engine.waiting and pending:
                        engine.hand_over(pending.take(self._share(len(pending))))
                busy = [each for each in self._engines if each.alive and each.waiting]
                for engine in ready(busy) if busy else ():
                    outcome = engine.outcome()
                    if isinstance(outcome, CatalogError):
                        last = outcome
                    elif outcome is not None:
                        yield outcome
                for engine in self._engines:
                    if not engine.alive:
                        _put_back(pending, engine.take_back())
                if pending and not any(each.alive for each in self._engines):
                    raise last or _all_dead(len(self._engines))
        finally:
            for engine in self._engines:
                if engine.alive and engine.waiting:  # the caller stopped early
                    engine.end()

    def close(self) -> None:
        """End all processes."""
        for engine in self._engines:
            if engine.alive:
                engine.end()

    def _share(self, left: int) -> int:
        """How many jobs an engine is given: whole batches, at most half of an equal share."""
        batches = left // (2 * len(self._engines) * self.batch_size)
        return self.batch_size * max(1, min(_MOST, batches))

    def _loaded(self, engine: EngineProcess) -> Environment:
        environment = engine.loaded()
        if environment is None:
            raise DrawingError(
                f"the engine on {engine.device}",
                "its process ended while it loaded the model",
                "Look for a lack of memory (dmesg), then run again.",
            )
        return environment


def check_devices(settings: ModelSettings) -> None:
    """Refuse devices that this machine lacks, or that contradict ``model.device``.

    Raises:
        ConfigError: a device is refused.
    """
    kinds = {device.partition(":")[0] for device in settings.devices}
    if settings.device != "auto" and kinds - {settings.device}:
        raise ConfigError(
            f"model.devices = {list(settings.devices)}",
            f"model.device, or CATALOG_DEPLOYMENT, asks for {settings.device}",
            "Name devices of that kind.",
        )
    if "cuda" in kinds:
        numbers = [int(device.partition(":")[2] or 0) for device in settings.devices]
        count = torch.cuda.device_count()
        if max(numbers) >= count:
            raise ConfigError(
                f"model.devices = {list(settings.devices)}",
                f"torch sees {count} GPUs on this machine",
                "Name those that nvidia-smi lists, from cuda:0 on, or mend the driver.",
            )


def _put_back(pending: Pending, jobs: Sequence[DrawJob]) -> None:
    if jobs:  # all of one batch key, as they were taken
        pending.put_back(BatchKey.of(jobs[0].recipe), jobs)


def _all_dead(count: int) -> DrawingError:
    return DrawingError(
        f"{count} engine processes",
        "all of them were ended from outside",
        "Look for a lack of memory (dmesg), then run again: what was drawn is kept.",
    )
