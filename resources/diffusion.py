"""The diffusion pipeline: on one GPU or several, on the CPU, or on a pool of Ray workers."""

from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

import dagster as dg

from catalog_gen.diffusion.jobs import Draws
from catalog_gen.errors import ConfigError
from catalog_gen.settings.model import ModelSettings
from catalog_gen.stages.catalog import Catalog

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

_engines: dict[ModelSettings, Draws] = {}
_lock = Lock()


class DiffusionPipelineResource(dg.ConfigurableResource[Draws]):
    """Loads a pipeline once per process, when something is drawn for the first time.

    Dagster may set up a resource more than once in a run; the engine is kept.
    """

    device: Literal["settings", "cuda", "cpu"] = "settings"

    def engine(self, catalog: Catalog, run_id: str) -> Draws:
        """The engine for the catalog's model; with ``model.devices`` several, a process each.

        Raises:
            ModelError: the model is missing, unsafe or not a pipeline.
            ConfigError: the settings require CUDA, which is not available.
        """
        settings = self._settings(catalog)
        with _lock:
            if settings not in _engines:
                _engines.clear()  # one model at a time in the GPU's memory
                _engines[settings] = _loaded(settings, catalog.home.hashes)
            return _engines[settings]

    def model(self, catalog: Catalog) -> "LoadedModel":
        """The catalog's model in this process, to learn with: the engine's own, if it is here.

        Raises:
            ModelError, ConfigError: as ``engine``.
        """
        from catalog_gen.diffusion.engine import Engine

        settings = self._settings(catalog)
        if settings.devices:
            first = settings.devices[0].partition(":")[0]
            settings = settings.model_copy(update={"device": first, "devices": ()})
        with _lock:
            if settings not in _engines:
                _engines.clear()
                _engines[settings] = _loaded(settings, catalog.home.hashes)
            engine = _engines[settings]
        assert isinstance(engine, Engine)  # it has no devices
        return engine.model

    def _settings(self, catalog: Catalog) -> ModelSettings:
        settings = catalog.settings.model
        if self.device == "settings":
            return settings
        return settings.model_copy(update={"device": self.device})


class RayPipelineResource(DiffusionPipelineResource):
    """The same on Ray workers, which load the model and write pictures to the outbox."""

    def engine(self, catalog: Catalog, run_id: str) -> Draws:
        """A pool for one run; it connects to the cluster when something is drawn.

        Raises:
            ConfigError: Ray is not installed, or the settings name devices of this machine.
        """
        from catalog_gen.diffusion.engine_process import Setup
        from catalog_gen.stages.takeover import arrived
        from resources.ray_pool import RayPool
        from resources.ray_workers import DrawingOrders

        settings = catalog.settings
        if settings.model.devices:
            raise ConfigError(
                f"model.devices = {list(settings.model.devices)}",
                "with CATALOG_DEPLOYMENT=ray, Ray gives each worker its device",
                "Remove model.devices, and set ray.gpus and ray.max_workers.",
            )
        threads = max(1, int(settings.ray.cpus))
        setup = Setup(settings.model, settings.model.device, None, threads)
        orders = DrawingOrders(setup, catalog.home, settings.ray.outbox, run_id)
        return RayPool(settings.ray, orders, partial(arrived, catalog))


def _loaded(settings: ModelSettings, hashes: Path) -> Draws:
    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.engines import Engines
    from catalog_gen.diffusion.loading import load_model

    if settings.devices:
        return Engines(settings, hashes)
    return Engine(load_model(settings, hashes), settings.batch_size)
