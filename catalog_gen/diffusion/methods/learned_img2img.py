"""Learned, from the photo: the photo is noised, and denoised with what was learned about it."""

from typing import ClassVar, Literal

from catalog_gen.diffusion.methods.img2img import ImageToImage
from catalog_gen.method import Need


class LearnedImageToImage(ImageToImage):
    """Redraws the photo with a concept, which knows what the noise has covered.

    So a strength at which the model alone would draw a similar product still draws this one.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"photo", "concept"})

    name: Literal["learned-img2img"] = "learned-img2img"  # type: ignore[assignment]
