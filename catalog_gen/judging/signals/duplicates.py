"""Near-duplicates: a perceptual hash of 64 bits, and the most similar picture of another product.

Pictures are compared by hash and by embedding. Only pictures of different products and wishes are
compared; the rubric sets the limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

_SIDE: Final = 32
_KEPT: Final = 8
#: Comparisons of two pictures in one batch: they take about 80 MB.
_TOGETHER: Final = 5_000_000
_NO_BITS: Final = 65
_DIGITS: Final = 5


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
    low = scipy.fft.dctn(small, norm="ortho")[:_KEPT, :_KEPT].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean says how bright a picture is, not what it shows
    return np.packbits(bits).tobytes().hex()


def hamming(one: str, other: str) -> int:
    """How many bits differ between two hashes, 0..64."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def as_bits(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """Hashes as (N,) integers, for ``nearest_twins``."""
    return np.array([int(each, 16) for each in hashes], dtype=np.uint64)


@dataclass(frozen=True, eq=False, slots=True)
class Likenesses:
    """N pictures of one view, prepared for comparison."""

    products: NDArray[np.int64]
    """(N,): pictures with the same number show the same product."""
    wishes: NDArray[np.int64]
    """(N,): pictures with the same number were drawn from the same prompt."""
    hashes: NDArray[np.uint64]
    """(N,), as ``as_bits`` gives them."""
    embeddings: NDArray[np.float32]
    """(N, D), of unit length."""


@dataclass(frozen=True, slots=True)
class Twin:
    """The distances to the most similar pictures of other products."""

    bits: int
    """Bits between the perceptual hashes, 0..64: 0..4 a near-duplicate, about 32 unrelated."""
    distance: float
    """1 minus the cosine of the embeddings, 0..2: 0 the same."""


def nearest_twins(pictures: Likenesses, asked: NDArray[np.int64]) -> list[Twin | None]:
    """The twins of the pictures with indices ``asked``; None: no other product to compare with.

    Products with the same prompt are meant to look similar and are not compared.
    """
    found: list[Twin | None] = []
    size = max(1, _TOGETHER // max(1, len(pictures.products)))
    for start in range(0, len(asked), size):
        own = asked[start : start + size, None]
        related = (pictures.products[own] == pictures.products) | (
            pictures.wishes[own] == pictures.wishes
        )
        bits = np.bitwise_count(pictures.hashes[own] ^ pictures.hashes)
        nearest_bits = np.where(related, _NO_BITS, bits).min(axis=1)
        cosines = pictures.embeddings[own[:, 0]] @ pictures.embeddings.T
        nearest = 1 - np.where(related, -np.inf, cosines).max(axis=1)
        found += [
            None if alone else Twin(int(fewest), round(max(0.0, float(distance)), _DIGITS))
            for alone, fewest, distance in zip(
                related.all(axis=1), nearest_bits, nearest, strict=True
            )
        ]
    return found


def _measure(picture: "Picture") -> dict[str, Value]:
    return {"perceptual_hash": perceptual_hash(picture.luma)}


#: It has no facts: near-duplicates are found by comparing pictures, see ``nearest_twins``.
SIGNAL: Final = Signal(facts={}, measure=_measure)
