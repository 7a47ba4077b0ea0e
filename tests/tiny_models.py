"""Tiny, seeded Stable Diffusion folders, built from configuration: a few thousand parameters.

Their pictures are colourful noise; what they exercise is real: the same classes, files and
tokenizer that a full-size model has. Each is built once a process and copied from then on.
"""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

TOKENS = 77
WIDTH = 16


def tiny_sd(folder: Path) -> Path:
    """Write a tiny Stable Diffusion 1.x folder (32x32 pictures by default) and return it."""
    shutil.copytree(_built("sd"), folder, dirs_exist_ok=True)
    return folder


def tiny_sdxl(folder: Path) -> Path:
    """Write a tiny Stable Diffusion XL folder (32x32 pictures by default) and return it."""
    shutil.copytree(_built("sdxl"), folder, dirs_exist_ok=True)
    return folder


@cache
def _built(family: str) -> Path:
    import torch
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionPipeline,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )

    folder = Path(tempfile.mkdtemp(prefix=f"tiny-{family}-"))
    tokenizer = _tokenizer(folder / "tokenizer-source")
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    unet: dict[str, Any] = {
        "sample_size": 16,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": 4,
        "attention_head_dim": 4,
        "cross_attention_dim": WIDTH,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        vae = AutoencoderKL(
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            sample_size=32,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
        )
        text_encoder = _text_encoder(len(tokenizer), tokenizer.eos_token_id)
        pipe: Any
        if family == "sd":
            pipe = StableDiffusionPipeline(
                vae=vae,
                text_encoder=text_encoder,
                tokenizer=tokenizer,
                unet=UNet2DConditionModel(**unet),
                scheduler=scheduler,
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
            )
        else:
            unet |= {
                "cross_attention_dim": 2 * WIDTH,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 4,
                "projection_class_embeddings_input_dim": 6 * 4 + WIDTH,
            }
            pipe = StableDiffusionXLPipeline(
                vae=vae,
                text_encoder=text_encoder,
                text_encoder_2=_text_encoder(
                    len(tokenizer), tokenizer.eos_token_id, projection=True
                ),
                tokenizer=tokenizer,
                tokenizer_2=tokenizer,
                unet=UNet2DConditionModel(**unet),
                scheduler=scheduler,
                add_watermarker=False,
            )
    model = folder / "model"
    pipe.save_pretrained(model, safe_serialization=True)
    return model


def _text_encoder(tokens: int, eos: int, *, projection: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        bos_token_id=eos - 1,
        eos_token_id=eos,
        pad_token_id=eos,
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


def _tokenizer(folder: Path) -> Any:
    """A CLIP tokenizer that knows single letters, digits and signs, and no merges."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS})
    )
    return CLIPTokenizer.from_pretrained(str(folder))
