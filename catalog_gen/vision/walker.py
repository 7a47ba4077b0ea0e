"""Random walker segmentation: from certain pixels to all, along colours that do not change.

Random Walks for Image Segmentation (Grady, IEEE TPAMI 2006): a pixel's probability of being subject
is that of a walker who starts there and reaches certain subject before certain background. Steps
across an edge are unlikely. The probabilities solve one sparse linear system.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

#: How fast a step becomes unlikely with the colour difference that it crosses, per CIELAB unit
#: beyond what noise and soft shadows change.
_BETA: Final = 1.0
_SOFT: Final = 2.0
#: Weight of the steepest edge: with none at all, a region without a certain pixel has no solution.
_LEAST: Final = 1e-4


def subject_probability(
    lab: NDArray[np.float32], subject: NDArray[np.bool_], background: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The probability of each pixel of (H, W) to be subject, 0..1.

    Args:
        lab: the picture in CIELAB, (H, W, 3).
        subject: certain pixels, (H, W); ``background`` likewise; at least one of them has some.
    """
    found = subject.astype(np.float64)
    open_ = ~(subject | background)
    count = int(open_.sum())
    if not count:
        return found
    number = np.full(open_.shape, -1)
    number[open_] = np.arange(count)
    diagonal, known = np.zeros(count), np.zeros(count)
    rows: list[NDArray[np.int_]] = []
    columns: list[NDArray[np.int_]] = []
    weights: list[NDArray[np.float64]] = []
    for one, other in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
    ):
        step = np.linalg.norm(lab[one] - lab[other], axis=2).astype(np.float64)
        weight = np.exp(-_BETA * np.maximum(0.0, step - _SOFT)) + _LEAST
        for here, there in ((one, other), (other, one)):
            at, to = number[here], number[there]
            inside = at >= 0
            np.add.at(diagonal, at[inside], weight[inside])
            ends = inside & (to < 0)
            np.add.at(known, at[ends], (weight * found[there])[ends])
            goes_on = inside & (to >= 0)
            rows.append(at[goes_on])
            columns.append(to[goes_on])
            weights.append(-weight[goes_on])
    every = np.arange(count)
    system = coo_matrix(
        (
            np.concatenate([*weights, diagonal]),
            (np.concatenate([*rows, every]), np.concatenate([*columns, every])),
        ),
        shape=(count, count),
    )
    found[open_] = spsolve(system.tocsc(), known)
    return np.clip(found, 0.0, 1.0)
