"""Exposure signals: light, contrast, clipping and banding of a picture."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

#: A channel that spans fewer levels than this in the subject shows no bands.
_SHORT_RANGE: Final = 24


@dataclass(frozen=True, slots=True)
class Exposure:
    """Light and its defects."""

    brightest: float
    """99th percentile of the luma, 0..255: a black picture stays low."""
    contrast: float
    """Standard deviation of the luma, 0..127: a flat picture has none."""
    clipped_high: float | None
    """Share of the subject whose three channels are all 255, 0..1."""
    clipped_low: float | None
    """Share of the subject whose three channels are all at most 2, 0..1."""
    level_use: float | None
    """Share of the levels within the subject's range that occur, 0..1: banding leaves gaps."""


def luma_of(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luma (H, W), 0..255, of sRGB levels (H, W, 3), with the weights of ITU-R BT.709."""
    weights = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    return pixels.astype(np.float32) @ weights


def exposure_of(
    pixels: NDArray[np.uint8], luma: NDArray[np.float32], mask: NDArray[np.bool_]
) -> Exposure:
    """Exposure of a picture (H, W, 3) with its luma and the subject's mask (H, W).

    Values of the subject are None if the mask is empty.
    """
    subject = pixels[mask]
    present = len(subject) > 0
    return Exposure(
        brightest=float(np.percentile(luma, 99)),
        contrast=float(luma.std()),
        clipped_high=float((subject.min(axis=1) == 255).mean()) if present else None,
        clipped_low=float((subject.max(axis=1) <= 2).mean()) if present else None,
        level_use=_level_use(subject) if present else None,
    )


def _level_use(subject: NDArray[np.uint8]) -> float | None:
    """The mean over channels that span enough levels; None if no channel does."""
    shares = []
    for channel in subject.T:
        low, high = np.percentile(channel, (2, 98)).astype(int)
        span = high - low + 1
        if span < _SHORT_RANGE:
            continue
        counts = np.bincount(channel, minlength=256)[low : high + 1]
        # With few pixels not every level can occur: expect what an even spread would fill.
        expected = span * (1 - np.exp(-len(channel) / span))
        shares.append(min(1.0, float((counts > 0).sum()) / expected))
    return float(np.mean(shares)) if shares else None


def _measure(picture: "Picture") -> dict[str, Value]:
    return asdict(exposure_of(picture.pixels, picture.luma, picture.whole_mask))


SIGNAL: Final = Signal(
    facts={
        "brightest": "99th percentile of the luma, 0..255",
        "contrast": "standard deviation of the luma, 0..127",
        "clipped_high": "share of the subject whose three channels are all 255, 0..1",
        "clipped_low": "share of the subject whose three channels are all at most 2, 0..1",
        "level_use": "share of the levels within the subject's range that occur, 0..1",
    },
    measure=_measure,
)
