"""FLUX.1 Fill: noise, masked photo and a mask of 8 x 8 pixels for each latent."""

from typing import Any

from .flux import components


def build() -> Any:
    from diffusers import FluxFillPipeline

    return FluxFillPipeline(**components(in_channels=4 * (4 + 4 + 64)))
