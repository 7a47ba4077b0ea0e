"""Things to wear: watch, headphones, backpack. Each takes free proportions in [0, 1)."""

import math
from collections.abc import Sequence

import numpy as np

from studio.photos.meshes.product import Product, Trim, mix
from studio.photos.meshes.shapes import (
    Floats,
    Mesh,
    arc,
    box,
    disc,
    join,
    lathe,
    ring,
    rounded,
    tube,
)


def watch(shape: Sequence[float]) -> Product:
    """A wristwatch standing on its closed strap, the dial tilted up a little."""
    radius = mix(shape[0], 0.31, 0.36)
    wide = radius * mix(shape[1], 0.62, 0.74)
    tall, deep = mix(shape[2], 0.62, 0.68), 0.4
    # The loop in the yz plane; 180 degrees is the dial's side.
    loop = arc(deep, tall, 180.0, 540.0, 121, "yz")[:-1]
    from_dial = np.abs((np.linspace(0, 360, 121)[:-1] + 180) % 360 - 180) / 180
    taper = wide * (1.0 - 0.22 * np.clip(from_dial * 2.2, 0, 1))
    # Wound so that x stays the section's wide side.
    strap = tube(loop, taper, 0.035, around=32, closed=True)
    case = lathe(
        rounded(
            [
                (0, 0),
                (radius * 0.9, 0),
                (radius, 0.05),
                (radius, 0.12),
                (radius * 0.84, 0.16),
                (radius * 0.82, 0.13),
                (0, 0.13),
            ],
            0.02,
        )
    )
    dark = shape[3] < 0.5
    dial = disc(radius * 0.8, 0.012, 0.003).moved(z=0.128)
    crown = disc(0.045, 0.07, 0.015).turned("y", 90).moved(x=radius - 0.005, z=0.08)
    marks = []
    for hour in range(12):
        long = 0.07 if hour % 3 == 0 else 0.045
        mark = box(0.026 if hour % 3 == 0 else 0.018, long, 0.012, 0.004)
        marks.append(mark.moved(y=radius * 0.66).turned("z", -30.0 * hour).moved(z=0.145))
    hour_hand = box(0.034, radius * 0.5, 0.012, 0.005).moved(y=radius * 0.2).turned("z", 58)
    minute = box(0.024, radius * 0.68, 0.012, 0.005).moved(y=radius * 0.28).turned("z", -62)
    pin = disc(0.03, 0.03, 0.008).moved(z=0.14)
    hands = [hour_hand.moved(z=0.15), minute.moved(z=0.16), pin, *marks]
    buckle = box(wide * 1.7, 0.05, 0.14, 0.02)

    def stand(mesh: Mesh) -> Mesh:  # from lying face up to facing the camera
        return mesh.turned("x", 90).moved(y=-deep + 0.02)

    lugs = [
        box(0.07, 0.12, 0.09, 0.02).moved(x=side * wide * 0.86, y=end * radius * 0.93, z=0.05)
        for side in (-1, 1)
        for end in (-1, 1)
    ]
    body = join([strap, stand(join([case, *lugs]))])
    trims = [
        Trim(stand(dial), "screen" if dark else "white"),
        Trim(stand(join(hands)), "white" if dark else "screen"),
        Trim(stand(crown), "chrome"),
        Trim(buckle.moved(y=deep), "chrome"),
    ]
    lean = -mix(shape[4], 10.0, 16.0)
    return Product(
        body.turned("x", lean), tuple(Trim(t.mesh.turned("x", lean), t.finish) for t in trims)
    )


def headphones(shape: Sequence[float]) -> Product:
    """Over-ear headphones standing on their cups."""
    half, tall = mix(shape[0], 0.4, 0.46), mix(shape[1], 0.52, 0.62)
    centre = 0.3
    band = tube(
        arc(half, tall, -6.0, 186.0, 64) + np.array([0, 0, centre + 0.12]),
        mix(shape[2], 0.035, 0.045),
        mix(shape[3], 0.085, 0.11),
        around=28,
    )
    # tube() takes its first direction along x where it can: at the ends of the arc that is across.
    pad = tube(
        arc(half - 0.055, tall - 0.055, 48.0, 132.0, 32) + np.array([0, 0, centre + 0.12]),
        0.03,
        0.075,
    )
    radius = mix(shape[4], 0.25, 0.29)
    cup = lathe(
        rounded([(0, 0), (radius, 0), (radius, 0.1), (radius * 0.72, 0.17), (0, 0.17)], 0.04)
    ).scaled(1.18, 1.0, 1.0)
    plate = ring(radius * 0.5, 0.012).scaled(1.18, 1.0, 1.0).moved(z=0.168)
    cushion = ring(radius * 0.7, radius * 0.3).scaled(1.18, 1.0, 0.85)
    body, soft, shine = [band], [pad], []
    for side in (-1, 1):

        def hang(mesh: Mesh, side: int = side) -> Mesh:
            upright = mesh.turned("y", 90) if side > 0 else mesh.turned("y", -90)
            return upright.turned("y", side * 7.0).moved(x=side * (half - 0.02), z=centre)

        body.append(hang(cup))
        soft.append(hang(cushion.moved(z=-0.04)))
        shine.append(hang(plate))
        slider = box(0.05, 0.1, 0.16, 0.02).moved(x=side * (half + 0.005), z=centre + 0.22)
        shine.append(slider)
    return Product(join(body), (Trim(join(soft), "rubber"), Trim(join(shine), "steel")))


def backpack(shape: Sequence[float]) -> Product:
    """A day pack with a front pocket, side pockets, zips, a grab handle and shoulder straps."""
    wide, deep = mix(shape[0], 0.62, 0.72), mix(shape[1], 0.34, 0.4)
    taper = mix(shape[2], 0.1, 0.2)

    def dome(points: Floats) -> Floats:
        share = np.clip(points[:, 2], 0.0, 1.1)
        slim = 1.0 - taper * share**2
        belly = 1.0 + 0.06 * np.sin(np.pi * np.clip(points[:, 2], 0, 1))
        return np.stack([points[:, 0] * slim * belly, points[:, 1] * slim * belly, points[:, 2]], 1)

    main = box(wide, deep, 1.0, 0.17, detail=10).moved(z=0.5).warped(dome)
    low = mix(shape[3], 0.4, 0.48)
    pocket = box(wide * 0.78, 0.16, low, 0.07, detail=8)
    pocket = pocket.moved(y=-deep / 2 - 0.03, z=0.08 + low / 2)
    sides = [
        box(0.12, deep * 0.7, 0.34, 0.05).moved(x=side * (wide / 2 + 0.005), z=0.22)
        for side in (-1, 1)
    ]
    straps = []
    for side in (-1, 1):
        swing = np.radians(np.linspace(-80, 85, 40))
        path = np.stack(
            [
                side * (0.17 + 0.12 * np.cos(swing) ** 0.7),
                deep / 2 + 0.02 + 0.13 * np.cos(swing),
                0.5 + 0.42 * np.sin(swing),
            ],
            axis=1,
        )
        straps.append(tube(path, 0.055, 0.025, around=16))
    zips = [
        tube(_zip(wide * 0.33, low * 0.3), 0.014, 0.014, 10).moved(
            y=-deep / 2 - 0.108, z=0.08 + low * 0.55
        ),
        tube(_zip(wide * 0.36, 0.3), 0.014, 0.014, 10)
        .moved(y=-deep / 2 + 0.004, z=0.56)
        .warped(dome),
    ]
    grip_arc = arc(0.11, 0.11, 10.0, 170.0, 24) + np.array([0, 0.05, 0.97])
    grip = tube(grip_arc, 0.03, 0.02, 14)
    pull = box(0.03, 0.02, 0.09, 0.008).moved(x=wide * 0.2, y=-deep / 2 - 0.125, z=0.08 + low * 0.7)
    patch = box(0.15, 0.02, 0.07, 0.008).moved(y=-deep / 2 - 0.11, z=0.08 + low * 0.38)
    return Product(
        join([main, pocket, *sides]),
        (
            Trim(join([*zips, grip, *straps]), "rubber"),
            Trim(pull, "chrome"),
            Trim(patch, "white"),
        ),
    )


def _zip(half: float, drop: float) -> Floats:
    """The upside-down U of a zip, in the xz plane."""
    turn = np.linspace(0, math.pi, 40)
    power = 0.45  # nearly a rectangle with round corners
    return np.stack(
        [
            half * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power,
            np.zeros(40),
            drop * np.sin(turn) ** power,
        ],
        axis=1,
    )
