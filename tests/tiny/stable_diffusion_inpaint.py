"""A Stable Diffusion inpainting checkpoint: nine channels."""

from typing import Any

from . import parts


def build() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel

    tokenizer = parts.clip_tokenizer()
    return StableDiffusionInpaintPipeline(
        vae=parts.vae(shift_factor=None),
        text_encoder=parts.clip_text(tokenizer),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=16,
            in_channels=9,
            block_out_channels=(8, 16),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            norm_num_groups=4,
            attention_head_dim=4,
            cross_attention_dim=parts.WIDTH,
        ),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
