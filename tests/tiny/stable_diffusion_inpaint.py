"""A Stable Diffusion inpainting checkpoint: nine channels."""

from typing import Any

from . import parts


def build() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

    tokenizer = parts.clip_tokenizer()
    return StableDiffusionInpaintPipeline(
        vae=parts.vae(shift_factor=None),
        text_encoder=parts.clip_text(tokenizer),
        tokenizer=tokenizer,
        unet=parts.unet(in_channels=9),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
