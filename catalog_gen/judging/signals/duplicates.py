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
    """Hashes as (N,) integers, for ``TwinSearch``."""
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


class TwinSearch:
    """The twins of the pictures of ``asked`` among others, which may come in portions.

    Products with the same prompt are meant to look similar and are not compared.
    """

    def __init__(self, asked: Likenesses) -> None:
        self._asked = asked
        count = len(asked.products)
        self._bits = np.full(count, _NO_BITS, dtype=np.int64)
        self._cosines = np.full(count, -np.inf, dtype=np.float32)

    def compare(self, others: Likenesses) -> None:
        """Look among further pictures; those asked for may be among them."""
        asked = self._asked
        size = max(1, _TOGETHER // max(1, len(others.products)))
        for start in range(0, len(asked.products), size):
            own = slice(start, start + size)
            related = (asked.products[own, None] == others.products) | (
                asked.wishes[own, None] == others.wishes
            )
            bits = np.bitwise_count(asked.hashes[own, None] ^ others.hashes)
            bits = np.where(related, _NO_BITS, bits).min(axis=1, initial=_NO_BITS)
            self._bits[own] = np.minimum(self._bits[own], bits)
            cosines = asked.embeddings[own] @ others.embeddings.T
            nearest = np.where(related, -np.inf, cosines).max(axis=1, initial=-np.inf)
            self._cosines[own] = np.maximum(self._cosines[own], nearest)

    def twins(self) -> list[Twin | None]:
        """The twins so far; None: no other product to compare with."""
        return [
            None
            if fewest == _NO_BITS
            else Twin(int(fewest), round(max(0.0, float(distance)), _DIGITS))
            for fewest, distance in zip(self._bits, 1 - self._cosines, strict=True)
        ]


def _measure(picture: "Picture") -> dict[str, Value]:
    return {"perceptual_hash": perceptual_hash(picture.luma)}


#: It has no facts: near-duplicates are found by comparing pictures, see ``TwinSearch``.
SIGNAL: Final = Signal(facts={}, measure=_measure)
