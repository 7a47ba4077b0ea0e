"""Qwen-Image-Edit; its VAE is of factor 16, since the photo is always enlarged to a megapixel."""

from typing import Any

from .qwen_image import components


def edit_components() -> dict[str, Any]:
    from transformers import Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor

    parts = components(levels=5)
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=56 * 56),
        tokenizer=parts["tokenizer"],
        video_processor=Qwen2VLVideoProcessor(),
    )
    return parts | {"processor": processor}


def build() -> Any:
    from diffusers import QwenImageEditPipeline

    return QwenImageEditPipeline(**edit_components())
