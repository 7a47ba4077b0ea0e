"""Draw one padded batch: seeds, embeddings, scheduler and method, and look at what came out.

It lets every fault through; what to do about one is the engine's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from catalog_gen.diffusion.batching import BatchKey, pad
from catalog_gen.diffusion.faults import defect
from catalog_gen.diffusion.jobs import DrawJob, Pixels
from catalog_gen.diffusion.loading import LoadedPipeline
from catalog_gen.diffusion.methods.batch import Batch, Pictures, StepCallback
from catalog_gen.diffusion.methods.registry import METHODS
from catalog_gen.diffusion.prompts import PromptEncoder
from catalog_gen.diffusion.schedulers import build_scheduler

#: Pixels that are decoded at once: one picture of 512 x 512, or a batch of small ones. What is
#: larger is decoded picture by picture, since activations would take gigabytes.
DECODED_AT_ONCE: Final = 512 * 512


@dataclass(frozen=True, slots=True)
class ReadyJob:
    """A job whose reference photo, if its method needs one, is loaded: (H, W, 3)."""

    job: DrawJob
    reference: Pixels | None


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """Pixels of (H, W, 3), and what is wrong with them, if anything."""

    pixels: Pixels
    defect: str | None


class BatchDrawer:
    """Draws batches with one pipeline and remembers its encoded prompts."""

    def __init__(self, loaded: LoadedPipeline) -> None:
        self._loaded = loaded
        self._prompts = PromptEncoder(loaded.text2img)
        # The scheduler attribute is replaced at each batch; this is the model's own.
        self._schedule = loaded.text2img.scheduler.config

    def draw(
        self, key: BatchKey, ready: Sequence[ReadyJob], size: int, on_step_end: StepCallback
    ) -> list[DrawnPicture]:
        """Draw 1 to ``size`` jobs that share ``key`` as one batch of exactly ``size``.

        Raises:
            RecipeError: the model or the method can't draw such recipes.
            RuntimeError: torch's, for lack of memory among others.
        """
        padded = pad(ready, size)
        recipes = [each.job.recipe for each in padded]
        guided = self._guided(key)
        batch = Batch(
            key=key,
            embeddings=self._prompts.arguments(
                [recipe.prompt for recipe in recipes],
                [recipe.negative_prompt for recipe in recipes] if guided else None,
            ),
            # The CPU's generator gives the same noise for every device.
            generators=[torch.Generator("cpu").manual_seed(recipe.seed) for recipe in recipes],
            references=tuple(each.reference for each in padded if each.reference is not None),
            scheduler=build_scheduler(key.scheduler, self._schedule, key.steps),
            on_step_end=on_step_end,
        )
        # By size alone, never by what memory is free: another slicing gives other last bits.
        vae = self._loaded.text2img.vae
        vae.use_slicing = key.width * key.height * size > DECODED_AT_ONCE
        return _examined(METHODS[key.method].draw(self._loaded, batch), len(ready))

    def _guided(self, key: BatchKey) -> bool:
        """Whether classifier-free guidance applies, by the rule of diffusers' pipelines."""
        return key.guidance > 1 and self._loaded.text2img.unet.config.time_cond_proj_dim is None


def _examined(pictures: Pictures, count: int) -> list[DrawnPicture]:
    """The first ``count`` pictures as 8-bit pixels; the padding behind them is dropped."""
    values = pictures.values[:count].float()
    finite = values.isfinite().flatten(1).all(1).tolist()
    bytes_ = (values.clamp(0, 1) * 255).round().to(torch.uint8)
    pixels = bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [
        DrawnPicture(
            pixels[i],
            "a picture that the model's safety checker blacked out"
            if pictures.refused[i]
            else defect(pixels[i], finite=finite[i]),
        )
        for i in range(count)
    ]
