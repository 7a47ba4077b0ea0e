"""Stable Diffusion XL: two text encoders, the second of which also gives a pooled embedding.

SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis
(https://arxiv.org/abs/2307.01952).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from catalog_gen.diffusion.families.family import Embedding
from catalog_gen.diffusion.families.stable_diffusion import StableDiffusion

if TYPE_CHECKING:
    import torch


class StableDiffusionXL(StableDiffusion):
    """``StableDiffusionXLPipeline``, the base model."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "StableDiffusionXLPipeline": frozenset(
            {
                *("unet", "vae", "text_encoder", "text_encoder_2"),
                *("tokenizer", "tokenizer_2", "scheduler"),
            }
        )
    }
    checkpoint: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "unet": ("model.diffusion_model.",),
        "vae": ("first_stage_model.",),
        "text_encoder": ("conditioner.embedders.0.",),
        "text_encoder_2": ("conditioner.embedders.1.",),
    }
    words: ClassVar[Mapping[str, tuple[str, str]]] = {
        "clip_l": ("text_encoder", "tokenizer"),
        "clip_g": ("text_encoder_2", "tokenizer_2"),
    }
    # An invisible watermark would depend on whether an unrelated package is installed.
    options: ClassVar[Mapping[str, object]] = {"add_watermarker": False}

    def encode(self, pipeline: Any, prompt: str | list[str]) -> Embedding:
        """``prompt_embeds`` of (1, tokens, width) and ``pooled_prompt_embeds`` of (1, width)."""
        sequence, _, pooled, _ = self._encoded(pipeline, prompt)
        return {"prompt_embeds": sequence, "pooled_prompt_embeds": pooled}

    def predicted(
        self, pipeline: Any, noisy: "torch.Tensor", timesteps: "torch.Tensor", text: Embedding
    ) -> "torch.Tensor":
        """As for Stable Diffusion; pictures count as uncropped, and as large as they are."""
        height, width = (pipeline.vae_scale_factor * side for side in noisy.shape[2:])
        pooled = text["pooled_prompt_embeds"]
        sizes = noisy.new_tensor([[height, width, 0, 0, height, width]])
        predicted: torch.Tensor = pipeline.unet(
            noisy,
            timesteps,
            encoder_hidden_states=text["prompt_embeds"],
            added_cond_kwargs={
                "text_embeds": pooled,
                "time_ids": sizes.expand(len(noisy), -1),
            },
        ).sample
        return predicted

    def encode_negative(self, pipeline: Any, prompt: str) -> Embedding:
        """Zeros for an empty prompt if the model's configuration says so, as SDXL's does."""
        import torch

        embedding = self.encode(pipeline, prompt)
        if prompt or not pipeline.config.get("force_zeros_for_empty_prompt", False):
            return embedding
        return {name: torch.zeros_like(tensor) for name, tensor in embedding.items()}
