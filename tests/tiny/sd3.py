"""Stable Diffusion 3, with T5."""

from typing import Any

from . import parts


def build() -> Any:
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )

    clip, t5 = parts.clip_tokenizer(), parts.t5_tokenizer()
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=2 * parts.WIDTH,
            caption_projection_dim=32,
            pooled_projection_dim=2 * parts.WIDTH,
        ),
        vae=parts.vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=parts.clip_text(clip, projection=True),
        tokenizer=clip,
        text_encoder_2=parts.clip_text(clip, projection=True),
        tokenizer_2=clip,
        text_encoder_3=parts.t5_text(t5),
        tokenizer_3=t5,
    )
