"""How colours and materials look: reflectance levels and Mitsuba BSDF descriptions.

Light transport in one colour channel depends on the product's reflectance in that channel only,
and smoothly. So a scene is rendered at three grey ``LEVELS``, and every colour's channel is
interpolated by a parabola through them (``channel_weights``).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from studio.photos.meshes.product import Finish
from studio.vocabulary import Colour, Material

#: The three levels at which the product is rendered, per material: reflectance (linear, 0-1) of
#: the surface, for glass the share of light that passes one surface.
LEVELS: Final[dict[Material, tuple[float, float, float]]] = {
    "matte": (0.02, 0.26, 0.69),
    "glossy": (0.02, 0.26, 0.69),
    "metallic": (0.03, 0.28, 0.76),
    "glass": (0.26, 0.60, 0.90),
}

#: Each colour's place per channel on a scale where 0, 1 and 2 are the levels above. Whole numbers
#: are exact; the others are interpolated.
_PLACES: Final[dict[Colour, tuple[float, float, float]]] = {
    "black": (0.0, 0.0, 0.0),
    "white": (2.0, 2.0, 2.0),
    "grey": (0.9, 0.9, 0.9),
    "red": (1.9, 0.0, 0.05),
    "orange": (2.0, 0.9, 0.0),
    "yellow": (2.0, 1.72, 0.05),
    "green": (0.0, 1.0, 0.12),
    "blue": (0.0, 0.35, 1.9),
    "purple": (0.8, 0.08, 1.35),
    "pink": (2.0, 0.85, 1.3),
}

#: Glass is seen through several tinted surfaces, a response of higher degree than a parabola: its
#: colours stay on whole places wherever the eye allows.
_GLASS_PLACES: Final[dict[Colour, tuple[float, float, float]]] = {
    "black": (0.0, 0.0, 0.0),
    "white": (2.0, 2.0, 2.0),
    "grey": (1.0, 1.0, 1.0),
    "red": (2.0, 0.0, 0.0),
    "orange": (2.0, 1.0, 0.0),
    "yellow": (2.0, 1.72, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 2.0),
    "purple": (1.0, 0.0, 1.4),
    "pink": (2.0, 1.2, 1.6),
}

#: How the parameter that carries the level is called, by the end of its name in Mitsuba's scene.
TINTS: Final = (
    "base_color.value",
    "diffuse_reflectance.value",
    "specular_reflectance.value",
    "specular_transmittance.value",
)

#: Neutral finishes: grey reflectance, roughness, metallic share.
_FINISHES: Final[dict[Finish, tuple[float, float, float]]] = {
    "rubber": (0.028, 0.55, 0.0),
    "screen": (0.012, 0.12, 0.0),
    "white": (0.78, 0.35, 0.0),
    "chrome": (0.85, 0.14, 1.0),
    "steel": (0.5, 0.28, 1.0),
}


def reflectance(colour: Colour, material: Material) -> tuple[float, float, float]:
    """The (R, G, B) level, linear in [0, 1], at which ``colour`` is made in ``material``."""
    places = _GLASS_PLACES if material == "glass" else _PLACES
    red, green, blue = (
        float(np.interp(place, (0.0, 1.0, 2.0), LEVELS[material])) for place in places[colour]
    )
    return red, green, blue


def channel_weights(colour: Colour, material: Material) -> NDArray[np.float32]:
    """Weights (3 channels, 3 levels) of the Lagrange parabola through ``LEVELS``; rows sum to 1."""
    levels = LEVELS[material]
    weights = np.empty((3, 3), dtype=np.float32)
    for channel, value in enumerate(reflectance(colour, material)):
        for k, node in enumerate(levels):
            others = [other for other in levels if other != node]
            weights[channel, k] = np.prod([(value - o) / (node - o) for o in others])
    return weights


def _grey(value: float) -> dict[str, Any]:
    return {"type": "rgb", "value": [value, value, value]}


def body_bsdf(material: Material, level: tuple[float, float, float]) -> dict[str, Any]:
    """The BSDF of the product's coloured body at one (R, G, B) level.

    ``matte`` is rough and barely specular, ``glossy`` a diffuse base under a clear smooth coat,
    ``metallic`` brushed anodised metal, ``glass`` clear and tinted at the surface.
    """
    colour = {"type": "rgb", "value": list(level)}
    if material == "glass":
        return {
            "type": "dielectric",
            "int_ior": 1.45,
            "specular_transmittance": colour,
        }
    if material == "metallic":
        inner: dict[str, Any] = {
            "type": "roughconductor",
            "material": "none",
            "distribution": "ggx",
            "alpha": 0.17,
            "specular_reflectance": colour,
        }
    elif material == "glossy":
        inner = {
            "type": "roughplastic",
            "distribution": "ggx",
            "alpha": 0.035,
            "int_ior": 1.6,
            "nonlinear": False,
            "diffuse_reflectance": colour,
        }
    else:
        inner = {
            "type": "principled",
            "base_color": colour,
            "roughness": 0.85,
            "specular": 0.25,
        }
    return {"type": "twosided", "bsdf": inner}


def trim_bsdf() -> dict[str, Any]:
    """The one BSDF of all trims; grey, roughness and metallic come from the mesh's vertices."""
    return {
        "type": "twosided",
        "bsdf": {
            "type": "principled",
            "base_color": {"type": "mesh_attribute", "name": "vertex_color"},
            "roughness": {"type": "mesh_attribute", "name": "vertex_roughness"},
            "metallic": {"type": "mesh_attribute", "name": "vertex_metallic"},
        },
    }


def finish(name: Finish) -> tuple[float, float, float]:
    """Grey reflectance, roughness and metallic share of a neutral finish."""
    return _FINISHES[name]


def wood_grain(seed: int, size: int = 384) -> NDArray[np.float32]:
    """A board of warm wood, (size, size, 3) linear RGB: growth rings cut along the grain.

    The rings are a sine of the distance to a slightly wavering pith, with fibres of fine noise
    stretched along x (the classic procedural wood of D. Peachey, 1985).
    """
    chance = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size))
    waver = np.zeros_like(x)
    for octave, strength in enumerate((0.05, 0.025, 0.012)):
        phase = chance.uniform(0, 2 * np.pi, 2)
        across, along = (octave + 1) * 2.3, (octave + 1) * 1.4
        waver += strength * np.sin(2 * np.pi * across * y + phase[0] + 3 * x)
        waver += strength * np.sin(2 * np.pi * along * x + phase[1])
    planks = 5
    board = np.floor(y * planks).astype(int)
    shift = chance.uniform(-2, 2, planks)[np.minimum(board, planks - 1)]
    pith = np.hypot((y + waver) * 7 + shift, (x + shift) * 0.9 + 1.2)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * pith * 2.2)
    rings = rings**2
    fibre = chance.normal(0, 1, (size, size))
    spread = np.ones(25) / 25
    fibre = np.apply_along_axis(lambda row: np.convolve(row, spread, mode="same"), 1, fibre)
    tone = 0.55 + 0.2 * rings + 0.28 * fibre
    tone += chance.uniform(-0.1, 0.1, planks)[np.minimum(board, planks - 1)]
    groove = np.abs(y * planks - np.round(y * planks)) < 0.012
    tone = np.clip(tone, 0.0, 1.0)[..., None]
    dark, light = np.array([0.17, 0.075, 0.03]), np.array([0.62, 0.36, 0.175])
    wood = dark + (light - dark) * tone
    wood[groove] *= 0.45
    return np.asarray(wood, dtype=np.float32)
