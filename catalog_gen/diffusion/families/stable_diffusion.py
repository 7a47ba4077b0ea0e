"""Stable Diffusion 1.x and 2.x: one CLIP text encoder, a UNet, a VAE of factor 8.

High-Resolution Image Synthesis with Latent Diffusion Models (https://arxiv.org/abs/2112.10752).
Distilled models (Turbo, Lightning, LCM weights) use the same pipeline with their own scheduler and
a guidance of 1 or less.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from catalog_gen.diffusion.families.family import (
    OWN,
    Drawable,
    Embedding,
    Family,
    Problem,
    TaskRules,
)
from catalog_gen.diffusion.noise_schedules import SOLVERS, schedule_problem, scheduler_of
from catalog_gen.method import Task

if TYPE_CHECKING:
    import torch


class StableDiffusion(Family):
    """``StableDiffusionPipeline``, with or without safety checker."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "StableDiffusionPipeline": frozenset(
            {"unet", "vae", "text_encoder", "tokenizer", "scheduler"}
        )
    }
    encodes_together: ClassVar[bool] = True
    tasks: ClassVar[Mapping[Task, TaskRules]] = {
        "text2img": TaskRules(),
        "img2img": TaskRules(),
        "inpaint": TaskRules(blended=True),
        "control": TaskRules(part="controlnet"),
        "variation": TaskRules(part="ip_adapter"),
    }
    schedulers: ClassVar[tuple[str, ...]] = (OWN, *SOLVERS)
    denoises: ClassVar[str] = "unet"
    multiple: ClassVar[int] = 8
    checkpoint: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "unet": ("model.diffusion_model.",),
        "vae": ("first_stage_model.",),
        "text_encoder": ("cond_stage_model.",),
    }
    first_layer: ClassVar[str] = "model.diffusion_model.input_blocks.0.0.weight"
    words: ClassVar[Mapping[str, tuple[str, str]]] = {"": ("text_encoder", "tokenizer")}
    teachable: ClassVar[bool] = True

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        """As in diffusers' pipelines: above 1, unless guidance is distilled."""
        return guidance > 1 and pipeline.unet.config.time_cond_proj_dim is None

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, tokens, width); an empty prompt is encoded as empty text."""
        sequence, _ = self._encoded(pipeline, prompt)
        return {"prompt_embeds": sequence}

    def predicted(
        self, pipeline: Any, noisy: "torch.Tensor", timesteps: "torch.Tensor", text: Embedding
    ) -> "torch.Tensor":
        """Noise, latents or velocity of (B, C, h, w), as the scheduler's configuration says."""
        predicted: torch.Tensor = pipeline.unet(
            noisy, timesteps, encoder_hidden_states=text["prompt_embeds"]
        ).sample
        return predicted

    def schedule_problem(self, wanted: Drawable, own: Mapping[str, Any]) -> Problem | None:
        return schedule_problem(wanted.scheduler, own, wanted.steps)

    def scheduler(self, name: str, own: Any, steps: int) -> Any:
        return scheduler_of(name, own, steps)

    def _encoded(self, pipeline: Any, prompt: str | list[str]) -> tuple[Any, ...]:
        encoded: tuple[Any, ...] = pipeline.encode_prompt(
            prompt,
            device=pipeline.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return encoded
