"""A latent consistency model: Stable Diffusion whose UNet takes the guidance scale."""

from typing import Any

from . import parts


def build() -> Any:
    from diffusers import LatentConsistencyModelPipeline, LCMScheduler

    tokenizer = parts.clip_tokenizer()
    return LatentConsistencyModelPipeline(
        vae=parts.vae(shift_factor=None),
        text_encoder=parts.clip_text(tokenizer),
        tokenizer=tokenizer,
        unet=parts.unet(time_cond_proj_dim=8),
        scheduler=LCMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            original_inference_steps=50,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
