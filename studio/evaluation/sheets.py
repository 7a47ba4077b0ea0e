"""Contact sheets: rows of pictures, tiled without gaps or text."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


def to_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """Float (N, 3, H, W) in [-1, 1], or beyond, to uint8 (N, H, W, 3)."""
    scaled = ((pictures.detach().float().cpu() + 1.0) * 127.5).round().clamp(0, 255)
    array: NDArray[np.uint8] = scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return array


def tile(pictures: NDArray[np.uint8], columns: int) -> Image.Image:
    """uint8 pictures (N, H, W, 3) in reading order; empty places at the end are white."""
    rows = -(-len(pictures) // columns)
    height, width = pictures.shape[1:3]
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    return Image.fromarray(sheet)


def spread(total: int, count: int) -> NDArray[np.int64]:
    """``count`` indices below ``total``, or all: a random one from each of ``count`` equal strata.

    They are always the same. Regular steps would select the same classes repeatedly: scenes come in
    ten colours, and the grid runs through its attributes in turn.
    """
    bounds = np.linspace(0, total, min(count, total) + 1).astype(np.int64)
    places: NDArray[np.int64] = np.random.default_rng(0).integers(bounds[:-1], bounds[1:])
    return places
