"""Stable Diffusion 1.x and 2.x: one CLIP text encoder, a UNet, a VAE of factor 8.

High-Resolution Image Synthesis with Latent Diffusion Models (https://arxiv.org/abs/2112.10752).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from catalog_gen.diffusion.families.family import Embedding, Family
from catalog_gen.diffusion.noise_schedules import SOLVERS
from catalog_gen.method import Task

if TYPE_CHECKING:
    import torch


class StableDiffusion(Family):
    """``StableDiffusionPipeline``, safety checker or not."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "StableDiffusionPipeline": frozenset(
            {"unet", "vae", "text_encoder", "tokenizer", "scheduler"}
        )
    }
    tasks: ClassVar[frozenset[Task]] = frozenset({"text2img", "img2img"})
    schedulers: ClassVar[tuple[str, ...]] = tuple(SOLVERS)

    def denoiser(self, pipeline: Any) -> "torch.nn.Module":
        unet: torch.nn.Module = pipeline.unet
        return unet

    def token_limit(self, pipeline: Any) -> int:
        """The least of what tokenizers and text encoders take: 77 for CLIP."""
        limits = [
            part.model_max_length
            for name, part in pipeline.components.items()
            if name.startswith("tokenizer")
        ]
        limits += [
            part.config.max_position_embeddings
            for name, part in pipeline.components.items()
            if name.startswith("text_encoder")
        ]
        return int(min(limits))

    def is_guided(self, pipeline: Any, guidance: float) -> bool:
        """By the rule of diffusers' pipelines: not below 1, nor where guidance is distilled."""
        return guidance > 1 and pipeline.unet.config.time_cond_proj_dim is None

    def encode(self, pipeline: Any, prompt: str) -> Embedding:
        """``prompt_embeds`` of (1, tokens, width)."""
        sequence, _ = self._encoded(pipeline, prompt)
        return {"prompt_embeds": sequence}

    def encode_negative(self, pipeline: Any, prompt: str) -> Embedding:
        """The same: an empty negative prompt is the empty text, encoded."""
        return self.encode(pipeline, prompt)

    def scheduler(self, name: str, model_config: Mapping[str, Any], steps: int) -> Any:
        from catalog_gen.diffusion.noise_schedules import build_scheduler

        return build_scheduler(name, model_config, steps)

    def _encoded(self, pipeline: Any, prompt: str) -> tuple[Any, ...]:
        encoded: tuple[Any, ...] = pipeline.encode_prompt(
            prompt,
            device=pipeline.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return encoded
