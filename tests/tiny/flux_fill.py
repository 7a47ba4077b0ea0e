"""FLUX.1 Fill: noise, masked photo and a mask of 8 x 8 pixels for each latent."""

from typing import Any

from . import parts
from .flux import components


def build() -> Any:
    from diffusers import FluxFillPipeline

    # Of factor 8, as the real one is: the mask's 8 x 8 pixels follow from it.
    vae = parts.vae(
        use_quant_conv=False,
        use_post_quant_conv=False,
        block_out_channels=(8, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    transformer = {"in_channels": 4 * (4 + 4 + 64), "out_channels": 16}
    return FluxFillPipeline(**components(**transformer) | {"vae": vae})
