"""Denoise a path-traced render: non-local means guided by noise-free features.

After F. Rousselle, C. Knaus and M. Zwicker, "Adaptive rendering with non-local means filtering"
(2012) and F. Rousselle, M. Manzi and M. Zwicker, "Robust denoising using feature and color
information" (2013): two independent half renders give the noise of every pixel, and pixels are
averaged only where they differ by no more than that and lie on the same surface.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

#: Each pass looks this many steps to every side.
_REACH: Final[int] = 3
#: Step of each pass in pixels: the second, wider one removes the remaining slow mottle.
_STEPS: Final[tuple[int, int]] = (1, 3)
#: Tolerated difference, in standard deviations of the noise; larger smooths more.
_STRENGTH: Final[float] = 1.0


def _spread(image: Image, radius: int) -> Image:
    """The mean over a square window, edges repeated; (H, W, C) to the same."""
    for axis in (0, 1):
        pad = [(radius, radius) if a == axis else (0, 0) for a in range(image.ndim)]
        wide = np.moveaxis(np.pad(image, pad, mode="edge"), axis, 0)
        size = image.shape[axis]
        total = sum(wide[k : k + size] for k in range(2 * radius + 1))
        image = np.moveaxis(np.asarray(total, np.float32) / np.float32(2 * radius + 1), 0, axis)
    return image


def denoise(first: Image, second: Image, features: Image) -> Image:
    """The denoised mean of two half renders.

    Args:
        first: (H, W, C) linear radiance, all C channels of the same scene.
        second: the same with other random numbers.
        features: (H, W, F) noise-free, each scaled so that a difference of 1 marks an edge.

    Returns:
        (H, W, C). All channels share their weights, so that blends of channels stay blends.
    """
    picture = np.float32(0.5) * (first + second)
    variance = _spread(np.float32(0.25) * np.square(first - second), 2) + np.float32(1e-6)
    for step in _STEPS:
        picture, variance = _pass(picture, variance, features, step)
    return picture


def _pass(mean: Image, variance: Image, features: Image, step: int) -> tuple[Image, Image]:
    """One filtering and the variance that remains, taken as if neighbours were independent."""
    height, width, channels = mean.shape
    far = _REACH * step
    stacked = np.concatenate([mean, variance, features], axis=-1)
    padded = np.pad(stacked, ((far, far), (far, far), (0, 0)), mode="edge")
    total = mean.copy()
    remaining = variance.copy()
    weights = np.ones((height, width, 1), dtype=np.float32)
    for dy in range(-far, far + 1, step):
        for dx in range(-far, far + 1, step):
            if dx == dy == 0:
                continue
            top, left = far + dy, far + dx
            other = padded[top : top + height, left : left + width]
            theirs = other[..., :channels]
            spread = other[..., channels : 2 * channels]
            apart = (mean - theirs) ** 2 - (variance + np.minimum(variance, spread))
            apart /= _STRENGTH**2 * (variance + spread)
            colour = _spread(apart.mean(axis=-1, keepdims=True), 1)
            surface = ((features - other[..., 2 * channels :]) ** 2).sum(axis=-1, keepdims=True)
            weight = np.exp(-np.maximum(np.maximum(colour, surface), 0.0))
            total += weight * theirs
            remaining += weight**2 * spread
            weights += weight
    return total / weights, remaining / weights**2
