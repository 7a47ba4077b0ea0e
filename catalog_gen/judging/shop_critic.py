"""A critic that learns from a shop's own reviews, for any model: a probe on stored features.

Its features are the scorer's embedding of a picture and a few signals, so it needs neither a
network nor the picture. It learns what people rejected, for any reason. Few reviews would make it
overconfident, so it needs at least ``LEAST_LABELS``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.probe import Floats, Probe, fit_probe, held_out_probabilities
from catalog_gen.judging.rubric import CriticRecord

#: Fewest reviewed pictures, and fewest accepted and fewest rejected ones among them.
LEAST_LABELS: Final = 200
LEAST_OF_A_KIND: Final = 30
#: Signals that are features beside the embedding.
_NUMBERS: Final = (
    "area",
    "clipped_high",
    "clipped_low",
    "contrast",
    "detail",
    "edge_width",
    "fill",
    "level_use",
    "noise",
    "parts",
)
_DIGITS: Final = 4


@dataclass(frozen=True, eq=False, slots=True)
class Reviewed:
    """A picture that a person accepted or rejected."""

    product_id: str
    embedding: NDArray[np.float32]
    """(D,), the scorer's."""
    signals: Signals
    rejected: bool


@dataclass(frozen=True, eq=False, slots=True)
class ShopCritic:
    """A probe, and the mean features, which replace signals that couldn't be measured."""

    probe: Probe
    usual: Floats

    def soundness(self, embedding: NDArray[np.float32], signals: Signals) -> float:
        """The probability, 0..1, that this shop's people accept such a picture."""
        features = _filled(_features(embedding, signals)[None], self.usual)
        return round(1 - float(self.probe.probabilities(features)[0]), _DIGITS)

    def save(self, path: Path) -> None:
        """Write its weights."""
        from safetensors.numpy import save_file

        tensors = {**self.probe.tensors(), "usual": self.usual.astype(np.float32)}
        save_file(tensors, path, metadata={"numbers": json.dumps(_NUMBERS)})


@dataclass(frozen=True, eq=False, slots=True)
class Lesson:
    """A critic, and its cross-validated performance on other products."""

    critic: ShopCritic
    auroc: float
    """Area under the ROC curve for rejected against accepted pictures, 0..1."""


def learn(reviewed: Sequence[Reviewed]) -> Lesson:
    """Fit a critic to reviews; in validation a product's pictures are held out together."""
    from scipy.stats import mannwhitneyu

    raw = np.stack([_features(each.embedding, each.signals) for each in reviewed])
    known = np.isfinite(raw)
    usual = np.where(known, raw, 0).sum(0) / np.maximum(known.sum(0), 1)
    features = _filled(raw, usual)
    rejected = np.array([float(each.rejected) for each in reviewed])
    held = held_out_probabilities(features, rejected, [each.product_id for each in reviewed])
    bad, good = held[rejected == 1], held[rejected == 0]
    auroc = float(mannwhitneyu(bad, good).statistic) / (len(bad) * len(good))
    return Lesson(ShopCritic(fit_probe(features, rejected), usual), round(auroc, _DIGITS))


def load_shop_critic(rubric: Path, record: CriticRecord) -> ShopCritic:
    """Load the critic that a rubric names from the file beside it.

    Raises:
        ConfigError: the file is missing or its hash differs from the rubric's.
    """
    from safetensors.numpy import load_file

    path = rubric.parent / record.weights
    if not path.is_file() or sha256_file(path) != record.sha256:
        raise ConfigError(
            str(path),
            f"is not the critic that {rubric.name} names ({record.sha256[:12]})",
            "Bring it back, or learn one anew: catalog-gen calibrate --critic.",
        )
    tensors = load_file(path)
    return ShopCritic(Probe.of(tensors), tensors["usual"].astype(np.float64))


def _features(embedding: NDArray[np.float32], signals: Signals) -> Floats:
    """(D + S,); NaN where a signal couldn't be measured."""
    numbers = [signals.number(name) for name in _NUMBERS]
    return np.concatenate([embedding, [np.nan if each is None else each for each in numbers]])


def _filled(features: Floats, usual: Floats) -> Floats:
    return np.where(np.isfinite(features), features, usual)
