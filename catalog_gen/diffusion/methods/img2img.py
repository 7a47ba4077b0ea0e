"""Image to image: from the product's photo, with ``strength`` of the way to noise and back.

SDEdit (https://arxiv.org/abs/2108.01073): the photo's latents are noised up to the step at
``strength`` and denoised from there, so that a low strength keeps the product.
"""

import math

import numpy as np
import torch

from catalog_gen.diffusion.jobs import RecipeError
from catalog_gen.diffusion.loading import LoadedPipeline
from catalog_gen.diffusion.methods.batch import Batch, Pictures, run


def draw(loaded: LoadedPipeline, batch: Batch) -> Pictures:
    """Redraw a batch of photos, which are already as large as the pictures will be.

    Raises:
        RecipeError: no strength, or so few steps that none is left at that strength.
    """
    strength = batch.key.strength
    if strength is None:
        raise RecipeError("strength", "img2img needs one", "Set it in the view, e.g. 0.35.")
    if int(batch.key.steps * strength) < 1:
        raise RecipeError(
            f"strength = {strength} with steps = {batch.key.steps}",
            "no step is left to draw",
            f"Set at least {math.ceil(1 / strength)} steps, or a higher strength.",
        )
    photos = torch.from_numpy(np.stack(batch.references)).permute(0, 3, 1, 2).float() / 255
    return run(loaded.img2img, batch, image=photos, strength=strength)
