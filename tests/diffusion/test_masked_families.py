"""Inpainting checkpoints load, and what they can't draw is said before anything is drawn."""

from collections.abc import Callable
from pathlib import Path

import pytest

from catalog_gen.diffusion.families.family import family_of
from catalog_gen.diffusion.loading import load_model
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.errors import ModelError
from catalog_gen.settings import ModelSettings, ViewSettings
from tests.tiny import tiny

from .conftest import found

Change = Callable[[Path, str], None]

MASKED = {
    "stable_diffusion_inpaint": "StableDiffusionInpaintPipeline",
    "sdxl_inpaint": "StableDiffusionXLInpaintPipeline",
    "flux_fill": "FluxFillPipeline",
}


@pytest.mark.parametrize(("name", "pipeline"), MASKED.items())
def test_they_load_and_do_nothing_but_inpaint(name: str, pipeline: str, tmp_path: Path) -> None:
    folder = tiny(name, tmp_path / "model")
    assert found(folder).pipeline_class == pipeline
    loaded = load_model(ModelSettings(id=str(folder), device="cpu"))
    assert set(loaded.pipelines) == {"inpaint"}
    problem = loaded.family.problem(ViewSettings(template="{{ title }}", method=TextToImage()))
    assert problem is not None
    assert "it takes a model for text2img, and this one has inpaint" in problem


@pytest.mark.parametrize(("name", "pipeline"), MASKED.items())
def test_one_that_is_labelled_as_an_ordinary_model_is_refused(
    name: str, pipeline: str, tmp_path: Path
) -> None:
    folder = tiny(name, tmp_path / "model")
    index = folder / "model_index.json"
    ordinary = pipeline.replace("Inpaint", "").replace("Fill", "")
    index.write_text(index.read_text().replace(pipeline, ordinary))
    part = family_of(ordinary, "here").denoises
    with pytest.raises(ModelError, match=rf"{part}/config\.json.*it takes \d+ channels"):
        found(folder)
