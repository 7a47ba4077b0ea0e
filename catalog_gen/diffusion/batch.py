"""The input and output of a drawing method: a batch, and its pictures."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from catalog_gen.diffusion.batching import BatchKey
from catalog_gen.diffusion.jobs import Coverage
from catalog_gen.imaging.pixels import Pixels

if TYPE_CHECKING:
    from catalog_gen.diffusion.concepts.file import Concept
    from catalog_gen.diffusion.loading import LoadedModel

StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Batch:
    """One padded batch of B pictures, ready to be drawn.

    ``embeddings`` are keyword arguments of the pipeline; ``generators`` holds B generators;
    ``photos`` holds B photos of (H, W, 3), or none for a method that needs none;
    ``masks`` likewise holds B masks of (H, W), or none;
    ``concept`` is what was learned about the product of all of them, and the model wears it;
    ``on_step_end`` is called after each step and may raise to stop the drawing.
    """

    key: BatchKey
    embeddings: dict[str, Any]
    generators: list[torch.Generator]
    photos: tuple[Pixels, ...]
    scheduler: Any
    on_step_end: StepCallback
    masks: tuple[Coverage, ...] = ()
    concept: "Concept | None" = None

    def photo_values(self) -> torch.Tensor:
        """The photos as (B, 3, H, W) in [0, 1]."""
        return torch.from_numpy(np.stack(self.photos)).permute(0, 3, 1, 2).float() / 255

    def coverage(self) -> torch.Tensor:
        """How much of each pixel is the product, (B, 1, H, W) in [0, 1]."""
        return torch.from_numpy(np.stack(self.masks))[:, None].float() / 255

    def image(self, model: "LoadedModel") -> Any:
        """The photos in the form that the model's pipelines expect."""
        return model.family.image(self.photo_values())

    def saying(self, embeddings: dict[str, Any]) -> "Batch":
        """The same batch with other embeddings."""
        return replace(self, embeddings=embeddings)

    def run(self, model: "LoadedModel", **arguments: Any) -> "Pictures":
        """Call the pipeline for the method's task, with additional ``arguments``."""
        family, pipeline = model.family, model.pipelines[self.key.method.task]
        pipeline.scheduler = self.scheduler
        output = pipeline(
            generator=self.generators,
            output_type="pt",
            **self.embeddings,
            **family.watching(pipeline, self.on_step_end),
            **(family.arguments(pipeline, self.key) | arguments),
        )
        refused = getattr(output, "nsfw_content_detected", None)
        return Pictures(output.images, refused or [False] * len(self.generators))


@dataclass(frozen=True, slots=True)
class Pictures:
    """A drawn batch: ``values`` is (B, 3, H, W), about [0, 1]; ``refused`` holds B flags.

    A flag is set where the model's safety checker, if it has one, blacked out the picture.
    """

    values: torch.Tensor
    refused: list[bool]

    def of(self, values: torch.Tensor) -> "Pictures":
        """The same pictures with other values."""
        return replace(self, values=values)
