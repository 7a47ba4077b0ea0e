"""The linear probe: fitting, doubtful labels, and cross-validation."""

import numpy as np
import pytest

from catalog_gen.judging.probe import Probe, calibrated, fit_probe, held_out_probabilities


def _sample(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of very different scales; the first one determines the label."""
    chance = np.random.default_rng(seed)
    features = chance.normal(0, 1, (count, 40)) * np.logspace(-3, 3, 40) + 7
    wrong = (features[:, 0] > 7) * 1.0
    return features, wrong


def test_it_finds_the_deciding_feature_at_any_scale() -> None:
    features, labels = _sample(600)
    others, truth = _sample(400, seed=1)
    said = fit_probe(features, labels).probabilities(others)
    assert ((said > 0.5) == truth).mean() > 0.9
    again = Probe.of(fit_probe(features, labels).tensors()).probabilities(others)
    np.testing.assert_allclose(again, said, atol=1e-3)


def test_a_doubtful_label_pulls_half_as_far() -> None:
    features = np.repeat([[0.0], [1.0]], 50, axis=0)
    sure = fit_probe(features, np.repeat([0.0, 1.0], 50)).probabilities(features)[-1]
    doubt = fit_probe(features, np.repeat([0.0, 0.5], 50)).probabilities(features)[-1]
    assert sure > 0.9
    assert doubt == pytest.approx(0.5, abs=0.1)


def test_no_probe_is_tested_on_siblings_of_its_training_pictures() -> None:
    """Labels that depend only on the group can't be predicted for held-out groups."""
    chance = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 5)
    labels = (chance.random(40) < 0.5).astype(float)[groups]
    features = np.eye(40)[groups] + chance.normal(0, 0.01, (200, 40))
    known = fit_probe(features, labels).probabilities(features)
    held = held_out_probabilities(features, labels, [str(each) for each in groups])
    assert ((known > 0.5) == labels).mean() > 0.95
    assert ((held > 0.5) == labels).mean() < 0.75


def test_calibration_takes_back_overconfidence() -> None:
    chance = np.random.default_rng(6)
    truth = chance.uniform(0.02, 0.98, 4000)
    labels = (chance.random(4000) < truth) * 1.0
    logits = np.log(truth / (1 - truth))
    boastful = Probe(np.array([3.0]), 1.0)
    said = boastful.probabilities(logits[:, None])
    honest = calibrated(boastful, said, labels).probabilities(logits[:, None])
    np.testing.assert_allclose(honest, truth, atol=0.05)
    worthless = calibrated(boastful, chance.random(4000), labels).probabilities(logits[:, None])
    np.testing.assert_allclose(worthless, labels.mean(), atol=0.1)
