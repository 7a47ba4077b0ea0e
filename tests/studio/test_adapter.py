"""The studio model's IP-Adapter: a miniature is trained, and its files load elsewhere."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.fingerprint import sha256_file
from catalog_gen.imaging.encode import encode_png
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.recipe import Recipe
from catalog_gen.settings.judge import ScorerSettings
from catalog_gen.settings.model import IpAdapterSettings, ModelSettings
from studio.networks.adapter import AdapterStage, pixel_values, published
from studio.networks.sizes import MINIATURE_ADAPTER, SIDE
from studio.photos.album import Album
from studio.photos.scene import scene_at, split_seed, turned
from studio.training.adapter import Couples
from studio.training.loop import TrainingBudget, train_stage

STUDIO = Path("data/models/studio")


@pytest.fixture(scope="module")
def pipeline() -> Any:
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(STUDIO / "pipeline", dtype=torch.float32)


@pytest.fixture(scope="module")
def couples(photos: Path, pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Couples:
    work = tmp_path_factory.mktemp("adapter")
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:90, 30:80] = True
    levels = np.array([0.02, 0.3, 0.8])[:, None, None]
    exposures = np.where(mask, levels, 1.0)[..., None].astype(np.float16)
    (work / "turned").mkdir()
    np.savez(work / "turned" / "00000.npz", exposures=exposures, mask=mask)
    settings = ScorerSettings(id=f"local-dir:{STUDIO / 'clip'}", device="cpu", batch_size=2)
    album = Album(photos, "train", limit=4)
    return Couples(album, work / "turned", pipeline, ClipScorer(settings), work)


def _stage(pipeline: Any, couples: Couples, sitting: Any) -> AdapterStage:
    """Around a copy of the U-Net, which a stage changes."""
    from diffusers import StableDiffusionPipeline

    own = StableDiffusionPipeline(**pipeline.components | {"unet": deepcopy(pipeline.unet)})
    return AdapterStage(MINIATURE_ADAPTER, own, sitting, couples.examples)


@pytest.mark.slow
def test_a_trained_adapter_loads_and_draws(couples: Couples, pipeline: Any, tmp_path: Path) -> None:
    stage = _stage(pipeline, couples, couples)
    before = {name: value.clone() for name, value in stage.parts.state_dict().items()}
    assert train_stage(stage, TrainingBudget(steps=2), tmp_path) == 2
    assert all(
        not torch.equal(value, before[name]) for name, value in stage.parts.named_parameters()
    )
    stage.export(tmp_path / "adapter")
    model = load_model(
        ModelSettings(
            id=str(STUDIO / "pipeline"),
            device="cpu",
            ip_adapters=(
                IpAdapterSettings(
                    name="studio",
                    path=tmp_path / "adapter" / "ip-adapter.safetensors",
                    image_encoder=tmp_path / "adapter" / "image_encoder",
                ),
            ),
        )
    )
    loaded = model.ip_adapters["studio"]
    parts: Any = stage.modules()["average"]
    ours, theirs = (
        published(resampler, torch.nn.ModuleDict())
        for resampler in (
            parts.module["resampler"],
            loaded.projection.image_projection_layers[0],
        )
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value.half().float(), theirs[name]) for name, value in ours.items())
    photo, _ = couples.examples(1)
    encoder, seen = parts.module["encoder"], loaded.pictures(list(photo), return_tensors="pt")
    assert torch.allclose(pixel_values(photo), seen.pixel_values, atol=1e-5)
    (patches,) = loaded.embeddings(list(photo), guided=False)
    wanted = encoder(pixel_values(photo), output_hidden_states=True).hidden_states[-2]
    assert torch.allclose(patches[:, 0], wanted, atol=0.02)
    for scale in (1.0, 0.0):
        red, blue = _drawn(model, {"red": (200, 20, 20), "blue": (20, 20, 200)}, tmp_path, scale)
        apart = np.abs(red - blue).mean()
        assert apart > 0.1 if scale else apart == 0


def _drawn(
    model: LoadedModel, photos: dict[str, tuple[int, int, int]], folder: Path, scale: float
) -> list[Any]:
    """One batch of pictures that look at photos of a square of these colours, from equal noise."""
    jobs = []
    for name, colour in photos.items():
        pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
        pixels[40:100, 40:90] = colour
        path = folder / f"{name}.png"
        path.write_bytes(encode_png(pixels))
        recipe = Recipe.model_validate(
            {
                "method": {"name": "variation", "adapter": "studio", "scale": scale},
                "model_hash": model.model_hash,
                "prompt": "product photo of one glossy mug, front view, white background",
                "negative_prompt": "",
                "seed": 5,
                "scheduler": "ddim",
                "steps": 5,
                "guidance": 3.0,
                "width": SIDE,
                "height": SIDE,
                "reference_sha256": sha256_file(path),
            }
        )
        jobs.append(DrawJob(recipe.recipe_id, recipe, path))
    drawn = {each.recipe_id: each for each in Engine(model, len(jobs)).draw(jobs)}
    outcomes = [drawn[job.recipe_id] for job in jobs]
    assert all(isinstance(each, Drawn) for each in outcomes), outcomes
    return [each.pixels.astype(int) for each in outcomes if isinstance(each, Drawn)]


def test_drawing_teaches_the_image_encoder(couples: Couples, pipeline: Any) -> None:
    stage = _stage(pipeline, couples, couples)
    drawing = stage.losses(4, torch.Generator().manual_seed(1))["drawing"]
    layer = stage.parts["encoder"].vision_model.embeddings.patch_embedding
    assert layer.weight.requires_grad
    (gradient,) = torch.autograd.grad(drawing, [layer.weight])
    assert gradient.abs().max() > 1e-6
    # Another photo of the same lesson gives another loss, from the same noise.
    sitting = couples(4, torch.Generator().manual_seed(1))
    swapped = replace(sitting, photos=sitting.photos.flip(0))
    losses = []
    for each in (sitting, sitting, swapped):
        stage = _stage(pipeline, couples, lambda *_, shown=each: shown)
        losses.append(stage.losses(4, torch.Generator().manual_seed(2))["drawing"])
    assert losses[0] == losses[1] != losses[2]


def test_lessons_follow_from_the_generator(couples: Couples) -> None:
    first, again, other = (couples(4, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.photos, again.photos)
    assert torch.equal(first.hidden, again.hidden)
    assert not torch.equal(first.photos, other.photos)
    assert first.latents.shape == (4, 8, 16, 16)


def test_the_other_angle_is_of_the_same_product() -> None:
    for number in range(24):
        scene = scene_at(split_seed("train", number))
        other = turned(scene)
        assert {scene.angle, other.angle} == {"front", "three-quarter"}
        assert turned(other).angle == scene.angle
        assert abs(turned(other).elevation - scene.elevation) < 4
        assert other.proportions == scene.proportions
