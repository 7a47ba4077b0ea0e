"""The diffusion pipeline on one GPU or several, or on the CPU where there is none."""

from pathlib import Path
from threading import Lock
from typing import Literal

import dagster as dg

from catalog_gen.diffusion.jobs import Draws
from catalog_gen.settings import ModelSettings
from catalog_gen.stages.catalog import Catalog

_engines: dict[ModelSettings, Draws] = {}
_lock = Lock()


class DiffusionPipelineResource(dg.ConfigurableResource[Draws]):
    """Loads a pipeline once per process, when something is drawn for the first time.

    Dagster may set up a resource more than once in a run; the engine is kept.
    """

    device: Literal["settings", "cuda", "cpu"] = "settings"

    def engine(self, catalog: Catalog) -> Draws:
        """The engine for the catalog's model; with ``model.devices`` several, a process each.

        Raises:
            ModelError: the model is missing, unsafe or not a pipeline.
            ConfigError: the settings require CUDA, which is not available.
        """
        settings = catalog.settings.model
        if self.device != "settings":
            settings = settings.model_copy(update={"device": self.device})
        with _lock:
            if settings not in _engines:
                _engines.clear()  # one model at a time in the GPU's memory
                _engines[settings] = _loaded(settings, catalog.home.hashes)
            return _engines[settings]


def _loaded(settings: ModelSettings, hashes: Path) -> Draws:
    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.engines import Engines
    from catalog_gen.diffusion.loading import load_model

    if settings.devices:
        return Engines(settings, hashes)
    return Engine(load_model(settings, hashes), settings.batch_size)
