"""Captions of studio photos in a small closed vocabulary, all lower case.

``captions`` makes several for training; ``canonical_caption`` is the form of the default prompt
template. A caption may omit an attribute but never gives a wrong one.
"""

import random
from typing import Final

from studio.photos.scene import Scene
from studio.vocabulary import Angle, Background, Category, Colour, Material

#: Each category's names, singular and plural; the category's own name comes first.
SYNONYMS: Final[dict[Category, tuple[tuple[str, str], ...]]] = {
    "mug": (("mug", "mugs"), ("coffee mug", "coffee mugs"), ("tea cup", "tea cups")),
    "bottle": (
        ("bottle", "bottles"),
        ("water bottle", "water bottles"),
        ("drinking bottle", "drinking bottles"),
    ),
    "perfume bottle": (
        ("perfume bottle", "perfume bottles"),
        ("perfume flacon", "perfume flacons"),
        ("fragrance bottle", "fragrance bottles"),
    ),
    "bowl": (("bowl", "bowls"), ("salad bowl", "salad bowls"), ("serving bowl", "serving bowls")),
    "vase": (("vase", "vases"), ("flower vase", "flower vases")),
    "table lamp": (
        ("table lamp", "table lamps"),
        ("desk lamp", "desk lamps"),
        ("bedside lamp", "bedside lamps"),
    ),
    "watch": (
        ("watch", "watches"),
        ("wristwatch", "wristwatches"),
        ("wrist watch", "wrist watches"),
    ),
    "headphones": (
        ("headphones", "pairs of headphones"),
        ("headset", "headsets"),
        ("over-ear headphones", "pairs of over-ear headphones"),
    ),
    "backpack": (
        ("backpack", "backpacks"),
        ("rucksack", "rucksacks"),
        ("school backpack", "school backpacks"),
    ),
    "gaming mouse": (
        ("gaming mouse", "gaming mice"),
        ("computer mouse", "computer mice"),
        ("wireless mouse", "wireless mice"),
    ),
    "air fryer": (("air fryer", "air fryers"), ("airfryer", "airfryers")),
    "chair": (
        ("chair", "chairs"),
        ("dining chair", "dining chairs"),
        ("side chair", "side chairs"),
    ),
}

_MATERIAL_WORDS: Final[dict[Material, tuple[str, ...]]] = {
    "matte": ("matte",),
    "glossy": ("glossy", "shiny"),
    "metallic": ("metallic", "metal"),
    "glass": ("glass", "transparent"),
}
_COLOUR_WORDS: Final[dict[Colour, tuple[str, ...]]] = {
    "black": ("black",),
    "white": ("white",),
    "grey": ("grey", "gray"),
    "red": ("red",),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "blue": ("blue",),
    "purple": ("purple", "violet"),
    "pink": ("pink",),
}
_ANGLE_WORDS: Final[dict[Angle, tuple[str, ...]]] = {
    "front": ("front view", "seen from the front"),
    "three-quarter": ("three-quarter view", "angled view"),
}
_BACKGROUND_WORDS: Final[dict[Background, tuple[str, ...]]] = {
    "white": ("white background", "plain white background", "on white"),
    "light grey": ("light grey background", "light gray background", "on a light grey backdrop"),
    "warm wood": ("warm wood background", "wooden table", "on a warm wood table"),
}
_OPENINGS: Final = ("product photo of", "studio photo of", "catalog photo of", "packshot of")
_CLOSINGS: Final = ("product photo", "studio photo", "studio lighting", "soft shadow")
NUMBERS: Final[dict[int, str]] = {1: "one", 2: "two"}


def canonical_caption(
    category: Category,
    colour: Colour,
    material: Material,
    background: Background,
    angle: Angle,
    count: int,
) -> str:
    """The caption with all attributes, in the form of the default template.

    >>> canonical_caption("mug", "red", "matte", "white", "three-quarter", 1)
    'product photo of one matte red mug, three-quarter view, white background'
    """
    return _in_form(f"{material} {colour} ", category, background, angle, count)


def bare_caption(scene: Scene) -> str:
    """The canonical caption without colour and material, which a photo beside it has to tell."""
    return _in_form("", scene.category, scene.background, scene.angle, scene.count)


def _in_form(
    described: str, category: Category, background: Background, angle: Angle, count: int
) -> str:
    """The form of the default template; ``described`` ends with a blank, if it is not empty."""
    noun = SYNONYMS[category][0][count - 1]
    return (
        f"product photo of {NUMBERS[count]} {described}{noun}, "
        f"{angle} view, {background} background"
    )


def captions(scene: Scene, colour: Colour, generator: random.Random) -> list[str]:
    """Five captions of the scene in ``colour``; the first is the canonical one.

    The others are a full one in other words, a shop's title followed by its attributes, a partial
    one, and the bare product. Two drawers of an air fryer are sometimes mentioned.
    """
    background = generator.choice(_BACKGROUND_WORDS[scene.background])
    angle = generator.choice(_ANGLE_WORDS[scene.angle])
    full = f"{generator.choice(_OPENINGS)} {_subject(scene, colour, True, generator)}"
    tail = [angle, background]
    generator.shuffle(tail)
    title = f"{_subject(scene, colour, False, generator)}, {_material(scene, generator)}"
    kept = generator.sample([angle, background, generator.choice(_CLOSINGS)], 2)
    partial = _subject(scene, colour, generator.random() < 0.5, generator)
    dropped = generator.choice([[angle], [background], []])
    return [
        canonical_caption(
            scene.category, colour, scene.material, scene.background, scene.angle, scene.count
        ),
        ", ".join([full, *tail]),
        ", ".join([title, *kept]),
        ", ".join([partial, *dropped]),
        _subject(scene, colour, False, generator),
    ]


def _material(scene: Scene, generator: random.Random) -> str:
    return generator.choice(_MATERIAL_WORDS[scene.material])


def _subject(scene: Scene, colour: Colour, with_material: bool, generator: random.Random) -> str:
    """Number, material, colour and name, such as "two glossy blue bottles"."""
    names = SYNONYMS[scene.category]
    # The category's own name half of the time, since the canonical prompt uses it.
    name = names[0] if generator.random() < 0.5 else generator.choice(names)
    words = [NUMBERS[scene.count]]
    if scene.count == 1:
        plain = name[0].endswith("headphones")  # no article: "a headphones" is not English
        words = [] if plain else [generator.choice(["one", "a", ""])]
    if with_material:
        words.append(_material(scene, generator))
    words.append(generator.choice(_COLOUR_WORDS[colour]))
    words.append(name[scene.count - 1])
    if scene.category == "air fryer" and generator.random() < 0.5:
        words.append("with two drawers" if scene.compartments == 2 else "with one drawer")
    phrase = [word for word in words if word]
    if phrase[0] == "a" and phrase[1] in ("orange",):
        phrase[0] = "an"
    return " ".join(phrase)
