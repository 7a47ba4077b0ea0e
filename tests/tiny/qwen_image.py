"""Qwen-Image."""

from typing import Any

from . import parts

LATENT = 4


def components(levels: int = 2) -> dict[str, Any]:
    """Of every Qwen-Image pipeline; the VAE halves ``levels - 1`` times."""
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImageTransformer2DModel,
    )

    tokenizer = parts.qwen_tokenizer()
    return {
        "transformer": QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=4 * LATENT,
            out_channels=LATENT,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=parts.WIDTH,
            axes_dims_rope=(4, 6, 6),
        ),
        "vae": AutoencoderKLQwenImage(
            base_dim=8 if levels < 5 else 2,  # a megapixel is encoded for every edit
            z_dim=LATENT,
            dim_mult=[1] * levels,
            num_res_blocks=1,
            temperal_downsample=[False] * (levels - 1),
            latents_mean=[0.0] * LATENT,
            latents_std=[1.0] * LATENT,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=True),
        "text_encoder": parts.qwen_vl_text(tokenizer),
        "tokenizer": tokenizer,
    }


def build() -> Any:
    from diffusers import QwenImagePipeline

    return QwenImagePipeline(**components())
