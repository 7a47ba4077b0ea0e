"""What every method gets and gives back. It knows no single method: see ``registry``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from catalog_gen.diffusion.batching import BatchKey
from catalog_gen.diffusion.jobs import Pixels
from catalog_gen.diffusion.loading import LoadedPipeline

StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Batch:
    """One padded batch of B pictures, ready to be drawn.

    ``embeddings`` are the pipeline's own keyword arguments; ``generators`` holds B CPU
    generators; ``references`` B photos of (H, W, 3), or nothing for a method without one;
    ``on_step_end`` is called after each step and may raise to stop the drawing.
    """

    key: BatchKey
    embeddings: dict[str, torch.Tensor]
    generators: list[torch.Generator]
    references: tuple[Pixels, ...]
    scheduler: Any
    on_step_end: StepCallback


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was drawn: ``values`` is (B, 3, H, W), about [0, 1]; ``refused`` is B flags.

    A flag is set where the model's safety checker, if it has one, blacked the picture out.
    """

    values: torch.Tensor
    refused: list[bool]


DrawMethod = Callable[[LoadedPipeline, Batch], Pictures]


def run(pipeline: Any, batch: Batch, **arguments: Any) -> Pictures:
    """Call a diffusers pipeline with what all methods share and ``arguments`` of its own."""
    pipeline.scheduler = batch.scheduler
    output = pipeline(
        num_inference_steps=batch.key.steps,
        guidance_scale=batch.key.guidance,
        generator=batch.generators,
        output_type="pt",
        callback_on_step_end=batch.on_step_end,
        callback_on_step_end_tensor_inputs=[],
        **batch.embeddings,
        **arguments,
    )
    refused = getattr(output, "nsfw_content_detected", None)
    return Pictures(output.images, refused or [False] * len(batch.generators))
