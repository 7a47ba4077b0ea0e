"""FLUX.1 dev: guidance is an input."""

from typing import Any

from . import parts


def components(**transformer: Any) -> dict[str, Any]:
    """Of every FLUX.1 pipeline; keywords change the transformer."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel

    clip, t5 = parts.clip_tokenizer(), parts.t5_tokenizer()
    values: dict[str, Any] = {
        "patch_size": 1,
        "in_channels": 16,
        "out_channels": 16,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 2 * parts.WIDTH,
        "pooled_projection_dim": parts.WIDTH,
        "axes_dims_rope": [4, 4, 8],
        "guidance_embeds": True,
    }
    return {
        "transformer": FluxTransformer2DModel(**(values | transformer)),
        "vae": parts.vae(use_quant_conv=False, use_post_quant_conv=False),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        "text_encoder": parts.clip_text(clip),
        "tokenizer": clip,
        "text_encoder_2": parts.t5_text(t5),
        "tokenizer_2": t5,
    }


def build() -> Any:
    from diffusers import FluxPipeline

    return FluxPipeline(**components())
