"""Things to furnish and plug in: table lamp, chair, gaming mouse, air fryer."""

import math
from collections.abc import Sequence

import numpy as np

from studio.photos.meshes.product import Product, Trim, mix
from studio.photos.meshes.shapes import (
    Floats,
    ball,
    box,
    disc,
    join,
    lathe,
    ring,
    rounded,
    spline,
    tube,
)


def table_lamp(shape: Sequence[float]) -> Product:
    """A lamp with a fabric-like conical shade; shade and foot are coloured, the stem is metal."""
    top, bottom = mix(shape[0], 0.16, 0.24), mix(shape[1], 0.34, 0.4)
    tall, low = mix(shape[2], 0.36, 0.44), 0.58
    wall = 0.014
    rim = (bottom - wall, low)
    sheet = [rim, (bottom, low), (top, low + tall), (top - wall, low + tall)]
    shade = lathe([*rounded(sheet, 0.008), rim], 128)
    foot = mix(shape[3], 0.22, 0.28)
    if shape[4] < 0.5:
        base = disc(foot, 0.06, 0.02)
    else:  # a round ceramic belly
        base = lathe(
            [
                (0.0, 0.0),
                *spline([(0.1, 0.0), (foot * 0.85, 0.16), (0.1, 0.34), (0.04, 0.4)]),
                (0, 0.4),
            ]
        )
    stem = lathe([(0.0, 0.03), (0.022, 0.03), (0.022, low + tall * 0.55), (0.0, low + tall * 0.55)])
    bulb = ball(0.13, 0.13, 0.17).moved(z=low + tall * 0.5)
    bar = box(2 * top * 0.98, 0.012, 0.012, 0.004).moved(z=low + tall * 0.9)
    knob = ball(0.045, 0.045, 0.05).moved(z=low + tall + 0.03)
    post = lathe([(0, low), (0.01, low), (0.01, low + tall + 0.02), (0, low + tall + 0.02)], 24)
    return Product(
        join([shade, base]),
        (Trim(join([stem, bar, knob, post]), "steel"), Trim(bulb, "white")),
    )


def chair(shape: Sequence[float]) -> Product:
    """A chair with a moulded seat and back; the legs are coloured or black metal."""
    wide, deep = mix(shape[0], 0.5, 0.56), mix(shape[1], 0.48, 0.52)
    seat_z, top = 0.5, mix(shape[2], 1.06, 1.16)

    def dish(points: Floats) -> Floats:
        sag = 0.05 * (points[:, 0] / wide * 2) ** 2
        return points + np.stack([np.zeros_like(sag), np.zeros_like(sag), sag], 1)

    def curve(points: Floats) -> Floats:
        bow = -0.12 * (points[:, 0] / wide * 2) ** 2
        return points + np.stack([np.zeros_like(bow), bow, np.zeros_like(bow)], 1)

    seat = box(wide, deep, 0.06, 0.028).warped(dish).moved(z=seat_z)
    lean = mix(shape[3], 8.0, 14.0)
    back_low = seat_z + mix(shape[4], 0.04, 0.2)
    back_tall = top - back_low
    back = box(wide * 0.96, 0.05, back_tall, 0.024, detail=6).warped(curve)
    back = back.moved(z=back_tall / 2).turned("x", -lean).moved(y=deep / 2 - 0.02, z=back_low)
    metal = shape[5] < 0.4
    legs, posts = [], []
    for x in (-1, 1):
        for y in (-1, 1):
            path = np.array(
                [
                    [x * wide * 0.47, y * deep * 0.47, 0.02],
                    [x * wide * 0.36, y * deep * 0.36, seat_z],
                ]
            )
            grow = np.linspace(0.0, 1.0, 12)[:, None]
            size = 0.022 + 0.008 * grow[:, 0]
            legs.append(tube(path[:1] * (1 - grow) + path[1:] * grow, size, size, 16))
        grow = np.linspace(0.0, 1.0, 12)[:, None]
        foot = np.array([[x * wide * 0.3, deep * 0.38, seat_z]])
        tip = np.array([[x * wide * 0.3, deep * 0.5, back_low + 0.14]])
        posts.append(tube(foot * (1 - grow) + tip * grow, 0.022, 0.022, 14))
    if metal:
        return Product(join([seat, back]), (Trim(join([*legs, *posts]), "rubber"),))
    return Product(join([seat, back, *legs, *posts]))


def gaming_mouse(shape: Sequence[float]) -> Product:
    """A mouse seen from its button end: two buttons, seam, wheel, dark grips, light strip."""
    wide, long, tall = mix(shape[0], 0.6, 0.68), 1.0, mix(shape[1], 0.36, 0.42)
    pinch = mix(shape[2], 0.1, 0.16)

    def mould(points: Floats) -> Floats:
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        waist = 1.0 - pinch * np.exp(-(((y + 0.08) / 0.24) ** 2))
        # Highest behind the middle, low at the buttons, crowned across.
        crown = 0.62 + 0.38 * np.sin(np.clip((y + 0.62) / 1.1, 0, 1) * math.pi * 0.86)
        across = 1.0 - 0.35 * (x / (wide / 2)) ** 2
        return np.stack([x * waist, y, z * crown * across], 1)

    block = box(wide, long, tall, 0.17, detail=12).moved(z=tall / 2).warped(mould)

    def surface(x: float, y: float) -> float:
        near = np.hypot(block.vertices[:, 0] - x, block.vertices[:, 1] - y) < 0.05
        return float(block.vertices[near, 2].max())

    def along(xs: Floats, ys: Floats, lift: float) -> Floats:
        heights = mould(np.stack([xs, ys, np.full_like(xs, tall)], 1))
        return np.asarray(heights + np.array([0.0, 0.0, lift]))

    ys = np.linspace(-0.44, 0.02, 30)
    seam = tube(along(np.zeros(30), ys, -0.002), 0.011, 0.011, 10)
    xs = np.linspace(-wide * 0.36, wide * 0.36, 30)
    cross = tube(along(xs, 0.04 - 0.06 * (xs / wide * 2) ** 2, -0.002), 0.009, 0.009, 10)
    wheel_z = float(along(np.zeros(1), np.array([-0.26]), 0.0)[0, 2])
    wheel = ring(0.055, 0.032).turned("y", 90).moved(y=-0.26, z=wheel_z - 0.035)
    hub = disc(0.05, 0.076, 0.01).turned("y", 90).moved(x=-0.038, y=-0.26, z=wheel_z - 0.035)
    grips = []
    for side in (-1, 1):
        points = np.stack(
            [np.full(24, side * wide * 0.5), np.linspace(-0.2, 0.3, 24), np.full(24, tall * 0.42)],
            1,
        )
        path = mould(points) * [0.985, 1, 1]
        grips.append(tube(path, 0.03, 0.055, 14))
    logo_y = 0.3
    logo = ring(0.06, 0.014).moved(y=logo_y, z=surface(0.0, logo_y) - 0.002)
    return Product(
        block,
        (
            Trim(join([seam, cross, wheel, *grips]), "rubber"),
            Trim(hub, "chrome"),
            Trim(logo, "white"),
        ),
    )


def air_fryer(shape: Sequence[float], compartments: int) -> Product:
    """An air fryer with one drawer, or two side by side, each with its own handle."""
    double = compartments == 2
    wide = mix(shape[0], 1.08, 1.2) if double else mix(shape[0], 0.72, 0.8)
    tall = mix(shape[1], 0.78, 0.86) if double else mix(shape[1], 0.92, 1.0)
    deep = 0.74
    corner = mix(shape[2], 0.1, 0.2)
    shell = box(wide, deep, tall, corner, detail=10).moved(z=tall / 2 + 0.02)
    feet = [
        disc(0.05, 0.04, 0.01).moved(x=x * wide * 0.34, y=y * deep * 0.32)
        for x in (-1, 1)
        for y in (-1, 1)
    ]
    front = -deep / 2
    screen_tall = tall * 0.24
    screen = box(wide * 0.66, 0.03, screen_tall, 0.014).moved(y=front, z=tall * 0.8)
    dots = [
        box(0.035, 0.02, 0.035, 0.009).moved(x=x * wide * 0.11, y=front - 0.012, z=tall * 0.77)
        for x in (-2, -1, 0, 1, 2)
    ]
    digits = box(0.2, 0.02, 0.05, 0.009).moved(y=front - 0.012, z=tall * 0.85)
    drawers, seams, handles, shine = [], [], [], []
    places = (-wide * 0.235, wide * 0.235) if double else (0.0,)
    drawer_wide = wide * 0.44 if double else wide * 0.8
    drawer_tall = tall * 0.54
    for x in places:
        middle = 0.07 + drawer_tall / 2
        gap, half = 0.022, (drawer_wide / 2, drawer_tall / 2)
        for end in (-1, 1):
            upright = box(gap, 0.03, drawer_tall + 2 * gap, 0.01)
            level = box(drawer_wide + 2 * gap, 0.03, gap, 0.01)
            seams.append(upright.moved(x=x + end * (half[0] + gap / 2), y=front, z=middle))
            seams.append(level.moved(x=x, y=front, z=middle + end * (half[1] + gap / 2)))
        drawers.append(
            box(drawer_wide, 0.09, drawer_tall, 0.04, detail=8).moved(x=x, y=front, z=middle)
        )
        handles.append(
            box(0.09, 0.14, drawer_tall * 0.62, 0.04, detail=8).moved(
                x=x, y=front - 0.11, z=middle + 0.02
            )
        )
        shine.append(
            box(0.03, 0.02, drawer_tall * 0.42, 0.009).moved(x=x, y=front - 0.178, z=middle + 0.02)
        )
    return Product(
        join([shell, *drawers]),
        (
            Trim(join([*seams, *handles, *feet]), "rubber"),
            Trim(screen, "screen"),
            Trim(join([*dots, digits]), "white"),
            Trim(join(shine), "chrome"),
        ),
    )
