"""Inpainting checkpoints draw only inside a box, and report before drawing what they can't draw."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.families.family import family_of
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import load_model
from catalog_gen.diffusion.methods.inpaint import Inpaint
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.diffusion.references import load_reference
from catalog_gen.errors import ModelError
from catalog_gen.settings.model import ModelSettings
from catalog_gen.settings.views import ViewSettings
from tests.tiny import tiny

from .conftest import MakeJob, found

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

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


BOX = {"name": "inpaint", "box": (0.25, 0.0, 0.8, 0.5)}
GUIDANCE = 3.0


@pytest.mark.parametrize("name", MASKED)
def test_the_box_is_that_of_the_plain_pipeline_and_the_rest_is_the_photo(
    name: str, tmp_path: Path, photo: Path, make_job: MakeJob
) -> None:
    loaded = load_model(ModelSettings(id=str(tiny(name, tmp_path / "model")), device="cpu"))
    job = make_job(loaded, 1, method=BOX, scheduler="own", height=48)
    (ours,) = Engine(loaded, batch_size=1).draw([job])
    assert isinstance(ours, Drawn), ours
    pixels = load_reference(job)
    mask = np.zeros((48, 32), np.uint8)
    mask[0:24, 8:32] = 255  # whole latents of 8 pixels
    pipeline = loaded.pipelines["inpaint"]
    pipeline.scheduler = type(loaded.scheduler).from_config(loaded.scheduler.config)
    theirs = np.asarray(
        pipeline(
            prompt=job.recipe.prompt,
            image=Image.fromarray(pixels),
            mask_image=Image.fromarray(mask),
            width=32,
            height=48,
            strength=1.0,
            num_inference_steps=3,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(1),
        ).images[0],
        np.int16,
    )
    inside = mask > 0
    assert np.abs(theirs - ours.pixels)[inside].max() <= 1
    assert np.array_equal(ours.pixels[~inside], pixels[~inside])
    assert not np.array_equal(ours.pixels[inside], pixels[inside])


@pytest.mark.parametrize("name", MASKED)
def test_bytes_depend_on_no_order_neighbour_or_engine(
    name: str, tmp_path: Path, make_job: MakeJob
) -> None:
    loaded = load_model(ModelSettings(id=str(tiny(name, tmp_path / "model")), device="cpu"))
    jobs = [make_job(loaded, seed, method=BOX, scheduler="own") for seed in range(3)]
    jobs += [make_job(loaded, 1, method=BOX | {"strength": 0.5}, scheduler="own")]

    def shas(jobs: list[DrawJob]) -> dict[str, str]:
        outcomes = list(Engine(loaded, batch_size=2).draw(jobs))
        return {each.recipe_id: each.sha256 for each in outcomes if isinstance(each, Drawn)}

    first = shas(jobs)
    assert len(set(first.values())) == len(jobs)
    assert shas(jobs[::-1]) == first
    assert shas(jobs[1:2]) == {jobs[1].recipe_id: first[jobs[1].recipe_id]}


def test_a_box_without_an_inside_and_a_strength_without_a_step_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"box \[0\.5.*is empty"):
        Inpaint(box=(0.5, 0, 0.5, 1))
    view = ViewSettings(
        template="{{ title }}", method=Inpaint(box=(0, 0, 1, 1), strength=0.1), steps=5
    )
    problem = family_of("FluxFillPipeline", "here").problem(view)
    assert problem is not None
    assert "at least 10 steps" in problem[2]
    with pytest.raises(ValidationError, match=r"edit_policy 'cosmetic' allows 0\.4"):
        ViewSettings(template="{{ title }}", method=BOX)
