"""From a shop's words to the studio's: whole words, and near-certain synonyms only.

A word that could mean two things is left unknown, because a wrong word draws a wrong picture and
an unknown one merely leaves the product out, with a reason (see ``support``). Nothing here parses
sentences: a category counts where it is the thing that is sold, not a part of or for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from catalog_gen.catalog.product import Product
from studio.vocabulary import COLOURS, COUNTS, Category, Colour, Material


def _each(words: str) -> list[str]:
    return words.split()


#: What a shop calls each category, in singular; plurals are made by ``_plural``.
CATEGORY_WORDS: Final[Mapping[Category, tuple[str, ...]]] = {
    "mug": ("mug", "coffee cup", "tea cup", "teacup", "espresso cup"),
    "bottle": ("bottle", "water flask", "drinking flask", "vacuum flask"),
    "perfume bottle": (
        "perfume bottle",
        "perfume flacon",
        "fragrance bottle",
        "eau de parfum",
        "eau de toilette",
        "eau de cologne",
        "perfume",
        "cologne",
        "perfume spray",
    ),
    "bowl": ("bowl",),
    "vase": ("vase",),
    "table lamp": ("table lamp", "desk lamp", "bedside lamp"),
    "watch": ("watch", "wristwatch", "wrist watch"),
    "headphones": ("headphones", "headphone", "headset"),
    "backpack": ("backpack", "rucksack", "daypack"),
    "gaming mouse": ("gaming mouse", "computer mouse", "wireless mouse", "usb mouse"),
    "air fryer": ("air fryer", "airfryer"),
    "chair": ("chair",),
}
#: Things that end in a word of the list and are something else.
_OTHER_THINGS: Final = (
    "baby bottle",
    "feeding bottle",
    "hot water bottle",
    "spray bottle",
    "wine bottle",
    "gas bottle",
    "toilet bowl",
    "pocket watch",
    "smart watch",
    "deck chair",
    "high chair",
    "lounge chair",
    "massage chair",
    "push chair",
    "rocking chair",
    "wheel chair",
)
#: Behind a category's word these make it an accessory: "chair cushion", "watch strap".
_ACCESSORIES: Final = frozenset(
    _each(
        """
        adapter amplifier bag band basket battery book box brush bulb cable cap care case
        charger cleaner coaster cookbook cosy costume cover covers cushion cushions
        dispenser filler hanger holder hook insert keychain keyring kit leg legs lid lids
        liner liners magnet mat mix opener pad pads paper parts poster print pump puzzle
        rack recipes refill replacement shade shirt sleeve stand sticker stickers stopper
        storage strap straps ticket tickets toy tray tree warmer winder
        """
    )
)
#: What follows one of these says more about the product, but not what it is.
_TAIL: Final = re.compile(
    r"\s[-\u2013\u2014]\s|[,;:|(\[]|\s(?:for|with|by|in|of|fits?)\s", re.IGNORECASE
)
_START: Final = re.compile(r"^\s*(?:set|pair|pack|box|duo)s? of ", re.IGNORECASE)
_JOINTS: Final = re.compile(r"[/&+]|\sand\s", re.IGNORECASE)

COLOUR_WORDS: Final[Mapping[str, Colour]] = {
    **{colour: colour for colour in COLOURS},
    "ivory": "white",
    "gray": "grey",
    "charcoal": "grey",
    "graphite": "grey",
    "anthracite": "grey",
    "crimson": "red",
    "scarlet": "red",
    "navy": "blue",
    "cobalt": "blue",
    "violet": "purple",
    "fuchsia": "pink",
}
#: Colours that the studio model has never seen; beside one of these no other colour counts.
UNKNOWN_COLOURS: Final = frozenset(
    _each(
        """
        aqua amber beige bronze brown burgundy camel champagne clear copper coral cream
        cyan gold golden indigo khaki magenta maroon mint multicolor multicolour mustard
        peach rainbow sand silver tan taupe teal terracotta transparent turquoise
        """
    )
)

#: How a surface looks; a finish is nearer to the picture than the substance below it.
FINISH_WORDS: Final[Mapping[str, Material]] = {
    "matte": "matte",
    "matt": "matte",
    "glossy": "glossy",
    "gloss": "glossy",
    "glazed": "glossy",
    "lacquered": "glossy",
    "shiny": "glossy",
    "metallic": "metallic",
}
SUBSTANCE_WORDS: Final[Mapping[str, Material]] = {
    **dict.fromkeys(
        _each(
            """
        bamboo beech canvas concrete cotton fabric felt leather linen nylon oak pine
        polyester rubber silicone suede terracotta velvet walnut wood wooden wool
        """
        ),
        "matte",
    ),
    **dict.fromkeys(
        _each("acrylic ceramic enamel melamine plastic polycarbonate porcelain stoneware"),
        "glossy",
    ),
    **dict.fromkeys(
        _each("aluminium aluminum brass chrome chromed copper iron metal steel titanium"),
        "metallic",
    ),
    **dict.fromkeys(_each("borosilicate crystal glass"), "glass"),
}
#: Glass and crystal in name only: a fibre inside plastic, and the window of a watch.
_PARTS_OF_MATERIALS: Final = re.compile(
    r"\bglass[- ]?fib(?:re|er)s?\b|\b(?:sapphire|mineral)[- ](?:crystal|glass)\b", re.IGNORECASE
)

_NUMBER_WORDS: Final[Mapping[str, int]] = {
    word: number for number, word in enumerate(_each("one two three four five six"), start=1)
}
_NUMBER: Final = rf"([0-9]{{1,9}}|{'|'.join(_NUMBER_WORDS)})"
_PACKS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"\b(?:set|pack|box|bundle) of {_NUMBER}\b",
        rf"\b{_NUMBER}[- ]?(?:pack|pk|pcs|pieces?|count)\b",
        rf"\b{_NUMBER}[- ]piece set\b",
        rf"^\s*{_NUMBER}\s*[x\u00d7]\s",
    )
)
_PAIR: Final = re.compile(r"\b(?:pair of|twin[- ]pack|duo of)\b", re.IGNORECASE)
#: One pair of these is one product.
_BORN_AS_PAIRS: Final = re.compile(
    r"\b(?:headphones?|headsets?|earphones|earbuds)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class StudioWords:
    """A product in the studio's vocabulary; '' and None where it has no certain word."""

    category: Category | None
    colour: Colour | None
    material: Material | None
    count: int
    """How many pieces the product is, from 1; the studio model draws one or two."""


def studio_words(product: Product) -> StudioWords:
    """Read a product, each attribute from its own field first, and only then from the title.

    A named colour or material that is unknown stays unknown, whatever the title says. Where no
    material is named at all, the product counts as matte.
    """
    attributes = product.attributes
    title = product.title
    material = attributes.get("material", "")
    return StudioWords(
        category=category_in(product.category) or category_in(title),
        colour=colour_in(attributes.get("colour", "") or title),
        material=material_in(material) if material else material_in(title) or "matte",
        count=count_in(attributes.get("count", "") or title),
    )


def category_in(text: str) -> Category | None:
    """The category that a title or a category path ("Kitchen > Drinkware > Mugs") names.

    Of a path only the last, most special part counts. In a title, the last category's word before
    any further description counts, unless what follows makes it an accessory. Where two categories
    stand side by side ("Vases & Bowls"), neither is certain.
    """
    part = _START.sub("", text.rpartition(">")[2])
    head = _TAIL.split(part, maxsplit=1)[0]
    found = {_category_of_words(_words(each)) for each in _JOINTS.split(head)} - {None}
    return found.pop() if len(found) == 1 else None


def colour_in(text: str) -> Colour | None:
    """The one colour that a text names; None where it names none, several, or an unknown one."""
    words = _words(text)
    if not UNKNOWN_COLOURS.isdisjoint(words):
        return None
    found = {COLOUR_WORDS[word] for word in words if word in COLOUR_WORDS}
    return found.pop() if len(found) == 1 else None


def material_in(text: str) -> Material | None:
    """The finish that a text names, else that of the first substance, as shops order them."""
    words = _words(_PARTS_OF_MATERIALS.sub(" ", text))
    for table in (FINISH_WORDS, SUBSTANCE_WORDS):
        for word in words:
            if word in table:
                return table[word]
    return None


def count_in(text: str) -> int:
    """How many pieces "set of 2", "pair of", "2-pack" or a bare number means; 1 where unsaid."""
    bare = text.strip()
    if re.fullmatch(_NUMBER, bare, re.IGNORECASE | re.ASCII):
        return _number(bare)
    for pattern in _PACKS:
        if match := pattern.search(text):
            return _number(match[1])
    if _PAIR.search(text) and not _BORN_AS_PAIRS.search(text):
        return 2
    return 1


def _number(text: str) -> int:
    return _NUMBER_WORDS.get(text.lower()) or int(text)


def is_drawable_count(count: int) -> bool:
    """Whether the studio model draws that many products in one picture."""
    return count in COUNTS


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


def _plural(phrase: str) -> str:
    if phrase.endswith("mouse"):
        return phrase.removesuffix("mouse") + "mice"
    return phrase + ("es" if phrase.endswith(("ch", "s")) else "s")


def _phrases() -> dict[tuple[str, ...], Category | None]:
    table: dict[tuple[str, ...], Category | None] = {}
    for category, names in CATEGORY_WORDS.items():
        for name in names:
            table[tuple(name.split())] = category
            table[tuple(_plural(name).split())] = category
    for name in _OTHER_THINGS:
        table[tuple(name.split())] = None
        table[tuple(_plural(name).split())] = None
    return table


#: Every phrase, singular and plural, as words; None: a thing that is no category.
_PHRASES: Final = _phrases()
_LONGEST: Final = max(len(phrase) for phrase in _PHRASES)


def _category_of_words(words: list[str]) -> Category | None:
    found: Category | None = None
    at = 0
    while at < len(words):
        length = next(
            (
                size
                for size in range(min(_LONGEST, len(words) - at), 0, -1)
                if tuple(words[at : at + size]) in _PHRASES
            ),
            0,
        )
        if length:
            category = _PHRASES[tuple(words[at : at + length])]
            # "Eau de Parfum Bottle" is a bottle of perfume, not a bottle of another kind.
            if not (found == "perfume bottle" and category == "bottle"):
                found = category
        elif words[at] in _ACCESSORIES:
            found = None
        at += length or 1
    return found
