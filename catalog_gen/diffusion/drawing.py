"""Draw one padded batch from seeds, embeddings, scheduler and method, and check the pictures.

Exceptions pass through; the engine handles them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from catalog_gen.diffusion.batch import Batch, Pictures, StepCallback
from catalog_gen.diffusion.batching import BatchKey, pad
from catalog_gen.diffusion.concepts.file import Concept
from catalog_gen.diffusion.defects import defects
from catalog_gen.diffusion.jobs import Coverage, DrawJob, RecipeError
from catalog_gen.diffusion.loading import LoadedModel
from catalog_gen.diffusion.prompts import PromptEncoder
from catalog_gen.imaging.pixels import Pixels

#: Pixels that are decoded at once: one picture of 512 x 512, or a batch of small ones. Larger
#: batches are decoded picture by picture, since activations would take gigabytes.
DECODED_AT_ONCE: Final = 512 * 512


@dataclass(frozen=True, slots=True)
class ReadyJob:
    """A job with its photo (H, W, 3), its mask (H, W) and its concept, if its method needs them."""

    job: DrawJob
    photo: Pixels | None
    mask: Coverage | None = None
    concept: Concept | None = None


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """Pixels of (H, W, 3), and their defect, if any."""

    pixels: Pixels
    defect: str | None


class BatchDrawer:
    """Draws batches with one model and caches its encoded prompts."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._prompts = PromptEncoder(model)

    def draw(
        self, key: BatchKey, ready: Sequence[ReadyJob], size: int, on_step_end: StepCallback
    ) -> list[DrawnPicture]:
        """Draw 1 to ``size`` jobs that share ``key`` as one batch of exactly ``size``.

        Raises:
            RecipeError: the model or the method can't draw such recipes.
            RuntimeError: raised by torch, for example when memory runs out.
        """
        concept = ready[0].concept
        if concept is None:
            return self._drawn(key, ready, size, on_step_end)
        with concept.lesson.learner.worn(self._model, concept):
            return self._drawn(key, ready, size, on_step_end)

    def _drawn(
        self, key: BatchKey, ready: Sequence[ReadyJob], size: int, on_step_end: StepCallback
    ) -> list[DrawnPicture]:
        padded = pad(ready, size)
        recipes = [each.job.recipe for each in padded]
        model, family = self._model, self._model.family
        guided = family.is_guided(model.main, key.guidance)
        batch = Batch(
            key=key,
            embeddings=self._prompts.arguments(
                [recipe.prompt for recipe in recipes],
                [recipe.negative_prompt for recipe in recipes] if guided else None,
                key.concept,
            ),
            # The CPU's generator gives the same noise for every device.
            generators=[torch.Generator("cpu").manual_seed(recipe.seed) for recipe in recipes],
            photos=tuple(each.photo for each in padded if each.photo is not None),
            scheduler=family.scheduler(key.scheduler, model.scheduler, key.steps),
            on_step_end=on_step_end,
            masks=tuple(each.mask for each in padded if each.mask is not None),
            concept=ready[0].concept,
        )
        # By size only, never by free memory: another slicing changes the last bits.
        model.main.vae.use_slicing = key.width * key.height * size > DECODED_AT_ONCE
        return _examined(key.method.draw(model, batch), len(ready), (key.height, key.width))


def _examined(pictures: Pictures, count: int, size: tuple[int, int]) -> list[DrawnPicture]:
    """The first ``count`` pictures as 8-bit pixels; the padding after them is dropped.

    Raises:
        RecipeError: they don't have ``size`` (height and width), since some pipelines round it.
    """
    values = pictures.values[:count].float()
    if values.shape[2:] != size:
        height, width = values.shape[2:]
        raise RecipeError(
            f"{size[1]} x {size[0]} pixels",
            f"the model drew {width} x {height} instead",
            "Choose a size that the model draws.",
        )
    levels = (values.clamp(0, 1) * 255).round().to(torch.uint8)
    found = defects(values, levels)
    pixels = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [
        DrawnPicture(
            pixels[i],
            "a picture that the model's safety checker blacked out"
            if pictures.refused[i]
            else found[i],
        )
        for i in range(count)
    ]
