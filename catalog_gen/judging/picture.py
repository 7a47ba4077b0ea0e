"""A picture prepared for the signals: they share its reductions, which are computed once."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.signals.colour import srgb_to_lab
from catalog_gen.judging.signals.exposure import luma_of
from catalog_gen.judging.signals.subject import subject_mask

#: Pictures are measured with a longer side of at most this many pixels, so that one threshold holds
#: for every size and an enlarged picture doesn't count as blurred.
MEASURING_SIDE: Final = 512
#: Placement and colour are measured on a reduction to about this many pixels a side.
_WORKING_SIDE: Final = 192
#: Smallest side, in pixels, that can be measured.
_SMALLEST_SIDE: Final = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What the picture was asked to show, in the shop's words; empty: not specified."""

    colour: str = ""
    count: int = 1


@dataclass(frozen=True)
class Picture:
    """Pixels (H, W, 3) in sRGB, what they were asked to show, and the photo they started from.

    ``reference`` has the picture's size; None: it was drawn from text alone. ``coverage`` is the
    product's mask in it, (H, W), 0..255, where the product was kept, and ``kept`` are the pixels
    that had to stay the photo's, (H, W). ``full_size`` are the pixels of a picture that was
    reduced, before that; None: these are its own.

    Raises:
        ValueError: another type or shape, under 16 pixels a side, or a photo of another size.
    """

    pixels: Pixels
    asked: Asked
    reference: Pixels | None = None
    coverage: Pixels | None = None
    kept: NDArray[np.bool_] | None = None
    full_size: Pixels | None = None

    def __post_init__(self) -> None:
        pixels, reference = self.pixels, self.reference
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ValueError(f"a picture is uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
        if min(pixels.shape[:2]) < _SMALLEST_SIDE:
            raise ValueError(
                f"a picture has at least {_SMALLEST_SIDE} pixels a side, not {pixels.shape[:2]}"
            )
        if reference is not None and reference.shape != pixels.shape:
            raise ValueError(f"the reference is {reference.shape}, the picture {pixels.shape}")
        for mask in (self.coverage, self.kept):
            if mask is not None and mask.shape != pixels.shape[:2]:
                raise ValueError(f"the mask is {mask.shape}, the picture {pixels.shape}")

    def at_measuring_size(self) -> "Picture":
        """The picture with a longer side of at most ``MEASURING_SIDE``.

        What was kept byte for byte shows on the whole picture alone, and is left out.
        """
        factor = -(-max(self.pixels.shape[:2]) // MEASURING_SIDE)
        return replace(
            self,
            pixels=_blocks(self.pixels, factor),
            reference=None if self.reference is None else _blocks(self.reference, factor),
            coverage=None if self.coverage is None else _blocks_of_one(self.coverage, factor),
            kept=None,
            full_size=None if factor == 1 else self.pixels,
        )

    @cached_property
    def lab(self) -> NDArray[np.float32]:
        """CIELAB of the reduction to the working size, (h, w, 3)."""
        return srgb_to_lab(_reduced(self.pixels))

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The subject on the reduction, (h, w): the product where it was kept, else what stands
        out from the border."""
        if self.coverage is None:
            return self.standing_out
        return _blocks_of_one(self.coverage, _working_factor(self.coverage)) > 127

    @cached_property
    def standing_out(self) -> NDArray[np.bool_]:
        """What stands out from the border on the reduction, (h, w)."""
        return subject_mask(self.lab)

    @cached_property
    def whole_mask(self) -> NDArray[np.bool_]:
        """The subject at full size, (H, W), enlarged from the reduction's mask."""
        mask, (height, width, _) = self.mask, self.pixels.shape
        if mask.shape == (height, width):
            return mask
        rows = np.arange(height) * mask.shape[0] // height
        columns = np.arange(width) * mask.shape[1] // width
        return np.asarray(mask[np.ix_(rows, columns)])

    @cached_property
    def luma(self) -> NDArray[np.float32]:
        """Luma of every pixel, (H, W), 0..255."""
        return luma_of(self.pixels)

    @cached_property
    def reference_lab(self) -> NDArray[np.float32] | None:
        """CIELAB of the photo's reduction, (h, w, 3)."""
        return None if self.reference is None else srgb_to_lab(_reduced(self.reference))


def _reduced(pixels: Pixels) -> Pixels:
    """The picture at about the working size."""
    return _blocks(pixels, _working_factor(pixels))


def _working_factor(pixels: Pixels) -> int:
    longer: int = max(pixels.shape[:2])
    return max(1, round(longer / _WORKING_SIDE))


def _blocks_of_one(mask: Pixels, factor: int) -> Pixels:
    """Blocks of a mask (H, W), averaged in the same way."""
    return _blocks(mask[..., None], factor)[..., 0]


def _blocks(pixels: Pixels, factor: int) -> Pixels:
    """Average blocks of ``factor`` pixels a side; incomplete blocks at the edges are dropped."""
    height, width, channels = pixels.shape
    if factor == 1:
        return pixels
    rows, columns = height // factor, width // factor
    # A strided sum for each place in a block takes a tenth of the time of a mean over two axes.
    total = np.zeros((rows, columns, channels), dtype=np.uint32)
    for down in range(factor):
        for across in range(factor):
            total += pixels[down : rows * factor : factor, across : columns * factor : factor]
    return np.asarray(np.round(total / np.float32(factor * factor)), dtype=np.uint8)
