"""The comparison of generators in miniature, its objectives, and its GAN."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from catalog_gen.judging.critics.critic import critic_of
from catalog_gen.settings.catalog import load_settings
from studio.evaluation.compare import (
    ARMS,
    SHEET_BYTES,
    Comparison,
    compare,
    save_sheet,
    table,
    train_arms,
    untrained,
)
from studio.evaluation.measures import kernel_distance
from studio.files import save_weights
from studio.networks.adversarial import AdversarialStage, drawn_at_once
from studio.networks.diffusion import (
    Lessons,
    assemble,
    build_text_encoder,
    build_unet,
    draw,
)
from studio.networks.dit import build_dit
from studio.networks.judge import Judge
from studio.networks.objective import FlowMatching, Objective, VPrediction
from studio.networks.sampling import sample
from studio.networks.sizes import CONTEXT, LATENT_SIDE, MINIATURE, STANDARD
from studio.networks.tokenizer import train_tokenizer
from studio.networks.vae import build_vae
from studio.photos.album import tokenize
from studio.training.checkpoint import load_checkpoint
from studio.training.loop import TrainingBudget
from studio.training.train import Studio, TrainingPlan

pytestmark = pytest.mark.slow


def test_all_arms_train_in_turns_draw_and_are_judged(
    photos: Path, tokenizer: Path, tmp_path: Path
) -> None:
    budgets = {"vae": TrainingBudget(steps=1)}
    recipe = TrainingPlan(photos, tmp_path, tmp_path / "model", MINIATURE, budgets)
    shutil.copytree(tokenizer, tmp_path / "tokenizer")
    Studio(recipe).run(("vae", "latents"))
    save_weights(Judge(MINIATURE.judge), tmp_path / "judge.safetensors")
    work = tmp_path / "compare"
    settings = load_settings(Path("data/catalog.toml"))
    critic = critic_of(settings.critic)
    assert critic is not None
    budget = TrainingBudget(steps=2)
    comparison = Comparison(recipe, work, budget, 10.0, 12, critic, settings.scorer)
    # Half of it first: the rest goes on from the files.
    half = replace(comparison, budget=TrainingBudget(steps=1))
    train_arms(half, untrained(half)[1])
    figures = compare(comparison)
    assert json.loads((work / "compare.json").read_text()) == figures
    assert list(figures["arms"]) == list(ARMS)
    for name, arm in figures["arms"].items():
        assert arm["training steps"] == 2
        assert arm["sound"]["n"] == 12
        assert ("category" in arm) == ARMS[name].captions
        with Image.open(work / f"{name}.jpg") as sheet:
            assert sheet.size == (12 * 128, 128)
    assert (work / "compare.md").read_text() == table(figures["arms"])
    found = load_checkpoint(work / "dit-flow" / "checkpoints" / "dit-flow.pt")
    assert found is not None
    assert found.step == 2


def test_the_transformer_is_as_large_as_the_unet() -> None:
    def count(network: Any) -> int:
        return sum(value.numel() for value in network.parameters())

    unet, dit = (count(build(STANDARD.generator, 8)) for build in (build_unet, build_dit))
    assert dit == pytest.approx(unet, rel=0.05)


@pytest.mark.parametrize("objective", [VPrediction(), FlowMatching()])
def test_drawing_with_the_right_answers_finds_the_latents(objective: Objective) -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(1, 8, 4, 4, generator=generator)
    latents = torch.randn(1, 8, 4, 4, generator=generator)
    scheduler = objective.scheduler(20)
    assert len(scheduler.timesteps) == 20
    if isinstance(objective, VPrediction):
        levels = scheduler.alphas_cumprod
    for time in scheduler.timesteps:
        if isinstance(objective, VPrediction):
            signal, spread = levels[int(time)].sqrt(), (1.0 - levels[int(time)]).sqrt()
        else:
            signal, spread = 1.0 - time / 1000, time / 1000
        noise = (latents - signal * clean) / spread
        wanted = signal * noise - spread * clean
        if isinstance(objective, FlowMatching):
            wanted = noise - clean
        latents = scheduler.step(wanted, time, latents).prev_sample
    assert torch.allclose(latents, clean, atol=1e-3)


@pytest.mark.parametrize("objective", [VPrediction(), FlowMatching()])
def test_an_exercise_runs_from_clean_to_noise(objective: Objective) -> None:
    generator = torch.Generator().manual_seed(0)
    latents, noise = torch.randn(2, 2, 8, 4, 4, generator=generator)
    exercise = objective.exercise(latents, noise, torch.tensor([0.0, 1.0]))
    assert torch.allclose(exercise.noisy[0], latents[0], atol=0.2)
    assert torch.allclose(exercise.noisy[1], noise[1], atol=0.1)
    assert 0.0 <= exercise.times[0] < exercise.times[1] <= 1000


@pytest.fixture
def gan(tokenizer: Path) -> AdversarialStage:
    """A GAN that is to draw latents which are all ones."""
    from transformers import CLIPTokenizer

    words = CLIPTokenizer.from_pretrained(tokenizer)
    tokens = tokenize(words, ["one red mug"] * 16).reshape(8, 2, CONTEXT)
    places = (LATENT_SIDE, LATENT_SIDE)
    latents, weights = np.ones((8, 2, 8, *places), np.float16), np.ones((8, 2, *places), np.float16)
    lessons = Lessons(latents, tokens, weights, torch.ones(8))
    return AdversarialStage(MINIATURE.generator, build_vae(MINIATURE.vae), words, lessons)


def test_a_gan_learns_what_its_photos_look_like(gan: AdversarialStage) -> None:
    unet, encoder = gan.parts["unet"], gan.parts["text_encoder"]
    noise = torch.randn(4, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    words = gan._lessons.tokens[:4, 0]

    def away() -> float:
        with torch.no_grad():
            drawn = drawn_at_once(unet, noise, encoder(words).last_hidden_state)
        return float((drawn - 1).square().mean())

    before = away()
    optimizer = torch.optim.Adam(gan.network().parameters(), lr=2e-3, betas=(0.0, 0.99))
    for step in range(100):
        optimizer.zero_grad()
        gan.losses(4, torch.Generator().manual_seed(step))["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert away() < 0.5 * before


def test_neither_side_of_a_gan_is_trained_by_the_others_loss(gan: AdversarialStage) -> None:
    losses = gan.losses(4, torch.Generator().manual_seed(0))
    critic, unet = (list(gan.parts[name].parameters()) for name in ("critic", "unet"))

    def gradients(loss: str, parameters: list[torch.nn.Parameter]) -> list[torch.Tensor | None]:
        found = torch.autograd.grad(losses[loss], parameters, retain_graph=True, allow_unused=True)
        return list(found)

    assert not any(each is not None for each in gradients("drawing", critic))
    assert not any(each is not None for each in gradients("rating", unet))
    assert any(each is not None for each in gradients("drawing", unet))
    assert any(each is not None for each in gradients("rating", critic))


def test_parts_of_a_gans_batch_are_learned_side_by_side(gan: AdversarialStage) -> None:
    def drawing(seed: int) -> float:
        return float(gan.losses(4, torch.Generator().manual_seed(seed))["drawing"].detach())

    parameters = list(gan.network().parameters())
    alone = [drawing(seed) for seed in range(40)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(drawing, range(40))) == pytest.approx(alone)
    after = list(gan.network().parameters())
    assert [id(each) for each in after] == [id(each) for each in parameters]


def test_the_same_pictures_are_at_no_distance() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(200, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    some, others = vectors[:100], vectors[100:]
    assert abs(kernel_distance(some, others)) < 0.02
    assert kernel_distance(some, np.abs(others)) > 0.2


def test_drawing_in_training_equals_the_stock_pipeline(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    train_tokenizer(["product photo of one red mug"], tmp_path)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    torch.manual_seed(0)
    size = MINIATURE.generator
    parts = torch.nn.ModuleDict(
        {"unet": build_unet(size, 8), "text_encoder": build_text_encoder(size, tokenizer)}
    ).eval()
    vae = build_vae(MINIATURE.vae).eval()
    pipeline = assemble(vae, parts["text_encoder"], parts["unet"], tokenizer)
    stock = draw(pipeline, ["one red mug"], [5], steps=3)
    ours = sample(parts, VPrediction(), vae, tokenizer, ["one red mug"], [5], 3, 3.0)
    assert np.abs(stock.astype(int) - ours.astype(int)).max() <= 1


def test_a_sheet_is_small_enough_for_the_docs(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (12, 128, 128, 3), np.uint8)
    save_sheet(noise, tmp_path / "sheet.jpg")
    assert (tmp_path / "sheet.jpg").stat().st_size <= SHEET_BYTES
