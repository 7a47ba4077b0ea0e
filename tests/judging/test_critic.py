"""The critic: its features, the model whose pictures it judges, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, UniPCMultistepScheduler

from catalog_gen.errors import ModelError
from catalog_gen.judging.critics.critic import critic_of
from catalog_gen.judging.critics.denoiser import (
    NOISE_TIME,
    DenoiserCritic,
    DenoiserFeatures,
    Level,
    save_critic,
)
from catalog_gen.judging.probe import Probe
from catalog_gen.settings.catalog import load_settings
from catalog_gen.settings.judge import CriticSettings
from studio.evaluation.labels import Opinion, Seen, draw_again, read_table, wish_of
from studio.evaluation.measures import auroc
from tests.judging.drawn import BLUE, product
from tests.tiny_models import tiny_sd

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd(tmp_path_factory.mktemp("model"))


def test_features_know_the_picture_and_the_prompt_and_no_neighbour(model: Path) -> None:
    denoiser = DenoiserFeatures(model)
    pictures, prompts = [product(), product(BLUE), product(side=200)], ["a", "b", "c"]
    together = denoiser.of(pictures, prompts)
    assert together.shape[0] == 3
    assert np.isfinite(together).all()
    alone = denoiser.of(pictures[1:2], prompts[1:2])
    np.testing.assert_allclose(together[1], alone[0], atol=1e-4)
    assert np.abs(together[0] - together[1]).max() > 1e-3
    asked_otherwise = denoiser.of(pictures[:1], ["something else altogether"])
    assert np.abs(together[0] - asked_otherwise[0]).max() > 1e-6


@pytest.mark.parametrize("predicts", ["epsilon", "sample", "v_prediction"])
def test_the_prediction_is_held_against_what_the_model_was_trained_for(predicts: str) -> None:
    scheduler: Any = DDIMScheduler(prediction_type=predicts, clip_sample=False)
    latents, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    time = torch.tensor([NOISE_TIME])
    level = Level.of(scheduler)
    noisy = scheduler.add_noise(latents, noise, time)
    torch.testing.assert_close(level.signal * latents + level.spread * noise, noisy)
    scheduler.set_timesteps(10)
    # The scheduler's own idea of the clean picture, from a prediction that is right.
    step = scheduler.step(level.truth(latents, noise), NOISE_TIME, noisy)
    torch.testing.assert_close(step.pred_original_sample, latents, atol=1e-4, rtol=0)


def test_a_flows_prediction_is_held_against_the_way_from_the_picture_to_noise() -> None:
    latents, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    scheduler: Any = UniPCMultistepScheduler(
        use_flow_sigmas=True, prediction_type="flow_prediction"
    )
    level = Level.of(scheduler)
    noisy = level.signal * latents + level.spread * noise
    back = noisy - NOISE_TIME / 1000 * level.truth(latents, noise)
    torch.testing.assert_close(back, latents, atol=1e-5, rtol=0)


def test_soundness_is_the_probes_answer(model: Path, tmp_path: Path) -> None:
    denoiser = DenoiserFeatures(model)
    features = denoiser.of([product()], ["a"])
    weights = tmp_path / "critic.safetensors"
    save_critic(weights, Probe(np.zeros(features.shape[1]), 2.0), denoiser.denoiser_hash(), 3)
    critic = DenoiserCritic(CriticSettings(weights=weights, id=model))
    assert critic.look([product(), product(BLUE)], ["a", "b"]) == [0.1192, 0.1192]
    assert critic.look([], []) == []
    assert critic_of(None) is None


def test_another_models_critic_is_refused_with_a_remedy(model: Path, tmp_path: Path) -> None:
    other = CriticSettings(weights=DATA / "models" / "critic.safetensors", id=model)
    with pytest.raises(ModelError, match="another model"):
        DenoiserCritic(other).look([product()], ["a"])
    none = CriticSettings(weights=tmp_path / "none.safetensors", id=model)
    with pytest.raises(ModelError, match="is not a critic"):
        DenoiserCritic(none).look([product()], ["a"])
    empty = CriticSettings(weights=other.weights, id=tmp_path)
    with pytest.raises(ModelError, match=r"critic\.id"):
        DenoiserCritic(empty).look([product()], ["a"])


def test_the_sample_has_a_critic_for_its_model() -> None:
    settings = load_settings(DATA / "catalog.toml").critic
    assert settings is not None
    assert settings.weights is not None
    assert settings.weights.stat().st_size < 2_000_000
    (sound,) = DenoiserCritic(settings).look([product()], ["product photo of one matte red bottle"])
    assert 0 <= sound <= 1


def test_the_labels_combine_two_judges() -> None:
    rows = read_table(DATA / "eye" / "labels.csv")
    assert len(rows) == 1190
    both = {(*sorted(each.word for each in row.opinions),): row.verdict for row in rows}
    assert both[("soft", "wrong")] == "wrong"
    assert both[("fine", "soft")] == "fine"
    assert both[("soft", "soft")] == "soft"
    contrary = (Opinion("fine"), Opinion("wrong"))
    assert Seen("x001", "a mug", "packshot", 1, contrary).verdict == "soft"


def test_nothing_held_out_was_learned() -> None:
    learned = {wish_of(row.prompt) for row in read_table(DATA / "eye" / "labels.csv")}
    held_out = read_table(DATA / "eye" / "held-out.csv")
    assert len({wish_of(row.prompt) for row in held_out} - learned) == 120
    assert all(len(row.opinions) == 2 for row in held_out)
    assert len(held_out) == 720


@pytest.mark.slow
def test_the_samples_critic_tells_broken_from_fine_products_that_it_never_met() -> None:
    settings = load_settings(DATA / "catalog.toml")
    held_out = read_table(DATA / "eye" / "held-out.csv")

    def agreed(word: str) -> list[Seen]:
        return [row for row in held_out if {each.word for each in row.opinions} == {word}][:12]

    fine, wrong = agreed("fine"), agreed("wrong")
    rows = [*fine, *wrong]
    critic = critic_of(settings.critic)
    assert critic is not None
    pictures = draw_again(rows, settings.model)
    sound = np.array(critic.look(pictures, [row.prompt for row in rows]))
    assert auroc(sound[: len(fine)], sound[len(fine) :]) >= 0.95
