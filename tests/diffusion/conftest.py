"""Tiny loaded pipelines, one of each family for the whole session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.model import ModelFiles, find_model
from catalog_gen.fingerprint import sha256_file
from catalog_gen.imaging.encode import encode_png
from catalog_gen.recipe import Recipe
from catalog_gen.settings.model import ModelSettings
from tests.tiny_models import tiny_sd, tiny_sdxl

MakeJob = Callable[..., DrawJob]


def photo_edit(strength: float = 0.7) -> dict[str, Any]:
    """The method of a view or recipe that redraws the photo."""
    return {"name": "img2img", "strength": strength}


def found(folder: Path | str, **settings: Any) -> ModelFiles:
    """The checked model of a folder."""
    return find_model(ModelSettings(id=str(folder), **settings))


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def sd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd(tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="session")
def sdxl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache") / "hashes.json"


@pytest.fixture(scope="session")
def sd(sd_folder: Path, cache: Path) -> LoadedModel:
    return load_model(ModelSettings(id=str(sd_folder), device="cpu"), cache)


@pytest.fixture(scope="session")
def sdxl(sdxl_folder: Path, cache: Path) -> LoadedModel:
    return load_model(ModelSettings(id=str(sdxl_folder), device="cpu"), cache)


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference photo: a red square on white, larger and wider than the pictures drawn."""
    pixels = np.full((60, 90, 3), 255, np.uint8)
    pixels[15:45, 30:60] = (200, 30, 20)
    path = tmp_path_factory.mktemp("photos") / "mug.png"
    path.write_bytes(encode_png(pixels))
    return path


@pytest.fixture(scope="session")
def make_job(photo: Path) -> MakeJob:
    """A job for a loaded pipeline; keyword arguments change its recipe."""

    def make(loaded: LoadedModel, seed: int = 0, **changes: Any) -> DrawJob:
        values: dict[str, Any] = {
            "method": "text2img",
            "model_hash": loaded.model_hash,
            "prompt": f"mug number {seed}",
            "negative_prompt": "",
            "seed": seed,
            "scheduler": "ddim",
            "steps": 3,
            "guidance": 3.0,
            "width": 32,
            "height": 32,
        } | changes
        recipe = Recipe.model_validate(values)
        if "photo" not in recipe.method.needs:
            return DrawJob(recipe.recipe_id, recipe)
        recipe = recipe.model_copy(update={"reference_sha256": sha256_file(photo)})
        return DrawJob(recipe.recipe_id, recipe, photo)

    return make
