"""A diffusion transformer of the UNet's size: diffusers' PixArt blocks on 2x2 patches.

Self-attention, cross-attention to the caption and one shared adaptive norm (PixArt-alpha, Chen et
al. 2023, arXiv:2310.00426, after DiT, Peebles & Xie 2022, arXiv:2212.09748). The studio model does
not use it; ``compare`` does.
"""

from typing import Any

import torch
from torch import nn

from studio.networks.sizes import LATENT_SIDE, GeneratorSize


def build_dit(size: GeneratorSize, latent_channels: int) -> Any:
    """A fresh ``PixArtTransformer2DModel``, called like a UNet: latents, times, hidden states.

    Patches of 2x2 make 64 tokens, as many as positions in the UNet's attention.
    """
    from diffusers import PixArtTransformer2DModel

    stock: Any = PixArtTransformer2DModel
    dit = stock(
        num_attention_heads=size.dit_heads,
        attention_head_dim=size.dit_width // size.dit_heads,
        in_channels=latent_channels,
        out_channels=latent_channels,
        num_layers=size.dit_layers,
        cross_attention_dim=size.dit_width,
        caption_channels=size.text_width,
        sample_size=LATENT_SIDE,
        patch_size=2,
        use_additional_conditions=False,
    )
    _start_as_identity(dit)
    return dit


@torch.no_grad()
def _start_as_identity(dit: Any) -> None:
    """Initialise as adaLN-Zero: every block is the identity, and the output is zero.

    diffusers initialises these weights at random, since it expects to load pretrained ones.
    """
    zero: list[nn.Linear] = [dit.proj_out, dit.adaln_single.linear]
    for block in dit.transformer_blocks:
        block.scale_shift_table.zero_()
        zero.append(block.attn2.to_out[0])
    dit.scale_shift_table.zero_()
    for layer in zero:
        layer.weight.zero_()
        layer.bias.zero_()
