"""A product's mask in its photo, and who makes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from catalog_gen.fingerprint import canonical_json, sha256_text
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.signals.colour import srgb_to_lab
from catalog_gen.settings.feed import CutoutSettings
from catalog_gen.vision.backdrop import find_product
from catalog_gen.vision.matting import soft_edges

if TYPE_CHECKING:
    from catalog_gen.diffusion.hash_cache import HashCache

#: Longer side, in pixels, at which a photo is looked at: the walker's system grows with its area.
WALKED: Final = 384
#: And at which its outline is refined.
_REFINED: Final = 1024
#: A mask below or above these shares of the photo shows no product, or everything.
_SMALLEST: Final = 0.005
_LARGEST: Final = 0.95


@dataclass(frozen=True, eq=False, slots=True)
class Cutout:
    """A mask (H, W) of a photo's size, 0..255; or why there is none, and what would help."""

    mask: Pixels | None
    problem: str = ""

    @property
    def area(self) -> float:
        """Share of the photo that is product, 0..1."""
        return 0.0 if self.mask is None else float(self.mask.mean() / 255)


class Cutter(Protocol):
    """Cuts products out of photos."""

    @property
    def made_by(self) -> Mapping[str, Any]:
        """All that decides its masks, as JSON values."""

    def cut(self, photo: Pixels) -> Cutout:
        """The product's mask in a photo (H, W, 3)."""


def maker_of(cutter: Cutter) -> str:
    """SHA-256 over all that decides a cutter's masks."""
    return sha256_text(canonical_json(dict(cutter.made_by)))


def cutter_of(settings: CutoutSettings, hashes: "HashCache") -> Cutter:
    """The configured cutter; a model is hashed here, and loaded with its first photo.

    Raises:
        ModelError: the model's folder can't be used.
    """
    if settings.model is None:
        return BackdropCutter()
    from catalog_gen.vision.segmenter import ModelCutter

    return ModelCutter(settings.model, hashes)


class BackdropCutter:
    """Measures: for photos on white, grey or another plain backdrop."""

    made_by: ClassVar[Mapping[str, Any]] = {"by": "backdrop", "version": 2}

    def cut(self, photo: Pixels) -> Cutout:
        """About 50 ms for a photo of 256 pixels, a quarter of a second for larger ones."""
        found = find_product(srgb_to_lab(scaled(photo, WALKED)))
        if found.problem:
            return Cutout(None, f"{found.problem}. {found.remedy}")
        return finished(photo, found.mask)


def finished(photo: Pixels, mask: NDArray[np.bool_]) -> Cutout:
    """A mask that was found on a reduced photo, checked, with soft edges, at the photo's size."""
    area = float(mask.mean())
    if not _SMALLEST <= area <= _LARGEST:
        return Cutout(
            None,
            f"what was cut out is {area:.1%} of it (at least {_SMALLEST:.1%}, at most "
            f"{_LARGEST:.0%}). Take a photo that shows the whole product before a plain backdrop",
        )
    from PIL import Image

    refined = scaled(photo, _REFINED)
    height, width, _ = refined.shape
    if mask.shape != (height, width):
        shares = Image.fromarray(mask.astype(np.uint8) * 255)
        shares = shares.resize((width, height), Image.Resampling.BILINEAR)
        mask = np.asarray(shares) > 127
    reach = max(1, round(max(height, width) / WALKED))
    coverage = soft_edges(srgb_to_lab(refined), mask, reach)
    levels = Image.fromarray(np.asarray(np.round(coverage * 255), dtype=np.uint8))
    whole = levels.resize((photo.shape[1], photo.shape[0]), Image.Resampling.BILINEAR)
    return Cutout(np.asarray(whole))


def scaled(photo: Pixels, side: int) -> Pixels:
    """The photo with a longer side of at most so many pixels."""
    longer = max(photo.shape[:2])
    if longer <= side:
        return photo
    from PIL import Image

    height, width = (max(1, round(length * side / longer)) for length in photo.shape[:2])
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BOX))
