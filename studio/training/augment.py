"""Augmentations that keep a caption true: mirror, shift, exposure, softness, noise.

The scorer and the judge are trained on renders and applied to drawn pictures; without softness and
noise they would learn the renderer rather than the product. Hues are kept.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT: Final[int] = 6


def augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (N, 3, H, W) in [-1, 1], each changed by its own random draw, in [-1, 1]."""
    count, _, height, width = pictures.shape
    draws = torch.rand((count, 5), generator=generator)
    noise = torch.randn(pictures.shape, generator=generator)
    padded = F.pad(pictures, (SHIFT,) * 4, mode="replicate")
    out = torch.empty_like(pictures)
    for place in range(count):
        down, across, flip, soft, level = draws[place].tolist()
        y, x = int(down * (2 * SHIFT + 1)), int(across * (2 * SHIFT + 1))
        one = padded[place, :, y : y + height, x : x + width]
        if flip < 0.5:
            one = one.flip(-1)
        if soft < 0.4:
            blurred = F.avg_pool2d(F.pad(one[None], (1,) * 4, mode="replicate"), 3, 1)[0]
            one = one + (soft / 0.4) * (blurred - one)
        out[place] = (one + 1.0) * (0.94 + 0.12 * level) - 1.0
    return (out + 0.02 * noise * draws[:, 3].view(-1, 1, 1, 1)).clamp(-1.0, 1.0)
