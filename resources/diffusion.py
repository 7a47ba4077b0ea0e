"""The diffusion pipeline on the GPU, or on the CPU where there is none."""

from threading import Lock
from typing import TYPE_CHECKING, Literal

import dagster as dg

from catalog_gen.settings import ModelSettings
from catalog_gen.stages.catalog import Catalog

if TYPE_CHECKING:
    from catalog_gen.diffusion.engine import Engine

_engines: dict[ModelSettings, "Engine"] = {}
_lock = Lock()


class DiffusionPipelineResource(dg.ConfigurableResource["Engine"]):
    """Loads a pipeline once per process, when something is drawn for the first time.

    Dagster may set up a resource more than once in a run; the engine is kept.
    """

    device: Literal["settings", "cuda", "cpu"] = "settings"

    def engine(self, catalog: Catalog) -> "Engine":
        """The engine for the catalog's model.

        Raises:
            ModelError: the model is missing, unsafe or not a pipeline.
            ConfigError: the settings require CUDA, which is not available.
        """
        from catalog_gen.diffusion.engine import Engine
        from catalog_gen.diffusion.loading import load_model

        settings = catalog.settings.model
        if self.device != "settings":
            settings = settings.model_copy(update={"device": self.device})
        with _lock:
            if settings not in _engines:
                _engines.clear()  # one model at a time in the GPU's memory
                _engines[settings] = Engine(
                    load_model(settings, catalog.home.hashes), settings.batch_size
                )
            return _engines[settings]
