"""Colour signals: CIELAB, CIEDE2000, colour words of shops, and the colour of a subject.

The measured colour is compared with the meaning of the requested word. A word that is not in the
table gets no value rather than a guess.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from catalog_gen.judging.signals.signal import Signal, Value

if TYPE_CHECKING:
    from catalog_gen.judging.picture import Picture

Lab = NDArray[np.float32]

#: The looks of a basic colour in a photo of a lit product, sRGB 0-255. There are several because a
#: dark room, a clear material and a highlight change lightness and chroma; the nearest look counts.
_LOOKS: Final[Mapping[str, tuple[tuple[int, int, int], ...]]] = {
    "black": ((15, 15, 15), (45, 45, 46)),
    "white": ((250, 250, 250), (212, 212, 211)),
    "grey": ((112, 112, 112), (152, 152, 152), (82, 82, 82)),
    "red": ((205, 35, 40), (130, 18, 20), (240, 85, 85)),
    "orange": ((240, 130, 30), (185, 85, 15), (250, 165, 85)),
    "yellow": ((245, 220, 40), (185, 160, 20), (250, 235, 125)),
    "green": ((35, 150, 65), (15, 85, 30), (100, 190, 120)),
    "blue": ((45, 85, 210), (20, 35, 110), (100, 150, 235)),
    "purple": ((130, 50, 195), (65, 20, 100), (170, 115, 225)),
    "pink": ((240, 130, 190), (190, 75, 135), (250, 190, 215)),
}
#: The basic colours, in a stable order.
BASIC_COLOURS: Final = tuple(_LOOKS)
#: Other colour words of shops, with one look each.
_SHOP_LOOKS: Final[Mapping[str, tuple[int, int, int]]] = {
    "anthracite": (56, 58, 61),
    "aqua": (80, 200, 205),
    "beige": (222, 203, 170),
    "bordeaux": (95, 20, 35),
    "bronze": (150, 105, 55),
    "brown": (110, 70, 40),
    "burgundy": (105, 20, 45),
    "camel": (190, 145, 95),
    "champagne": (235, 215, 180),
    "charcoal": (62, 64, 67),
    "copper": (185, 110, 75),
    "coral": (250, 125, 100),
    "cream": (250, 240, 212),
    "cyan": (20, 190, 215),
    "gold": (205, 165, 70),
    "indigo": (60, 45, 130),
    "ivory": (250, 245, 228),
    "khaki": (150, 140, 95),
    "lavender": (185, 165, 225),
    "lilac": (200, 165, 210),
    "lime": (165, 215, 50),
    "magenta": (210, 30, 140),
    "maroon": (110, 25, 30),
    "mint": (165, 225, 195),
    "mustard": (210, 165, 40),
    "navy": (25, 35, 80),
    "olive": (115, 115, 50),
    "peach": (250, 195, 160),
    "rose": (225, 120, 140),
    "rust": (165, 75, 35),
    "salmon": (245, 145, 120),
    "sand": (215, 190, 150),
    "silver": (190, 192, 195),
    "tan": (200, 160, 115),
    "taupe": (135, 120, 105),
    "teal": (15, 125, 125),
    "turquoise": (50, 190, 180),
    "violet": (125, 60, 190),
}
_SPELLINGS: Final[Mapping[str, str]] = {"gray": "grey", "golden": "gold", "silvery": "silver"}
_NEUTRALS: Final = frozenset({"black", "white", "grey"})

#: Weight of lightness in CIEDE2000: 2, as the textile industry sets it (CIE 142-2001), because
#: a lit object shows one colour at many lightnesses.
_TEXTILE: Final = 2.0
#: A subject is measured at this many evenly spread pixels; more don't change the result.
_SAMPLE: Final = 300
#: A hue that covers this share wins over neutral parts (a watch's dial, a lamp's stem).
_HUE_WINS: Final = 0.125


@lru_cache(maxsize=1)
def _linear() -> NDArray[np.float32]:
    """Linear light 0..1 of every 8-bit sRGB level (IEC 61966-2-1), (256,)."""
    level = np.arange(256) / 255
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


#: Linear sRGB to XYZ (IEC 61966-2-1), rows divided by the D65 white point.
_TO_XYZ: Final = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ],
    dtype=np.float32,
)


def srgb_to_lab(pixels: NDArray[np.uint8]) -> Lab:
    """CIELAB under D65 of sRGB levels: (..., 3) uint8 to (..., 3), L* 0..100 (CIE 15:2018)."""
    xyz = _linear()[pixels] @ _TO_XYZ.T
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def ciede2000(
    one: NDArray[np.floating], other: NDArray[np.floating], lightness_weight: float = 1.0
) -> NDArray[np.floating]:
    """Colour difference of CIELAB values (..., 3), broadcast: 0 the same, about 1 just visible.

    CIEDE2000 as in G. Sharma, W. Wu and E. N. Dalal, "The CIEDE2000 color-difference formula",
    Color Research and Application 30 (2005); ``lightness_weight`` is their k_L.
    """
    l1, a1, b1 = one[..., 0], one[..., 1], one[..., 2]
    l2, a2, b2 = other[..., 0], other[..., 1], other[..., 2]
    mean_chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma7 / (mean_chroma7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    turn = h2 - h1
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn))
    turn = np.where(grey, 0, turn)
    delta_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    wraps = np.abs(h1 - h2) > 180
    mean_h = np.where(wraps, (h1 + h2 + 360) / 2 % 360, (h1 + h2) / 2)
    mean_h = np.where(grey, h1 + h2, mean_h)
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    chroma7 = mean_c**7
    rotation = (
        -2
        * np.sqrt(chroma7 / (chroma7 + 25.0**7))
        * np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    )
    dl, dc, dh = (l2 - l1) / (lightness_weight * s_l), (c2 - c1) / s_c, delta_hue / s_h
    squared = dl**2 + dc**2 + dh**2 + rotation * dc * dh
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


#: Separators between the colours of a product that has several.
_SIDE_BY_SIDE: Final = re.compile(r"[/&+|,]|\band\b", re.IGNORECASE)


def known_colour(words: str) -> str | None:
    """The table's colour for a shop's words: "Navy Blue" is navy, "sky blue" is blue.

    A shade next to its own basic colour is kept ("navy blue"); next to another basic colour it only
    modifies it ("rose red" is red). The result is None for two basic colours, two colours side by
    side ("cream/teal"), or an unknown word.
    """
    sides = _SIDE_BY_SIDE.split(words)
    if len({colour for side in sides if (colour := _one_colour(side))}) > 1:
        return None
    return _one_colour(words)


def basic_colour(words: str) -> str | None:
    """The basic colour of a shop's words, or the nearest one; None as for ``known_colour``."""
    known = known_colour(words)
    return known if known is None or known in _LOOKS else _nearest_basic(known)


def _one_colour(words: str) -> str | None:
    spoken: list[str] = re.findall(r"[a-z]+", words.lower())
    plain = [_SPELLINGS.get(word, word) for word in spoken]
    found = [word for word in plain if word in _LOOKS or word in _SHOP_LOOKS]
    basic = [word for word in found if word in _LOOKS]
    if len(set(basic)) > 1 or not found:
        return None
    shop = [word for word in found if word in _SHOP_LOOKS]
    if shop and basic:
        return shop[0] if _nearest_basic(shop[0]) == basic[0] else basic[0]
    return found[0]


def distance_to_word(lab: NDArray[np.floating], words: str) -> float | None:
    """CIEDE2000 (k_L = 2) of a CIELAB value (3,) to a colour word; None: no known word."""
    target = known_colour(words)
    return None if target is None else float(ciede2000(_looks(target), lab, _TEXTILE).min())


@lru_cache(maxsize=64)
def _nearest_basic(shop_word: str) -> str:
    look = srgb_to_lab(np.array(_SHOP_LOOKS[shop_word], dtype=np.uint8))
    distances = {
        word: float(ciede2000(_looks(word), look, _TEXTILE).min()) for word in BASIC_COLOURS
    }
    return min(distances, key=lambda word: distances[word])


@lru_cache(maxsize=128)
def _looks(word: str) -> Lab:
    """CIELAB of a word's looks, (K, 3)."""
    looks = _LOOKS[word] if word in _LOOKS else (_SHOP_LOOKS[word],)
    return srgb_to_lab(np.array(looks, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class SubjectColour:
    """The colour of a subject, and how well it fits the requested word."""

    lightness: float
    """L* of the dominant colour, 0..100."""
    a: float
    b: float
    word: str
    """The basic colour word that is nearest to the dominant colour."""
    delta_e: float | None
    """CIEDE2000 (k_L = 2) of the dominant colour to the asked word; None: no known word."""
    asked_share: float | None
    """Share of the subject that is nearest to the asked word, 0..1."""
    rival_share: float | None
    """Share of the subject that has a hue, and not the asked one, 0..1."""


def subject_colour(lab: Lab, mask: NDArray[np.bool_], asked: str) -> SubjectColour | None:
    """The colour of the pixels (H, W, 3) in CIELAB under the mask (H, W); None: no pixels.

    Each sampled pixel gets the nearest colour word. The most frequent word is dominant, but any hue
    that covers an eighth of the subject takes precedence over neutral words: straps, dials and
    stems are neutral in products of any colour. The dominant colour is the median of its pixels.
    """
    pixels = lab[mask]
    if not len(pixels):
        return None
    pixels = pixels[:: max(1, len(pixels) // _SAMPLE)]
    target = known_colour(asked)
    words: list[str] = [*BASIC_COLOURS]
    if target is not None and target not in words:
        words.append(target)
    looks = np.concatenate([_looks(word) for word in words])
    owner = np.repeat(np.arange(len(words)), [len(_looks(word)) for word in words])
    named = owner[ciede2000(pixels[:, None], looks[None], _TEXTILE).argmin(axis=1)]
    shares = np.bincount(named, minlength=len(words)) / len(pixels)
    hues = np.array([0.0 if word in _NEUTRALS else 1.0 for word in words])
    winner = int((shares * hues).argmax())
    if shares[winner] < _HUE_WINS:
        winner = int(shares.argmax())
    dominant = np.median(pixels[named == winner], axis=0)
    delta = distance_to_word(dominant, asked)
    asked_share = rival_share = None
    if target is not None:
        own = words.index(target)
        asked_share = float(shares[own])
        rival_share = float((shares * hues).sum() - shares[own] * hues[own])
    basic = words[winner] if words[winner] in _LOOKS else _nearest_basic(words[winner])
    return SubjectColour(
        lightness=float(dominant[0]),
        a=float(dominant[1]),
        b=float(dominant[2]),
        word=basic,
        delta_e=delta,
        asked_share=asked_share,
        rival_share=rival_share,
    )


def _measure(picture: "Picture") -> dict[str, Value]:
    colour = subject_colour(picture.lab, picture.mask, picture.asked.colour)
    if colour is None:
        names = ("word", "lab", "delta", "share", "rival", "lead")
        return {f"colour_{name}": None for name in names}
    share, rival = colour.asked_share, colour.rival_share
    return {
        "colour_word": colour.word,
        "colour_lab": (colour.lightness, colour.a, colour.b),
        "colour_delta": colour.delta_e,
        "colour_share": share,
        "colour_rival": rival,
        "colour_lead": None if share is None or rival is None else share - rival,
    }


SIGNAL: Final = Signal(
    facts={
        "colour_delta": "CIEDE2000 (k_L = 2) of the subject's colour to the asked word",
        "colour_share": "share of the subject that is nearest to the asked word, 0..1",
        "colour_rival": "share of the subject that has a hue, and not the asked one, 0..1",
        "colour_lead": "the asked colour's share minus that of other hues, -1..1",
    },
    measure=_measure,
    seen=dict.fromkeys(("colour_delta", "colour_share", "colour_lead"), "colour_word"),
    on_backdrop=frozenset({"colour_delta", "colour_share", "colour_rival", "colour_lead"}),
)
