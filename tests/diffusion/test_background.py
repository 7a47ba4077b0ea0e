"""The product stays what it is in the photo, byte for byte, and the rest is drawn anew."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.families.family import family_of
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.methods.background import Background
from catalog_gen.diffusion.methods.inpaint import Inpaint
from catalog_gen.diffusion.references import load_mask, load_reference
from catalog_gen.imaging.encode import encode_png
from catalog_gen.recipe import Failure
from catalog_gen.settings.model import ModelSettings
from catalog_gen.settings.views import ViewSettings
from tests.tiny import tiny
from tests.tiny_models import tiny_sd, tiny_sdxl

from .conftest import MakeJob
from .elsewhere import drawn_elsewhere

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

#: Plain models, whose latents are held, then models that were trained with a mask.
HELD = ("sd", "sdxl", "lcm")
TRAINED = ("stable_diffusion_inpaint", "sdxl_inpaint", "flux_fill")
METHOD: dict[str, Any] = {"name": "background", "seam": 1, "harmony": 0.7}

Load = Callable[[str], LoadedModel]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Load:
    known: dict[str, LoadedModel] = {}

    def load(name: str) -> LoadedModel:
        if name not in known:
            folder = tmp_path_factory.mktemp(name) / "model"
            made = {"sd": tiny_sd, "sdxl": tiny_sdxl}.get(name)
            folder = made(folder) if made else tiny(name, folder)
            known[name] = load_model(ModelSettings(id=str(folder), device="cpu"), cache)
        return known[name]

    return load


@pytest.fixture(scope="module")
def mask() -> bytes:
    """That of the photo's red square, with a soft outline."""
    coverage = np.zeros((60, 90), np.uint8)
    coverage[14:46, 29:61] = 90
    coverage[15:45, 30:60] = 255
    return encode_png(np.repeat(coverage[..., None], 3, axis=2))


@pytest.fixture(scope="module")
def job(make_job: MakeJob, mask: bytes) -> MakeJob:
    def make(loaded: LoadedModel, seed: int = 0, **changes: Any) -> DrawJob:
        values: dict[str, Any] = {"method": METHOD, "scheduler": "own", "height": 48}
        made = make_job(loaded, seed, **(values | changes))
        recipe = made.recipe.model_copy(update={"mask_sha256": hashlib.sha256(mask).hexdigest()})
        return DrawJob(recipe.recipe_id, recipe, made.reference, mask)

    return make


def drawn(loaded: LoadedModel, jobs: list[DrawJob], batch_size: int = 2) -> dict[str, Drawn]:
    outcomes = list(Engine(loaded, batch_size).draw(jobs))
    assert all(isinstance(each, Drawn) for each in outcomes), outcomes
    return {each.recipe_id: each for each in outcomes if isinstance(each, Drawn)}


@pytest.mark.parametrize("name", [*HELD, *TRAINED])
def test_the_product_is_the_photos_and_the_rest_is_drawn(
    name: str, load: Load, job: MakeJob
) -> None:
    loaded = load(name)
    asked = job(loaded, 1)
    ours = drawn(loaded, [asked])[asked.recipe_id].pixels
    photo, coverage = load_reference(asked), load_mask(asked)
    kept = asked.recipe.method.kept(coverage)
    assert kept is not None
    assert kept.sum() > 40
    assert np.array_equal(ours[kept], photo[kept])
    away = coverage == 0
    assert np.abs(ours.astype(int) - photo)[away].mean() > 10
    other = job(loaded, 2)
    assert not np.array_equal(drawn(loaded, [other])[other.recipe_id].pixels, ours)


@pytest.mark.parametrize("name", [*HELD, *TRAINED])
def test_bytes_depend_on_no_order_neighbour_or_engine(name: str, load: Load, job: MakeJob) -> None:
    loaded = load(name)
    jobs = [job(loaded, seed) for seed in range(3)]
    jobs += [job(loaded, 1, method=METHOD | {"harmony": 0.0, "shadow": 0.8})]
    first = {name: each.sha256 for name, each in drawn(loaded, jobs).items()}
    assert len(set(first.values())) == len(jobs)
    assert {n: e.sha256 for n, e in drawn(loaded, jobs[::-1]).items()} == first
    assert drawn(loaded, jobs[1:2])[jobs[1].recipe_id].sha256 == first[jobs[1].recipe_id]


@pytest.mark.slow
def test_another_process_draws_the_same_bytes(
    sd_folder: Path, sd: LoadedModel, job: MakeJob
) -> None:
    asked = job(sd, 4)
    here = drawn(sd, [asked])[asked.recipe_id].sha256
    settings = ModelSettings(id=str(sd_folder), device="cpu")
    assert drawn_elsewhere([(settings, [asked])], batch_size=2) == {asked.recipe_id: here}


@pytest.mark.parametrize("method", [METHOD, {"name": "inpaint", "box": (0.25, 0.0, 0.8, 0.5)}])
def test_half_precision_keeps_the_photos_levels_too(
    method: dict[str, Any], sd_folder: Path, job: MakeJob
) -> None:
    loaded = load_model(ModelSettings(id=str(sd_folder), device="cpu", dtype="bf16"))
    asked = job(loaded, 1, method=method)
    ours = drawn(loaded, [asked], 1)[asked.recipe_id].pixels
    kept = asked.recipe.method.kept(load_mask(asked))
    assert kept is not None
    assert np.array_equal(ours[kept], load_reference(asked)[kept])


def test_held_latents_are_the_photos_at_every_step(sd: LoadedModel) -> None:
    """What the pipeline holds is the noised photo while it draws, and the photo at the end."""
    pipeline = sd.pipelines["inpaint"]
    pipeline.scheduler = type(sd.scheduler).from_config(sd.scheduler.config)
    photo = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(3))
    drawn_anew = torch.zeros((1, 1, 32, 32))
    drawn_anew[..., 16:] = 1
    seen: list[torch.Tensor] = []

    def watch(pipe: Any, step: int, time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append(tensors["latents"].clone())
        return {}

    embeddings = sd.family.encode(sd.main, "a mug")
    with torch.inference_mode():
        latents = sd.main.vae.encode(photo * 2 - 1).latent_dist.mode()
        latents = latents * sd.main.vae.config.scaling_factor
        pipeline(
            image=photo,
            mask_image=drawn_anew,
            width=32,
            height=32,
            num_inference_steps=4,
            guidance_scale=1.0,
            generator=[torch.Generator().manual_seed(1)],
            callback_on_step_end=watch,
            output_type="pt",
            **embeddings,
        )
    half = latents.shape[-1] // 2
    far = [float((each - latents)[..., :half].abs().mean()) for each in seen]
    assert far == sorted(far, reverse=True)
    assert far[-1] == 0
    assert float((seen[-1] - latents)[..., half:].abs().mean()) > 0.1


def test_without_a_mask_or_with_another_one_it_fails_as_a_row(
    sd: LoadedModel, job: MakeJob, mask: bytes
) -> None:
    asked = job(sd)
    bare = replace(asked, mask=None)
    other = replace(asked, recipe_id="other", mask=mask + b"x")
    outcomes = [outcome for each in (bare, other) for outcome in Engine(sd, 2).draw([each])]
    assert all(isinstance(each, Failure) for each in outcomes)
    problems = " ".join(str(each) for each in outcomes)
    assert "needs the product's mask" in problems
    assert "not the bytes that the recipe names" in problems


def test_a_second_pass_without_a_step_is_refused_before_anything_is_drawn() -> None:
    view = ViewSettings(template="{{ title }}", method=Background(harmony=0.1), steps=5)
    problem = family_of("StableDiffusionPipeline", "here").problem(view)
    assert problem is not None
    assert "at least 10 steps" in problem[2]
    assert ViewSettings(template="{{ title }}", method="background").edit_policy == "cosmetic"


def test_kept_pixels_by_method() -> None:
    coverage = np.zeros((9, 9), np.uint8)
    coverage[2:, 2:7] = 255
    kept = Background(seam=1).kept(coverage)
    assert kept is not None
    # The lower edge cuts the product off, and is no outline.
    assert np.argwhere(kept).min(axis=0).tolist() == [3, 3]
    assert np.argwhere(kept).max(axis=0).tolist() == [8, 5]
    outside = Inpaint(box=(0, 0, 0.5, 1)).kept(np.zeros((16, 32), np.uint8))
    assert outside is not None
    assert outside[:, 16:].all()
    assert not outside[:, :16].any()
