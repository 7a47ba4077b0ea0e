"""Enlarge pictures: by Lanczos, or with a super-resolution model of the user's.

A model is a folder in transformers' form (Swin2SR, ...): configuration, preprocessor, safetensors.
It enlarges by whole factors; what is too much is scaled back by Lanczos.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from catalog_gen.diffusion.model_folder import ModelFolder
from catalog_gen.errors import ModelError
from catalog_gen.imaging.decode import contain_on_white
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.settings.publishing import UpscaleSettings

if TYPE_CHECKING:
    from catalog_gen.diffusion.hash_cache import HashCache

_REMEDY: Final = "Name the folder of a super-resolution model in upscale.model, or take it out."


class Upscaler(Protocol):
    """Enlarges pictures."""

    @property
    def name(self) -> str:
        """What enlarges, as files say it: it decides the pixels, together with picture and size."""

    @property
    def slow(self) -> bool:
        """Whether its pictures are worth keeping."""

    def enlarge(self, pixels: Pixels, width: int, height: int) -> Pixels:
        """The picture (H, W, 3) at a larger size of the same proportions."""


class Lanczos:
    """By interpolation: nothing is added."""

    name: Final = "Lanczos"
    slow: Final = False

    def enlarge(self, pixels: Pixels, width: int, height: int) -> Pixels:
        return contain_on_white(pixels, width, height)


def upscaler_of(settings: UpscaleSettings, hashes: "HashCache") -> Upscaler:
    """The configured one; a model is hashed here, and loaded with its first picture.

    Raises:
        ModelError: the model's folder can't be used.
    """
    return Lanczos() if settings.model is None else ModelUpscaler(settings.model, hashes)


class ModelUpscaler:
    """On the CPU, where its pixels do not depend on a card.

    Args:
        folder: configuration, preprocessor and safetensors weights.
        hashes: remembers the hashes of its files.

    Raises:
        ModelError: the folder is missing or incomplete, brings its own code, or is another kind.
    """

    slow: Final = True

    def __init__(self, folder: Path, hashes: "HashCache") -> None:
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TO_IMAGE_MAPPING_NAMES

        self._folder = ModelFolder.checked(
            folder,
            set(MODEL_FOR_IMAGE_TO_IMAGE_MAPPING_NAMES.values()),
            absent=("there is no config.json in it", _REMEDY),
            unfit="enlarges nothing that is known",
        )
        factor = self._folder.config.get("upscale")
        if not isinstance(factor, int) or factor < 2:
            raise ModelError(
                str(folder / "config.json"),
                f"its factor (upscale) is {factor}",
                "Use one of 2 or more.",
            )
        self._factor = factor
        self.name = f"{self._folder.architecture} {self._folder.sha256(hashes.sha256)}"

    def enlarge(self, pixels: Pixels, width: int, height: int) -> Pixels:
        while pixels.shape[1] < width or pixels.shape[0] < height:
            pixels = self._once(pixels)
        return contain_on_white(pixels, width, height)

    def _once(self, pixels: Pixels) -> Pixels:
        import torch
        from PIL import Image

        model, prepare = self._parts
        seen = prepare(images=Image.fromarray(pixels), return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            larger = model(pixel_values=seen).reconstruction[0]
        # The preprocessor padded the picture to whole windows.
        height, width = (self._factor * side for side in pixels.shape[:2])
        levels = larger[:, :height, :width].float().clamp(0, 1) * 255
        return np.asarray(levels.round().byte().permute(1, 2, 0).contiguous().numpy())

    @cached_property
    def _parts(self) -> tuple[Any, ...]:
        """The model and its preprocessor."""
        from transformers import AutoImageProcessor, AutoModelForImageToImage

        return self._folder.load(
            AutoModelForImageToImage, AutoImageProcessor, remedy="Save model and preprocessor."
        )
