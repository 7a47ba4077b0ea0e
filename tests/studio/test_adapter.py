"""The studio model's IP-Adapter: a miniature is trained, and its files load elsewhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from catalog_gen.diffusion.loading import load_model
from catalog_gen.judging.scorer import ClipScorer
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


@pytest.mark.slow
def test_a_trained_adapter_loads_and_draws(couples: Couples, pipeline: Any, tmp_path: Path) -> None:
    stage = AdapterStage(MINIATURE_ADAPTER, pipeline, couples, couples.examples)
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
