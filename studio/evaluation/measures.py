"""The metrics of the model card as functions of arrays: PSNR, SSIM, AUROC, sharpness, intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A share of yes-or-no outcomes with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def wilson(right: int, n: int) -> Share:
    """Wilson's score interval at 95 % (Wilson 1927, JASA 22); ``n`` must be positive."""
    interval = binomtest(right, n).proportion_ci(0.95, "wilson")
    return Share(right / n, float(interval.low), float(interval.high), n)


def psnr(reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio of two uint8 arrays of one shape, in dB; inf where equal."""
    error = float(np.mean((reference.astype(np.float64) - other.astype(np.float64)) ** 2))
    return math.inf if error == 0.0 else 10.0 * math.log10(255.0**2 / error)


def luma(pictures: NDArray[np.uint8]) -> Floats:
    """Rec. 601 luma (..., H, W) in [0, 255] of uint8 (..., H, W, 3)."""
    weighted: Floats = pictures.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return weighted


def _blur(plane: Floats, sigma: float = 1.5, radius: int = 5) -> Floats:
    """Separable Gaussian blur of (H, W), reflected at the border."""
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    padded = np.pad(plane, radius, mode="reflect")
    rows = np.apply_along_axis(np.convolve, 0, padded, taps, "valid")
    blurred: Floats = np.apply_along_axis(np.convolve, 1, rows, taps, "valid")
    return blurred


def ssim(reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean structural similarity of two uint8 pictures (H, W, 3), on luma.

    Wang et al. 2004 (IEEE TIP 13): Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03.
    """
    a, b = luma(reference), luma(other)
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = _blur(a * a) - mean_a**2
    var_b = _blur(b * b) - mean_b**2
    both = _blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    bottom = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return float(np.mean(top / bottom))


def auroc(right: Floats, wrong: Floats) -> float:
    """Probability that a random ``right`` score exceeds a random ``wrong`` one; ties count half.

    The Mann-Whitney statistic over the product of the sizes.
    """
    statistic = mannwhitneyu(right, wrong, method="asymptotic").statistic
    return float(statistic) / (len(right) * len(wrong))


def kernel_distance(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """How far apart two sets of embeddings (N, E) and (M, E) are; 0 is the same distribution.

    The squared maximum mean discrepancy under the kernel (1 + x * y)^3 of unit vectors, without
    bias by the number of pictures (Binkowski et al. 2018, arXiv:1801.01401), so it may be negative.
    """

    def kernel(x: NDArray[np.float32], y: NDArray[np.float32]) -> Floats:
        product: Floats = (1 + x.astype(np.float64) @ y.astype(np.float64).T) ** 3
        return product

    def within(x: NDArray[np.float32]) -> float:
        inner, n = kernel(x, x), len(x)
        return float((inner.sum() - np.trace(inner)) / (n * (n - 1)))

    return within(some) + within(others) - 2 * float(kernel(some, others).mean())


def gradient_energy(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Mean squared luma gradient inside ``mask`` (H, W) of a uint8 picture (H, W, 3).

    Forward differences of luma in [0, 255], both directions; NaN where the mask is empty.
    """
    plane = luma(picture)
    across, down = np.diff(plane, axis=1)[:-1], np.diff(plane, axis=0)[:, :-1]
    energy = across**2 + down**2
    inside = mask[:-1, :-1]
    return float(energy[inside].mean()) if inside.any() else math.nan


def white_border(picture: NDArray[np.uint8], least: int = 250) -> bool:
    """Whether every pixel on the outermost rows and columns is at least ``least`` in R, G, B."""
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    return all(int(edge.min()) >= least for edge in edges)
