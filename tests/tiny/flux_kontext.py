"""FLUX.1 Kontext."""

from typing import Any

from .flux import components


def build() -> Any:
    from diffusers import FluxKontextPipeline

    return FluxKontextPipeline(**components())
