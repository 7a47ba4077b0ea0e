"""The comparison of four generators in miniature, and its objectives."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

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
from studio.files import save_weights
from studio.networks.diffusion import (
    assemble,
    build_text_encoder,
    build_unet,
    draw,
)
from studio.networks.dit import build_dit
from studio.networks.judge import Judge
from studio.networks.objective import FlowMatching, Objective, VPrediction
from studio.networks.sampling import sample
from studio.networks.sizes import MINIATURE, STANDARD
from studio.networks.tokenizer import train_tokenizer
from studio.networks.vae import build_vae
from studio.training.checkpoint import load_checkpoint
from studio.training.loop import TrainingBudget
from studio.training.train import Studio, TrainingPlan

pytestmark = pytest.mark.slow


def test_four_arms_train_in_turns_draw_and_are_judged(
    photos: Path, tokenizer: Path, tmp_path: Path
) -> None:
    budgets = {"vae": TrainingBudget(steps=1)}
    recipe = TrainingPlan(photos, tmp_path, tmp_path / "model", MINIATURE, budgets)
    shutil.copytree(tokenizer, tmp_path / "tokenizer")
    Studio(recipe).run(("vae", "latents"))
    save_weights(Judge(MINIATURE.judge), tmp_path / "judge.safetensors")
    work = tmp_path / "compare"
    comparison = Comparison(recipe, work, TrainingBudget(steps=2), 10.0, wishes=12)
    # Half of it first: the rest goes on from the files.
    half = replace(comparison, budget=TrainingBudget(steps=1))
    train_arms(half, untrained(half)[1])
    figures = compare(comparison)
    assert json.loads((work / "compare.json").read_text()) == figures
    assert set(figures["arms"]) == {arm.name for arm in ARMS}
    for name, arm in figures["arms"].items():
        assert arm["training steps"] == 2
        assert arm["category"]["n"] == 12
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
