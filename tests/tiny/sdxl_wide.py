"""Stable Diffusion XL whose second text encoder is the wider one, as in the real model."""

from typing import Any

from . import parts

#: Of the second text encoder.
WIDER = 24


def build() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline

    tokenizer = parts.clip_tokenizer()
    return StableDiffusionXLPipeline(
        vae=parts.vae(shift_factor=None),
        text_encoder=parts.clip_text(tokenizer),
        text_encoder_2=parts.clip_text(tokenizer, projection=True, width=WIDER),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=parts.unet(
            cross_attention_dim=parts.WIDTH + WIDER,
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=6 * 4 + WIDER,
        ),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        add_watermarker=False,
    )
