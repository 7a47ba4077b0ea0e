"""A linear probe: logistic regression from a feature vector to the probability of a yes.

A few hundred verdicts are enough to fit it. The features are standardised, so that one penalty
suits all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: L2 penalty on the weights; features are scaled so that it doesn't depend on their number.
PENALTY: Final = 3.0
#: Spread of all standardised features together.
_SPREAD: Final = 4.0
_ITERATIONS: Final = 300


@dataclass(frozen=True, eq=False, slots=True)
class Probe:
    """Weights on raw features (F,), and the offset."""

    weights: Floats
    offset: float

    def probabilities(self, features: Floats) -> Floats:
        """The probability of a yes, (N,), for features (N, F)."""
        return 1 / (1 + np.exp(-(features @ self.weights + self.offset)))

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The tensors of a weights file."""
        return {
            "weights": self.weights.astype(np.float32),
            "offset": np.array([self.offset], np.float32),
        }

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[np.float32]]) -> "Probe":
        """Build the probe from a weights file's tensors.

        Raises:
            KeyError: a tensor is missing.
        """
        return cls(tensors["weights"].astype(np.float64), float(tensors["offset"][0]))


def fit_probe(features: Floats, labels: Floats, penalty: float = PENALTY) -> Probe:
    """Fit a probe to labels (N,), 0..1, and features (N, F).

    A label between 0 and 1 expresses doubt; it is the probability of a yes.
    """
    from scipy.optimize import minimize

    middle, spread = features.mean(0), features.std(0) + 1e-6
    scale = _SPREAD / (spread * np.sqrt(features.shape[1]))
    inputs = (features - middle) * scale

    def loss(values: Floats) -> tuple[float, Floats]:
        logits = inputs @ values[:-1] + values[-1]
        error = 1 / (1 + np.exp(-logits)) - labels
        misfit = (np.logaddexp(0, logits) - labels * logits).sum()
        slope = np.append(inputs.T @ error + penalty * values[:-1], error.sum())
        return float(misfit + penalty * (values[:-1] ** 2).sum() / 2), slope

    start = np.zeros(features.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x
    weights = found[:-1] * scale
    return Probe(weights, float(found[-1] - middle @ weights))


def calibrated(probe: Probe, held_out: Floats, labels: Floats) -> Probe:
    """The probe with its logits scaled and shifted so that its probabilities come true.

    Scale and shift are fitted to held-out probabilities (N,) and labels (N,), 0..1 (J. Platt,
    "Probabilistic outputs for support vector machines", 1999). A scale is never negative.
    """
    from scipy.optimize import minimize

    bounded = np.clip(held_out, 1e-6, 1 - 1e-6)
    logits = np.log(bounded / (1 - bounded))

    def loss(values: Floats) -> float:
        scaled = values[0] * logits + values[1]
        return float((np.logaddexp(0, scaled) - labels * scaled).sum())

    scale, shift = minimize(
        loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0, None), (None, None)]
    ).x
    return Probe(probe.weights * scale, float(probe.offset * scale + shift))


def folds_of(groups: Sequence[str], folds: int) -> NDArray[np.int64]:
    """The fold, 0..folds - 1, of each row, (N,): rows of one group share one."""
    names, places = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(names)) % min(folds, len(names))
    found: NDArray[np.int64] = fold[places]
    return found


def held_out_probabilities(
    features: Floats,
    labels: Floats,
    groups: Sequence[str],
    folds: int = 10,
    penalty: float = PENALTY,
) -> Floats:
    """Cross-validated probabilities, (N,): each row's comes from a probe not fitted on it.

    Rows of one group share a fold, so that no probe was fitted on a picture's siblings.
    """
    fold = folds_of(groups, folds)
    found = np.empty(len(labels))
    for number in range(fold.max() + 1):
        held = fold == number
        probe = fit_probe(features[~held], labels[~held], penalty)
        found[held] = probe.probabilities(features[held])
    return found
