"""Pipelines in the shape of Stable Diffusion 1.5 and SDXL, full and miniature, with random weights.

Built from configuration with a seed: speed does not depend on what the weights are.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import diffusers as _diffusers
import torch

Size = Literal["miniature", "full"]

TOKENS: Final = 77

#: diffusers has no types; this keeps its calls from being reported one by one.
diffusers: Any = _diffusers


@dataclass(frozen=True)
class Shape:
    """A family at one size: its configuration and the recipe that it is measured with."""

    unet: dict[str, Any]
    vae: dict[str, Any]
    text_widths: tuple[int, ...]
    text_layers: tuple[int, ...]
    side: int
    steps: int
    guidance: float

    @property
    def is_xl(self) -> bool:
        """SDXL has two text encoders."""
        return len(self.text_widths) == 2


_VAE: Final[dict[str, Any]] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
_SD15: Final = Shape(
    # UNet2DConditionModel's defaults are those of Stable Diffusion 1.x, but for the text's width.
    unet={"sample_size": 64, "cross_attention_dim": 768},
    vae=_VAE | {"sample_size": 512},
    text_widths=(768,),
    text_layers=(12,),
    side=512,
    steps=30,
    guidance=7.5,
)
_SDXL: Final = Shape(
    unet={
        "sample_size": 128,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (320, 640, 1280),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 6 * 256 + 1280,
    },
    vae=_VAE | {"sample_size": 1024, "scaling_factor": 0.13025},
    text_widths=(768, 1280),
    text_layers=(12, 32),
    side=1024,
    steps=20,
    guidance=7.5,
)
_SMALL: Final[dict[str, Any]] = {
    "block_out_channels": (32, 64, 64),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
_SMALL_VAE: Final[dict[str, Any]] = {
    "block_out_channels": (8, 16, 16, 16),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
_SD_BLOCKS: Final[dict[str, Any]] = {
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
}

SHAPES: Final[Mapping[Size, Mapping[str, Shape]]] = {
    "full": {"sd15": _SD15, "sdxl": _SDXL},
    "miniature": {
        "sd15": replace(
            _SD15,
            unet=_SD15.unet | _SMALL | _SD_BLOCKS | {"cross_attention_dim": 32},
            vae=_SD15.vae | _SMALL_VAE,
            text_widths=(32,),
            text_layers=(2,),
            side=128,
            steps=3,
        ),
        "sdxl": replace(
            _SDXL,
            unet=_SDXL.unet
            | _SMALL
            | {
                "transformer_layers_per_block": (1, 1, 2),
                "attention_head_dim": (2, 4, 4),
                "cross_attention_dim": 64,
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 6 * 8 + 32,
            },
            vae=_SDXL.vae | _SMALL_VAE,
            text_widths=(32, 32),
            text_layers=(2, 2),
            side=128,
            steps=3,
        ),
    },
}


def build_pipeline(shape: Shape, device: torch.device, dtype: torch.dtype) -> Any:
    """A pipeline of this shape with seeded random weights, on its device."""
    torch.manual_seed(7)
    tokenizer = _tokenizer()
    with torch.device(device):
        encoders = [
            _text_encoder(width, layers, len(tokenizer), projected=shape.is_xl and number == 1)
            for number, (width, layers) in enumerate(
                zip(shape.text_widths, shape.text_layers, strict=True)
            )
        ]
        parts: dict[str, Any] = {
            "unet": diffusers.UNet2DConditionModel(**shape.unet),
            "vae": diffusers.AutoencoderKL(**shape.vae),
            "text_encoder": encoders[0],
            "tokenizer": tokenizer,
            "scheduler": diffusers.DDIMScheduler(
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                clip_sample=False, set_alpha_to_one=False, steps_offset=1,
            ),
        }  # fmt: skip
    pipeline: Any
    if shape.is_xl:
        pipeline = diffusers.StableDiffusionXLPipeline(
            **parts, text_encoder_2=encoders[1], tokenizer_2=tokenizer, add_watermarker=False
        )
    else:
        pipeline = diffusers.StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            torch.nn.Module.to(part, dtype=dtype)
    return pipeline


def _text_encoder(width: int, layers: int, tokens: int, *, projected: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64),
        max_position_embeddings=TOKENS,
        bos_token_id=tokens - 2,
        eos_token_id=tokens - 1,
        pad_token_id=tokens - 1,
    )
    encoder: Any = (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)
    return encoder.eval()


def _tokenizer() -> Any:
    """A CLIP tokenizer that knows single signs: speed depends on the padded length alone."""
    from transformers import CLIPTokenizer

    signs = [chr(code) for code in range(33, 127)]
    words = [*signs, *(f"{sign}</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = {word: number for number, word in enumerate(words)}
        (Path(folder) / "vocab.json").write_text(json.dumps(vocabulary))
        (Path(folder) / "merges.txt").write_text("#version: 0.2\n")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS)


def flop_per_picture(shape: Shape) -> float:
    """Multiplications and additions of one picture, counted on shapes alone.

    Two UNet rows a step (classifier-free guidance) and one VAE decode; the text encoder's share
    is below 0.1 %.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        unet: Any = diffusers.UNet2DConditionModel(**shape.unet)
        vae: Any = diffusers.AutoencoderKL(**shape.vae)
        latents = torch.empty(2, 4, shape.side // 8, shape.side // 8)
        text = torch.empty(2, TOKENS, shape.unet["cross_attention_dim"])
        extra = {"text_embeds": torch.empty(2, shape.text_widths[-1]),
                 "time_ids": torch.empty(2, 6)}  # fmt: skip
        with torch.no_grad(), FlopCounterMode(display=False) as step:
            conditions = {"added_cond_kwargs": extra} if shape.is_xl else {}
            unet(latents, torch.empty(()), text, **conditions)
        with torch.no_grad(), FlopCounterMode(display=False) as decode:
            vae.decode(latents[:1])
    return float(step.get_total_flops() * shape.steps + decode.get_total_flops())
