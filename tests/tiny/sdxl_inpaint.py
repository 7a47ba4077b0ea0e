"""A Stable Diffusion XL inpainting checkpoint: nine channels."""

from typing import Any

from . import parts


def build() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionXLInpaintPipeline

    tokenizer = parts.clip_tokenizer()
    return StableDiffusionXLInpaintPipeline(
        vae=parts.vae(shift_factor=None),
        text_encoder=parts.clip_text(tokenizer),
        text_encoder_2=parts.clip_text(tokenizer, projection=True),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=parts.unet(
            in_channels=9,
            cross_attention_dim=2 * parts.WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=6 * 4 + parts.WIDTH,
        ),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        add_watermarker=False,
    )
