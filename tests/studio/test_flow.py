"""A flow model in the stock pipeline, 256x256: trained from one file, then used to draw."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.diffusion.loading import load_model
from catalog_gen.diffusion.methods.img2img import ImageToImage
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.judging.critics.denoiser import DenoiserFeatures
from catalog_gen.recipe import Failure, Recipe
from catalog_gen.settings.model import ModelSettings
from studio.networks.objective import FlowMatching
from studio.networks.sizes import LARGE, LARGE_MINIATURE, MINIATURE, STANDARD
from studio.photos.pack import pack
from studio.training.checkpoint import load_checkpoint
from studio.training.hardware import MEANS, this_machine
from studio.training.loop import TrainingBudget
from studio.training.train import Studio, TrainingPlan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def large(photos: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingPlan:
    """A flow model of 256x256, trained for two steps of each stage from one packed file."""
    work = tmp_path_factory.mktemp("large")
    path = work / "photos.zip"
    pack(photos, path, colours=2, held_out=1)
    budgets = {name: TrainingBudget(steps=2) for name in ("vae", "unet", "decoder")}
    plan = TrainingPlan(path, work, work / "model", LARGE_MINIATURE, budgets, objective="flow")
    shutil.copytree(tokenizer, work / "tokenizer")
    Studio(plan).run(("vae", "latents", "unet", "decoder", "export"))
    return plan


def recipe(plan: TrainingPlan, model_hash: str, **changes: object) -> Recipe:
    """Four steps at the model's own side."""
    chosen = {
        "model_hash": model_hash,
        "method": TextToImage(),
        "prompt": "product photo of one matte red mug, front view, white background",
        "negative_prompt": "",
        "seed": 3,
        "scheduler": "own",
        "steps": 4,
        "guidance": 3.0,
        "width": plan.size.side,
        "height": plan.size.side,
    }
    return Recipe.model_validate(chosen | changes)


def test_sizes_differ_in_the_autoencoder_alone() -> None:
    assert (STANDARD.side, LARGE.side, LARGE_MINIATURE.side) == (128, 256, 256)
    assert LARGE.generator == STANDARD.generator
    assert MEANS[this_machine()].size.side in (128, 256)
    gpu = MEANS["gpu"]
    assert sum(gpu.minutes[name] for name in ("vae", "unet", "decoder")) <= 23


def test_the_engine_draws_with_it_from_text_and_from_a_photo(
    large: TrainingPlan, tmp_path: Path
) -> None:
    assert json.loads((large.out / "studio.json").read_text())["side"] == 256
    loaded = load_model(ModelSettings(id=str(large.out / "pipeline"), batch_size=2))
    engine = Engine(loaded, 2)
    photo = tmp_path / "photo.png"
    shown = np.full((256, 256, 3), 255, np.uint8)
    shown[64:192, 64:192] = (200, 30, 30)
    Image.fromarray(shown).save(photo)
    digest = sha256_file(photo)
    jobs = []
    for scheduler in ("own", "unipc", "dpm++2m"):
        plain = recipe(large, loaded.model_hash, scheduler=scheduler)
        jobs.append(DrawJob(f"text {scheduler}", plain))
        for strength in (0.25, 0.75):
            edited = recipe(
                large,
                loaded.model_hash,
                scheduler=scheduler,
                steps=8,
                method=ImageToImage(strength=strength),
                reference_sha256=digest,
            )
            jobs.append(DrawJob(f"photo {strength} {scheduler}", edited, photo))
    drawn = {}
    for outcome in engine.draw(jobs):
        assert not isinstance(outcome, Failure), outcome
        drawn[outcome.recipe_id] = outcome.pixels.astype(int)
    assert {pixels.shape for pixels in drawn.values()} == {(256, 256, 3)}
    assert np.array_equal(drawn["text own"], drawn["text unipc"])
    assert not np.array_equal(drawn["text own"], drawn["text dpm++2m"])


def test_a_solver_that_knows_no_flows_is_refused(large: TrainingPlan) -> None:
    loaded = load_model(ModelSettings(id=str(large.out / "pipeline")))
    asked = recipe(large, loaded.model_hash, scheduler="ddim")
    (outcome,) = Engine(loaded, 1).draw([DrawJob("one", asked)])
    assert isinstance(outcome, Failure)
    assert "flow matching" in outcome.error
    assert "unipc" in outcome.error


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("solver", ["UniPCMultistepScheduler", "DPMSolverMultistepScheduler"])
def test_a_photo_keeps_as_much_as_the_strength_leaves(solver: str, strength: float) -> None:
    """As the stock pipeline for photos does it; the right answers lead back to the latents."""
    import diffusers

    scheduler = getattr(diffusers, solver).from_config(FlowMatching().stock().config)
    scheduler.set_timesteps(20)
    start = 20 - round(20 * strength)
    times = scheduler.timesteps[start:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 1, 8, 4, 4, generator=generator)
    latents = scheduler.add_noise(clean, noise, times[:1])
    share = float(times[0]) / 1000
    assert share == pytest.approx(strength, abs=0.06)
    assert torch.allclose(latents, (1 - share) * clean + share * noise, atol=0.01)
    for time in times:
        latents = scheduler.step(noise - clean, time, latents).prev_sample
    assert torch.allclose(latents, clean, atol=1e-2)


def test_the_critic_looks_with_it(large: TrainingPlan) -> None:
    pictures = [np.full((256, 256, 3), level, np.uint8) for level in (40, 220)]
    features = DenoiserFeatures(large.out / "pipeline").of(pictures, ["a mug", "a mug"])
    assert np.isfinite(features).all()
    assert np.abs(features[0] - features[1]).max() > 1e-3


def test_it_begins_with_another_models_weights_and_words(
    photos: Path, large: TrainingPlan, tmp_path: Path
) -> None:
    from diffusers import StableDiffusionPipeline

    start = large.out / "pipeline"
    plan = replace(
        large,
        work=tmp_path,
        out=tmp_path / "model",
        start=start,
        budgets=large.budgets | {"unet": TrainingBudget(steps=1)},
    )
    studio = Studio(plan)
    studio.run(("tokenizer", "vae", "latents", "unet", "export"))
    assert not (tmp_path / "checkpoints" / "vae.pt").exists()
    found = load_checkpoint(tmp_path / "checkpoints" / "unet.pt")
    assert found is not None
    stock = StableDiffusionPipeline
    before, after = (
        stock.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        for folder in (start, plan.out / "pipeline")
    )
    assert before.tokenizer.get_vocab() == after.tokenizer.get_vocab()
    for name in ("vae", "unet"):
        old, new = getattr(before, name).state_dict(), getattr(after, name).state_dict()
        moved = max(float((old[key] - new[key]).abs().max()) for key in old)
        assert moved == 0 if name == "vae" else 0 < moved < 0.1
    missing = replace(plan, start=tmp_path / "none", work=tmp_path / "other", size=MINIATURE)
    with pytest.raises(InputError, match="is not a pipeline to start from"):
        Studio(missing).run(("latents",))
