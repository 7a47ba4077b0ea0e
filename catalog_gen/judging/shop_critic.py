"""A critic that learns from a shop's own reviews, for any model: a probe on stored features.

Its features are the scorer's embedding of a picture, a few signals and what a preference model or
a vision-language model answered, so it needs neither a network nor the picture. It learns what
people rejected, for any reason, and its probabilities are calibrated on products that it was not
fitted on. Few reviews would make it overconfident, so it is neither learned from fewer than
``LEAST_LABELS`` nor used if it was.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import sha256_file, sha256_json
from catalog_gen.judging.lookers import critic_in
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.probe import Floats, Probe, calibrated, fit_probe, held_out_probabilities
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
    "preference",
)
_DIGITS: Final = 4


@dataclass(frozen=True, eq=False, slots=True)
class Reviewed:
    """A picture that a person accepted or rejected."""

    image_id: str
    product_id: str
    embedding: NDArray[np.float32]
    """(D,), the scorer's."""
    signals: Signals
    rejected: bool


@dataclass(frozen=True, eq=False, slots=True)
class ShopCritic:
    """A probe, and the mean features, which replace signals that couldn't be measured.

    ``preferrer`` is the hash of the critic whose answers are among the features; None: there was
    no such critic.
    """

    probe: Probe
    usual: Floats
    preferrer: str | None = None

    def require(self, lookers: str) -> None:
        """Refuse a picture that another critic answered for than the one it was learned with.

        Raises:
            ConfigError: ``lookers`` (``judging.lookers``) names another critic, or none.
        """
        found = critic_in(lookers)
        if self.preferrer is not None and found != self.preferrer:
            raise ConfigError(
                f"[critic] {'none' if found is None else found[:12]}",
                f"is not the one whose answers the learned critic reads ({self.preferrer[:12]})",
                "Bring that one back; or take the learned critic's line out of the rubric, "
                "refresh, and run catalog-gen calibrate --critic.",
            )

    def soundness(self, embedding: NDArray[np.float32], signals: Signals) -> float:
        """The probability, 0..1, that this shop's people accept such a picture."""
        features = _filled(_features(embedding, signals)[None], self.usual)
        return round(1 - float(self.probe.probabilities(features)[0]), _DIGITS)

    def save(self, path: Path) -> None:
        """Write its weights."""
        from safetensors.numpy import save_file

        tensors = {**self.probe.tensors(), "usual": self.usual.astype(np.float32)}
        metadata = {"numbers": _NUMBERS, "preferrer": self.preferrer}
        save_file(tensors, path, metadata={"critic": json.dumps(metadata)})


@dataclass(frozen=True, eq=False, slots=True)
class Lesson:
    """A critic, and its cross-validated performance on other products."""

    critic: ShopCritic
    auroc: float
    """Area under the ROC curve for rejected against accepted pictures, 0..1."""
    reviews: str
    """SHA-256 over the pictures and what people decided."""


def learn(reviewed: Sequence[Reviewed], preferrer: str | None = None) -> Lesson:
    """Fit a critic to reviews; in validation a product's pictures are held out together.

    ``preferrer`` is the hash of the critic that answered for all of them; None: none did.
    """
    from scipy.stats import mannwhitneyu

    raw = np.stack([_features(each.embedding, each.signals) for each in reviewed])
    known = np.isfinite(raw)
    usual = np.where(known, raw, 0).sum(0) / np.maximum(known.sum(0), 1)
    features = _filled(raw, usual)
    rejected = np.array([float(each.rejected) for each in reviewed])
    held = held_out_probabilities(features, rejected, [each.product_id for each in reviewed])
    bad, good = held[rejected == 1], held[rejected == 0]
    auroc = float(mannwhitneyu(bad, good).statistic) / (len(bad) * len(good))
    probe = calibrated(fit_probe(features, rejected), held, rejected)
    read = preferrer if known[:, _place("preference")].any() else None
    decided = sorted([each.image_id, each.rejected] for each in reviewed)
    return Lesson(ShopCritic(probe, usual, read), round(auroc, _DIGITS), sha256_json(decided))


def load_shop_critic(rubric: Path, record: CriticRecord) -> ShopCritic:
    """Load the critic that a rubric names from the file beside it.

    Raises:
        ConfigError: the file is missing, its hash differs from the rubric's, it reads other
            signals than this version measures, or too few reviews are behind it.
    """
    from safetensors import safe_open

    path = rubric.parent / record.weights
    if record.labels < LEAST_LABELS:
        raise ConfigError(
            f"{rubric.name}: critic with labels = {record.labels}",
            f"was learned from fewer than {LEAST_LABELS} reviews, and is not used",
            "Review more pictures, then learn one: catalog-gen calibrate --critic.",
        )
    if not path.is_file() or sha256_file(path) != record.sha256:
        raise ConfigError(
            str(path),
            f"is not the critic that {rubric.name} names ({record.sha256[:12]})",
            "Bring it back, or learn one anew: catalog-gen calibrate --critic.",
        )
    with safe_open(path, framework="numpy") as stored:
        metadata = json.loads((stored.metadata() or {}).get("critic", "{}"))
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    if tuple(metadata.get("numbers", ())) != _NUMBERS:
        raise ConfigError(
            str(path),
            "reads other signals than this version of catalog_gen measures",
            "Learn one anew: catalog-gen calibrate --critic.",
        )
    return ShopCritic(
        Probe.of(tensors), tensors["usual"].astype(np.float64), metadata.get("preferrer")
    )


def _features(embedding: NDArray[np.float32], signals: Signals) -> Floats:
    """(D + S,); NaN where a signal couldn't be measured."""
    numbers = [signals.number(name) for name in _NUMBERS]
    return np.concatenate([embedding, [np.nan if each is None else each for each in numbers]])


def _place(number: str) -> int:
    """The column of a signal among the features, from the end."""
    return _NUMBERS.index(number) - len(_NUMBERS)


def _filled(features: Floats, usual: Floats) -> Floats:
    return np.where(np.isfinite(features), features, usual)
