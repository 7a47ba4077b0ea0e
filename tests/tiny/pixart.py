"""PixArt-alpha; ``sigma`` is the same with another class."""

from typing import Any

from . import parts


def components() -> dict[str, Any]:
    from diffusers import DPMSolverMultistepScheduler, PixArtTransformer2DModel

    tokenizer = parts.t5_tokenizer()
    return {
        "transformer": PixArtTransformer2DModel(
            sample_size=8,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_channels=2 * parts.WIDTH,
            in_channels=4,
            out_channels=8,
            cross_attention_dim=16,
        ),
        "vae": parts.vae(),
        "scheduler": DPMSolverMultistepScheduler(),
        "text_encoder": parts.t5_text(tokenizer),
        "tokenizer": tokenizer,
    }


def build() -> Any:
    from diffusers import PixArtAlphaPipeline

    return PixArtAlphaPipeline(**components())
