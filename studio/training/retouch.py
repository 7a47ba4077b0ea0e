"""Photos as shops take them, made of rendered ones: other frames, grounds, surfaces and cameras.

A network that learned from renders alone would learn the renderer's grey paper and four materials.
The product's mask stays true: what changes the frame changes the mask with it.
"""

import io
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

#: Shares of photos whose ground takes another colour, whose product takes another surface, that
#: are out of focus or scaled up, and that were stored as JPEG.
TINTED, REPAINTED, SOFT, STORED = 0.4, 0.2, 0.3, 0.3
#: Size in the frame, width over height, degrees that the camera is tilted, and shift over the side.
ZOOM: Final = (0.6, 1.15)
STRETCH, TILT, SHIFT = 1.35, 8.0, 0.08
#: Darkest ground, as a share of the one that was photographed.
DARKEST: Final = 0.2


def retouched(
    pictures: Tensor, masks: Tensor, side: int, chance: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, side, side) in [0, 1] with masks (N, 1, side, side), each by its own draw.

    ``pictures`` (N, 3, S, S) in [0, 1] and ``masks`` (N, 1, S, S) are photos of any size.
    """
    framed = _framed(torch.cat([pictures, masks], 1), side, chance)
    pictures, masks = framed[:, :3].clamp(0, 1), framed[:, 3:].clamp(0, 1)
    return torch.stack([_shot(*each, chance) for each in zip(pictures, masks, strict=True)]), masks


def _framed(layers: Tensor, side: int, chance: np.random.Generator) -> Tensor:
    """Mirrored, moved, turned and scaled; the border goes on where the frame is larger."""
    count = len(layers)
    turn = np.zeros((count, 2, 3), np.float32)
    zoom = chance.uniform(*ZOOM, count)
    across = STRETCH ** chance.uniform(-0.5, 0.5, count)
    mirror = chance.choice((-1, 1), count)
    tilt = np.radians(TILT) * chance.uniform(-1, 1, count) * (chance.random(count) < 0.5)
    turn[:, 0, 0], turn[:, 0, 1] = mirror * np.cos(tilt) / (zoom * across), -np.sin(tilt) / zoom
    turn[:, 1, 0], turn[:, 1, 1] = mirror * np.sin(tilt) / zoom, np.cos(tilt) * across / zoom
    turn[:, :, 2] = chance.uniform(-SHIFT, SHIFT, (count, 2)) / zoom[:, None]
    size = [count, 1, side, side]
    grid = F.affine_grid(torch.from_numpy(turn), size, align_corners=False)
    return F.grid_sample(layers, grid, padding_mode="border", align_corners=False)


def _shot(picture: Tensor, mask: Tensor, chance: np.random.Generator) -> Tensor:
    """One picture (3, S, S) with another ground and surface, as another camera stores it."""
    # The outermost pixels of a product hold half of its ground.
    cover = (1.5 * F.avg_pool2d(mask[None], 3, 1, 1)[0] - 0.5).clamp_min(0)
    if chance.random() < REPAINTED:
        # Some of its own light and shade stays.
        share = chance.uniform(0.4, 1.0)
        surface = _texture(picture.shape[-1], chance)
        picture = picture + cover * share * (surface - picture)
    if chance.random() < TINTED:
        level = chance.uniform(DARKEST, 1.0)
        hue = 1 - chance.uniform(0, 0.6, 3) * (chance.random() < 0.5)
        ground = picture * torch.tensor(level * hue, dtype=torch.float32).view(3, 1, 1)
        picture = cover * picture + (1 - cover) * ground
    if chance.random() < SOFT:
        finer = chance.uniform(0.5, 1.0)
        small = F.interpolate(picture[None], scale_factor=finer, mode="area")
        picture = F.interpolate(small, picture.shape[1:], mode="bicubic")[0]
    cast = torch.tensor(chance.normal(1, 0.03, 3), dtype=torch.float32).view(3, 1, 1)
    picture = (picture * cast * chance.uniform(0.85, 1.1)).clamp(0, 1) ** chance.uniform(0.8, 1.25)
    noise = chance.standard_normal(picture.shape, np.float32) * chance.uniform(0, 0.02)
    picture = (picture + torch.from_numpy(noise)).clamp(0, 1)
    return _stored(picture, chance) if chance.random() < STORED else picture


def _texture(side: int, chance: np.random.Generator) -> Tensor:
    """A surface (3, side, side) with the spectrum of natural pictures: amplitudes fall as 1/f.

    Field, Relations between the statistics of natural images (1987).
    """
    slope = chance.uniform(0.8, 1.8)
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(down, across)
    frequency[0, 0] = 1 / side
    waves = np.fft.rfft2(chance.standard_normal((3, side, side), np.float32)) / frequency**slope
    layers = np.fft.irfft2(waves, (side, side))
    layers /= layers.std((1, 2), keepdims=True)
    grey = layers.mean(0)
    mixed = chance.uniform(0, 1) * (layers - grey) + grey
    mean = chance.uniform(0.1, 0.9) + chance.normal(0, 0.15, (3, 1, 1))
    levels = np.clip(mean + chance.uniform(0.02, 0.25) * mixed, 0, 1)
    return torch.from_numpy(levels.astype(np.float32))


def _stored(picture: Tensor, chance: np.random.Generator) -> Tensor:
    levels = (255 * picture).round().byte().permute(1, 2, 0).numpy()
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=int(chance.integers(50, 96)))
    decoded = np.array(Image.open(stream))
    return torch.from_numpy(decoded).permute(2, 0, 1).float() / 255
