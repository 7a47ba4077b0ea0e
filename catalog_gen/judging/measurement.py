"""Measures a picture once: all signals that need no model, as one frozen record.

What needs a network (``contrasts``, ``identity_distance``, ``lettering``) is added by whoever has
its answers. Nothing here judges: the same record is judged again whenever the rubric changes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.fingerprint import canonical_json
from catalog_gen.judging.contrasts import Contrast
from catalog_gen.judging.signals.background import backdrop_of
from catalog_gen.judging.signals.colour import srgb_to_lab, subject_colour
from catalog_gen.judging.signals.duplicates import perceptual_hash
from catalog_gen.judging.signals.exposure import exposure_of, luma_of
from catalog_gen.judging.signals.identity import Identity, identity_of
from catalog_gen.judging.signals.sharpness import sharpness_of
from catalog_gen.judging.signals.subject import placement_of, subject_mask

#: Placement and colour are measured on a reduction to about this many pixels a side.
_WORKING_SIDE: Final = 192
_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What the picture was asked to show, in the shop's words; empty: nothing was said."""

    colour: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything measured on one picture. None: not measurable here, never "good" or "bad".

    Units and sources stand with the functions in ``signals``.
    """

    width: int
    height: int
    brightest: float
    contrast: float
    area: float
    fill: float
    off_centre: float
    edge_contact: float
    parts: int
    extra_parts: int
    pure_white: float
    near_white: float
    border_lightness: float
    unevenness: float
    colour_word: str | None
    colour_lab: tuple[float, float, float] | None
    colour_delta: float | None
    colour_share: float | None
    colour_rival: float | None
    edge_width: float | None
    detail: float | None
    noise: float | None
    clipped_high: float | None
    clipped_low: float | None
    level_use: float | None
    perceptual_hash: str
    identity_overlap: float | None = None
    identity_colour: float | None = None
    identity_distance: float | None = None
    lettering: float | None = None
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)

    def to_json(self) -> str:
        """Canonical JSON, as the store keeps it."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Signals":
        """The record of ``to_json``.

        Raises:
            ValueError, TypeError: the text is no such record.
        """
        import json

        raw: dict[str, Any] = json.loads(text)
        if raw["colour_lab"] is not None:
            raw["colour_lab"] = tuple(raw["colour_lab"])
        raw["contrasts"] = {name: Contrast(**each) for name, each in raw["contrasts"].items()}
        return cls(**raw)


def measure(
    pixels: NDArray[np.uint8], *, asked: Asked, reference: NDArray[np.uint8] | None = None
) -> Signals:
    """All signals of a picture, uint8 (H, W, 3) sRGB; a few milliseconds at 128x128.

    ``reference`` is the photo that img2img started from, at the picture's size.

    Raises:
        ValueError: another type or shape, under 16 pixels a side, or a reference of another size.
    """
    _check(pixels, reference)
    small = _reduced(pixels)
    lab = srgb_to_lab(small)
    mask = subject_mask(lab)
    placement = placement_of(mask)
    colour = subject_colour(lab, mask, asked.colour)
    backdrop = backdrop_of(pixels, srgb_to_lab(pixels) if small.shape != pixels.shape else lab)
    luma = luma_of(pixels)
    full_mask = _enlarged(mask, luma.shape)
    exposure = exposure_of(pixels, luma, full_mask)
    sharpness = sharpness_of(luma, full_mask)
    identity: Identity | None = None
    if reference is not None:
        reference_lab = srgb_to_lab(_reduced(reference))
        identity = identity_of(lab, mask, reference_lab, subject_mask(reference_lab))
    return _rounded(
        Signals(
            width=pixels.shape[1],
            height=pixels.shape[0],
            brightest=exposure.brightest,
            contrast=exposure.contrast,
            area=placement.area,
            fill=placement.fill,
            off_centre=placement.off_centre,
            edge_contact=placement.edge_contact,
            parts=placement.parts,
            extra_parts=max(0, placement.parts - asked.count),
            pure_white=backdrop.pure_white,
            near_white=backdrop.near_white,
            border_lightness=backdrop.lightness,
            unevenness=backdrop.unevenness,
            colour_word=colour.word if colour else None,
            colour_lab=(colour.lightness, colour.a, colour.b) if colour else None,
            colour_delta=colour.delta_e if colour else None,
            colour_share=colour.asked_share if colour else None,
            colour_rival=colour.rival_share if colour else None,
            edge_width=sharpness.edge_width if sharpness else None,
            detail=sharpness.detail if sharpness else None,
            noise=exposure.noise,
            clipped_high=exposure.clipped_high,
            clipped_low=exposure.clipped_low,
            level_use=exposure.level_use,
            perceptual_hash=perceptual_hash(luma),
            identity_overlap=identity.overlap if identity else None,
            identity_colour=identity.colour_change if identity else None,
        )
    )


def _check(pixels: NDArray[np.uint8], reference: NDArray[np.uint8] | None) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"a picture is uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    if min(pixels.shape[:2]) < 16:
        raise ValueError(f"a picture has at least 16 pixels a side, not {pixels.shape[:2]}")
    if reference is not None and reference.shape != pixels.shape:
        raise ValueError(f"the reference is {reference.shape}, the picture {pixels.shape}")


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean of whole blocks, so that large pictures cost little more than small ones."""
    height, width, _ = pixels.shape
    factor = max(1, round(max(height, width) / _WORKING_SIDE))
    if factor == 1:
        return pixels
    rows, columns = height // factor, width // factor
    blocks = pixels[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, 3)
    return np.asarray(np.round(blocks.mean(axis=(1, 3), dtype=np.float32)), dtype=np.uint8)


def _enlarged(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of the reduction, as large as the picture: each pixel asks its block."""
    if mask.shape == shape:
        return mask
    rows = np.arange(shape[0]) * mask.shape[0] // shape[0]
    columns = np.arange(shape[1]) * mask.shape[1] // shape[1]
    return np.asarray(mask[np.ix_(rows, columns)])


def _rounded(signals: Signals) -> Signals:
    """Five digits after the point: more is noise, and the stored text stays short."""
    values: dict[str, Any] = {}
    for each in fields(signals):
        value = getattr(signals, each.name)
        if isinstance(value, float):
            value = round(value, _DIGITS)
        elif each.name == "colour_lab" and value is not None:
            value = tuple(round(part, _DIGITS) for part in value)
        values[each.name] = value
    return Signals(**values)
