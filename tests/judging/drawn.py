"""Simple drawn product pictures with a known subject, colour and position."""

import numpy as np
from PIL import Image

from catalog_gen.imaging.pixels import Pixels

RED = (200, 35, 40)
BLUE = (45, 85, 210)


def product(
    colour: tuple[int, int, int] = RED,
    *,
    middle: tuple[float, float] = (0.5, 0.5),
    size: float = 0.8,
    count: int = 1,
    background: tuple[int, int, int] = (255, 255, 255),
    side: int = 128,
) -> Pixels:
    """A shaded bottle (or two), ``size`` tall, drawn finer and reduced."""
    fine = max(2 * side, 512)
    x, y = np.meshgrid((np.arange(fine) + 0.5) / fine, (np.arange(fine) + 0.5) / fine)
    picture = np.full((fine, fine, 3), background, dtype=np.float64)
    for number in range(count):
        centre = middle[0] + (number - (count - 1) / 2) * 0.36
        across = (x - centre) / (0.18 * size)
        down = (y - middle[1]) / size + 0.5
        neck = np.abs(across) < 0.45
        bottle = (np.abs(across) < 1) & (down < 1) & (down > np.where(neck, 0.0, 0.3))
        round_light = np.sqrt(np.clip(1 - across**2, 0, 1))
        light = 0.55 + 0.55 * round_light - 0.2 * across - 0.15 * down
        picture[bottle] = (np.array(colour) * light[..., None])[bottle]
    drawn = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return np.array(drawn.resize((side, side), Image.Resampling.LANCZOS))
