"""Near-duplicates: a perceptual hash of 64 bits, and the nearest of many by Hamming distance."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

_SIDE: Final = 32
_KEPT: Final = 8


@lru_cache(maxsize=8)
def _area_weights(size: int) -> NDArray[np.float32]:
    """(32, size): each output row averages its share of the input."""
    edges = np.linspace(0, size, _SIDE + 1)
    cells = np.arange(size)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    overlap = np.maximum(overlap, 0)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)


def perceptual_hash(luma: NDArray[np.float32]) -> str:
    """64 bits as 16 hexadecimal digits, of a luma picture (H, W).

    pHash (C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010):
    the picture averaged to 32x32, its discrete cosine transform, the 8x8 lowest frequencies but
    the mean, each against their median.
    """
    height, width = luma.shape
    small = _area_weights(height) @ luma @ _area_weights(width).T
    low = dctn(small, norm="ortho")[:_KEPT, :_KEPT].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean says how bright a picture is, not what it shows
    return np.packbits(bits).tobytes().hex()


def hamming(one: str, other: str) -> int:
    """How many bits differ between two hashes, 0..64."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def as_bits(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """Hashes as (N,) integers, for ``nearest_bits`` over many."""
    return np.array([int(each, 16) for each in hashes], dtype=np.uint64)


def nearest_bits(own: np.uint64, others: NDArray[np.uint64]) -> int | None:
    """Bits between a hash and the most similar of (N,) others, 0..64; None: there are none.

    0..4 is a near-duplicate, about 32 unrelated.
    """
    return int(np.bitwise_count(others ^ own).min()) if others.size else None
