"""PixArt-sigma."""

from typing import Any

from .pixart import components


def build() -> Any:
    from diffusers import PixArtSigmaPipeline

    return PixArtSigmaPipeline(**components())
