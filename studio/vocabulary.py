"""The studio model's vocabulary: the closed word lists of its photos and captions.

``meshes``, ``materials`` and ``render`` define how they look.
"""

from typing import Final, Literal, get_args

Category = Literal[
    "mug",
    "bottle",
    "perfume bottle",
    "bowl",
    "vase",
    "table lamp",
    "watch",
    "headphones",
    "backpack",
    "gaming mouse",
    "air fryer",
    "chair",
]
Colour = Literal[
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink"
]
Material = Literal["matte", "glossy", "metallic", "glass"]
Background = Literal["white", "light grey", "warm wood"]
Angle = Literal["front", "three-quarter"]

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
COLOURS: Final[tuple[Colour, ...]] = get_args(Colour)
MATERIALS: Final[tuple[Material, ...]] = get_args(Material)
BACKGROUNDS: Final[tuple[Background, ...]] = get_args(Background)
ANGLES: Final[tuple[Angle, ...]] = get_args(Angle)
COUNTS: Final[tuple[int, ...]] = (1, 2)

#: Pairs that no generator photo shows. ``evaluate`` asks for them to measure composition.
HELD_OUT_PAIRS: Final[frozenset[tuple[Category, Colour]]] = frozenset(
    {
        ("mug", "purple"),
        ("bottle", "yellow"),
        ("perfume bottle", "green"),
        ("bowl", "pink"),
        ("vase", "orange"),
        ("table lamp", "blue"),
        ("watch", "red"),
        ("headphones", "yellow"),
        ("backpack", "purple"),
        ("gaming mouse", "pink"),
        ("air fryer", "green"),
        ("chair", "orange"),
    }
)
