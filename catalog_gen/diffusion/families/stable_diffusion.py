"""Stable Diffusion 1.x and 2.x: one CLIP text encoder, a UNet, a VAE of factor 8.

High-Resolution Image Synthesis with Latent Diffusion Models (https://arxiv.org/abs/2112.10752).
Distilled models (Turbo, Lightning, LCM weights) use the same pipeline with their own scheduler and
a guidance of 1 or less.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from catalog_gen.diffusion.families.family import OWN, Embedding, Family, TaskRules
from catalog_gen.diffusion.noise_schedules import SOLVERS, scheduler_of
from catalog_gen.method import Task


class StableDiffusion(Family):
    """``StableDiffusionPipeline``, with or without safety checker."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "StableDiffusionPipeline": frozenset(
            {"unet", "vae", "text_encoder", "tokenizer", "scheduler"}
        )
    }
    tasks: ClassVar[Mapping[Task, TaskRules]] = {"text2img": TaskRules(), "img2img": TaskRules()}
    schedulers: ClassVar[tuple[str, ...]] = (OWN, *SOLVERS)
    denoises: ClassVar[str] = "unet"
    multiple: ClassVar[int] = 8

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        """As in diffusers' pipelines: above 1, unless guidance is distilled."""
        return guidance > 1 and pipeline.unet.config.time_cond_proj_dim is None

    def encode(self, pipeline: Any, prompt: str) -> Embedding:
        """``prompt_embeds`` of (1, tokens, width); an empty prompt is encoded as empty text."""
        sequence, _ = self._encoded(pipeline, prompt)
        return {"prompt_embeds": sequence}

    def scheduler(self, name: str, own: Any, steps: int) -> Any:
        return scheduler_of(name, own, steps)

    def _encoded(self, pipeline: Any, prompt: str) -> tuple[Any, ...]:
        encoded: tuple[Any, ...] = pipeline.encode_prompt(
            prompt,
            device=pipeline.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return encoded
