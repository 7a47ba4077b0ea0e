"""What processes of ``tests.processes`` find imported; importing this module imports it."""

import atexit
import gc
from importlib import import_module
from typing import Final

from catalog_gen.garbage import many_imports

_NAMES: Final = (
    *("dagster", "duckdb", "jinja2", "numpy", "PIL.Image", "pydantic", "rich.console", "typer"),
    *("dagster._core.storage.sqlite_storage", "dagster._core.execution.api", "alembic.command"),
    *("torch", "torch._dynamo", "safetensors.torch", "tokenizers", "pyarrow.parquet", "tomlkit"),
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img",
    *("catalog_gen.cli.refresh", "catalog_gen.cli.plan", "catalog_gen.cli.lineage"),
    *("catalog_gen.stages.images", "catalog_gen.stages.scores", "catalog_gen.stages.publication"),
)

with many_imports():
    for name in _NAMES:
        import_module(name)
# Or bindings report leaks as the server of processes ends.
atexit.register(gc.unfreeze)
