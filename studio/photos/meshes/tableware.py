"""Turned things: mug, bottle, perfume bottle, bowl, vase. Each takes free proportions in [0, 1)."""

import math
from collections.abc import Sequence

import numpy as np

from studio.photos.meshes.product import Finish, Product, Trim, mix
from studio.photos.meshes.shapes import (
    Points,
    box,
    disc,
    join,
    lathe,
    prism,
    ring,
    rounded,
    spline,
    tube,
)


def _walled(outside: Points, wall: float, floor: float) -> list[tuple[float, float]]:
    """A hollow profile: the outside (bottom to rim), a round lip, the inside back to the axis."""
    line = np.array(outside, dtype=float)
    tangents = np.gradient(line, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    inside = line + wall * np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)
    inside = inside[(inside[:, 1] > floor) & (inside[:, 0] > 0.02)][::-1]
    top, start = line[-1], inside[0]
    middle, half = (top + start) / 2, (top - start) / 2
    up = np.array([-half[1], half[0]])
    lip = [middle + half * math.cos(a) + up * math.sin(a) for a in np.linspace(0, math.pi, 9)[1:-1]]
    base = [inside[-1] * [0.9, 1.0], np.array([0.0, inside[-1][1]])]
    return [(float(r), float(z)) for r, z in [*line, *lip, *inside, *base]]


def mug(shape: Sequence[float]) -> Product:
    height = mix(shape[0], 0.92, 1.16)
    top, bottom = 0.46, 0.46 * mix(shape[1], 0.8, 1.0)
    corner = mix(shape[2], 0.05, 0.16)
    outside = rounded(
        [(0.0, 0.0), (bottom, 0.0), ((top + bottom) / 2, height / 2), (top, height)], corner
    )
    cup = lathe(_walled(outside, 0.045, 0.07))
    reach = mix(shape[3], 0.28, 0.36)
    span = height * mix(shape[4], 0.3, 0.34)
    turn = np.radians(np.linspace(-90, 90, 40))
    # A superellipse between round (2) and square (3).
    power = 2 / mix(shape[5], 2.0, 3.0)
    path = np.stack(
        [
            top - 0.06 + reach * np.cos(turn) ** power,
            np.zeros(40),
            height / 2 + span * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power,
        ],
        axis=1,
    )
    path = np.concatenate([path[:1] - [0.05, 0, 0], path, path[-1:] - [0.05, 0, 0]])
    if bottom < 0.42:  # keep the lower end inside a tapered wall
        path[0, 0] -= 0.04
    handle = tube(path, 0.045, mix(shape[6], 0.055, 0.075), around=20)
    return Product(join([cup, handle]))


def bottle(shape: Sequence[float]) -> Product:
    radius, height = mix(shape[0], 0.2, 0.26), 1.0
    neck = radius * mix(shape[1], 0.42, 0.56)
    shoulder, start = mix(shape[2], 0.56, 0.68), mix(shape[3], 0.74, 0.8)
    outside = [
        *rounded([(0.0, 0.0), (radius, 0.0), (radius, shoulder)], 0.05),
        *spline([(radius, shoulder), (radius * 0.93, shoulder + 0.06), (neck, start)])[1:],
        (neck, 0.9),
        (0.0, 0.9),
    ]
    cap = rounded([(0.0, 0.885), (neck * 1.22, 0.885), (neck * 1.22, height), (0.0, height)], 0.02)
    collar = ring(neck * 1.12, 0.016).moved(z=0.868)
    finish: Finish = "rubber" if shape[4] < 0.4 else "steel"
    return Product(join([lathe(rounded(outside, 0.02)), collar]), (Trim(lathe(cap), finish),))


def perfume_bottle(shape: Sequence[float]) -> Product:
    height = mix(shape[0], 0.6, 0.74)
    if shape[1] < 0.5:  # an octagonal cut body
        radius = mix(shape[2], 0.36, 0.44)
        cut = [
            (0.0, 0.0),
            (radius * 0.86, 0.0),
            (radius, 0.09),
            (radius, height - 0.15),
            (radius * 0.55, height),
            (0.0, height),
        ]
        body = prism(cut, 8).turned("z", 22.5).scaled(1.0, 0.72, 1.0)
    else:  # a square flacon with bevelled edges
        width = mix(shape[2], 0.64, 0.78)
        side = width / 2 * math.sqrt(2)
        cut = [
            (0.0, 0.0),
            (side * 0.9, 0.0),
            (side, 0.06),
            (side, height - 0.09),
            (side * 0.82, height),
            (0.0, height),
        ]
        body = prism(cut, 4).turned("z", 45.0).scaled(1.0, mix(shape[3], 0.5, 0.66), 1.0)
    neck = disc(0.11, 0.08, 0.01).moved(z=height - 0.005)
    band = ring(0.115, 0.022).moved(z=height + 0.03)
    top = height + 0.07
    if shape[4] < 0.5:
        cap = disc(0.16, 0.24, 0.03).moved(z=top)
    else:
        cap = box(0.28, 0.24, 0.25, 0.03).moved(z=top + 0.125)
    label = box(0.24, 0.01, 0.13, 0.004)
    front = -float(body.vertices[:, 1].max())
    lid: Finish = "screen" if shape[5] < 0.5 else "chrome"
    trims = [Trim(join([neck, band]), "chrome"), Trim(cap, lid)]
    trims.append(Trim(label.moved(y=front, z=height * 0.44), "white"))
    return Product(body, tuple(trims))


def bowl(shape: Sequence[float]) -> Product:
    height, foot = mix(shape[0], 0.34, 0.46), mix(shape[1], 0.2, 0.27)
    belly = mix(shape[2], 0.4, 0.45)
    base = rounded([(0.0, 0.0), (foot, 0.0), (foot * 0.95, 0.04)], 0.01)
    wall = spline([(foot * 0.95, 0.04), (belly, height * mix(shape[3], 0.4, 0.5)), (0.52, height)])
    return Product(lathe(_walled([*base, *wall[1:]], 0.028, 0.06), segments=128))


def vase(shape: Sequence[float]) -> Product:
    foot, belly = mix(shape[0], 0.14, 0.2), mix(shape[1], 0.28, 0.36)
    waist, mouth = mix(shape[2], 0.09, 0.14), mix(shape[3], 0.15, 0.22)
    height = mix(shape[4], 0.3, 0.48)
    wall = spline(
        [
            (foot, 0.0),
            (foot * 1.15, 0.05),
            (belly, height),
            (waist * 1.35, 0.74),
            (waist, 0.84),
            (mouth, 1.0),
        ],
        steps=14,
    )
    return Product(lathe(_walled([(0.0, 0.0), (foot * 0.9, 0.0), *wall], 0.022, 0.05), 128))
