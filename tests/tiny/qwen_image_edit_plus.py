"""Qwen-Image-Edit-Plus (2509, 2511)."""

from typing import Any

from .qwen_image_edit import edit_components


def build() -> Any:
    from diffusers import QwenImageEditPlusPipeline

    return QwenImageEditPlusPipeline(**edit_components())
