"""Inpainting checkpoints: the UNet also takes the mask and the masked photo.

With a VAE of 4 channels it has nine input channels. Such a model can only fill masks.
"""

from collections.abc import Mapping
from typing import ClassVar

from catalog_gen.diffusion.families.family import TaskRules
from catalog_gen.diffusion.families.sdxl import StableDiffusionXL
from catalog_gen.diffusion.families.stable_diffusion import StableDiffusion
from catalog_gen.method import Task


class StableDiffusionInpaint(StableDiffusion):
    """``StableDiffusionInpaintPipeline``."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "StableDiffusionInpaintPipeline": StableDiffusion.pipelines["StableDiffusionPipeline"]
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"inpaint": TaskRules(own=True)}
    teachable: ClassVar[bool] = False

    def input_channels(self, latent: int) -> frozenset[int]:
        """Noise, masked photo and mask."""
        return frozenset({2 * latent + 1})


class StableDiffusionXLInpaint(StableDiffusionXL):
    """``StableDiffusionXLInpaintPipeline``."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "StableDiffusionXLInpaintPipeline": StableDiffusionXL.pipelines["StableDiffusionXLPipeline"]
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"inpaint": TaskRules(own=True)}
    teachable: ClassVar[bool] = False

    def input_channels(self, latent: int) -> frozenset[int]:
        """Noise, masked photo and mask."""
        return frozenset({2 * latent + 1})
