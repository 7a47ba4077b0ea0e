"""What the generator practises more: thin structures, and the products that came out wrong.

Neither changes what is right: a weighted squared error has the same minimum, and a photo that is
shown more often is the same photo.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from studio.networks.sizes import LATENT_SIDE
from studio.photos.negatives import Photos
from studio.vocabulary import Category, Material

#: Weights of a place that a product fills and of one that thin parts fill, relative to a place of
#: the background, which has 1: straps, handles, hands of a watch, legs.
PRODUCT, THIN = 2.0, 4.0
#: Parts narrower than this share of the picture's side are thin.
THIN_BELOW: Final[float] = 0.07
#: How much more often than others a product is shown, after the shares of wrong pictures in
#: ``data/eye`` (watches 82 %, mice 47, fryers 38, lamps 33, mugs 27; glass 60, others 13 to 28).
CATEGORY_SHARES: Final[Mapping[Category, float]] = {
    "watch": 3.0,
    "gaming mouse": 2.0,
    "air fryer": 1.5,
    "table lamp": 1.5,
    "mug": 1.5,
}
MATERIAL_SHARES: Final[Mapping[Material, float]] = {"glass": 1.5}
_CHUNK: Final[int] = 256


def difficulties(photos: Photos) -> Tensor:
    """How often each photo is shown, (N,), 1 or more."""
    return torch.tensor(
        [
            CATEGORY_SHARES.get(scene.category, 1.0) * MATERIAL_SHARES.get(scene.material, 1.0)
            for scene in photos.scenes
        ]
    )


def form_weights(masks: NDArray[np.bool_]) -> NDArray[np.float16]:
    """Weights (N, 2, 16, 16) of the latents of photos and their mirror images; each has mean 1.

    ``masks`` (N, S, S) are true where the product is.
    """
    side = masks.shape[-1]
    width = int(THIN_BELOW * side) | 1
    parts = []
    for start in range(0, len(masks), _CHUNK):
        mask = torch.from_numpy(np.array(masks[start : start + _CHUNK]))[:, None].float()
        # What an opening by a square removes is narrower than it.
        kept = -F.max_pool2d(-mask, width, 1, width // 2)
        kept = F.max_pool2d(kept, width, 1, width // 2)
        pixels = 1 + (PRODUCT - 1) * mask + (THIN - PRODUCT) * (mask - kept)
        places = F.avg_pool2d(pixels, side // LATENT_SIDE)[:, 0]
        places /= places.mean((1, 2), keepdim=True)
        parts.append(torch.stack([places, places.flip(2)], 1).numpy().astype(np.float16))
    return np.concatenate(parts)
