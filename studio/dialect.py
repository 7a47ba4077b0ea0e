"""The studio model's dialect: its synonyms for a shop's words, and the words it can't draw.

``export`` writes it into the model's ``studio.json``, which the pipeline reads. Only near-certain
synonyms are included: a wrong word draws a wrong picture.
"""

from typing import Any, Final

from studio.captions import NUMBERS, SYNONYMS
from studio.vocabulary import CATEGORIES, COLOURS, COUNTS, MATERIALS, Category


def studio_dialect() -> dict[str, Any]:
    """The key "dialect" of ``studio.json``, in the form of ``catalog_gen.dialects.Dialect``."""
    return {
        "name": "the studio model",
        "remedy": "set model.id to a Stable Diffusion checkpoint",
        "attributes": {
            "category": {
                "reads": "thing",
                "names": {name: _both_numbers(CATEGORY_WORDS[name]) for name in CATEGORIES},
                "others": [*_both_numbers(OTHER_THINGS), *ACCESSORIES],
                "absorbs": {"perfume bottle": ["bottle"]},
                "openings": [
                    f"{pack}{plural} of"
                    for pack in ("set", "pair", "pack", "box", "duo")
                    for plural in ("", "s")
                ],
                "tails": ["for", "with", "by", "in", "of", "fit", "fits"],
                "joints": ["and"],
            },
            "colour": {
                "reads": "single",
                "names": {name: [name, *COLOUR_WORDS.get(name, ())] for name in COLOURS},
                "others": UNKNOWN_COLOURS,
            },
            "material": {
                "reads": "first",
                "tiers": [FINISHES, {name: SUBSTANCES[name] for name in MATERIALS}],
                "ignored": PARTS_OF_MATERIALS,
                "unsaid": "matte",
            },
            "count": {
                "reads": "count",
                "numbers": {NUMBERS[count]: count for count in COUNTS},
                "spoken": {word: number for number, word in enumerate(_NUMBER_WORDS, start=1)},
                "packs": [
                    *(f"{pack} of #" for pack in ("set", "pack", "box", "bundle")),
                    *(f"# {pack}" for pack in ("pack", "pk", "pcs", "piece", "pieces", "count")),
                ],
                "phrases": {"pair of": 2, "twin pack": 2, "twin-pack": 2, "duo of": 2},
                "one_piece": [
                    *("headphone", "headphones", "headset", "headsets", "earphones", "earbuds")
                ],
            },
        },
        "plurals": {category: names[0][1] for category, names in SYNONYMS.items()},
    }


def _plural(phrase: str) -> str:
    if phrase.endswith("mouse"):
        return phrase.removesuffix("mouse") + "mice"
    return phrase + ("es" if phrase.endswith(("ch", "s")) else "s")


def _both_numbers(phrases: tuple[str, ...]) -> list[str]:
    return [form for phrase in phrases for form in (phrase, _plural(phrase))]


def _each(words: str) -> list[str]:
    return words.split()


_NUMBER_WORDS: Final = ("one", "two", "three", "four", "five", "six")

#: What a shop calls each category, in singular.
CATEGORY_WORDS: Final[dict[Category, tuple[str, ...]]] = {
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
#: Things whose name ends in one of the above but that are something else.
OTHER_THINGS: Final = (
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
#: Words that after a category's name make it an accessory: "chair cushion", "watch strap".
ACCESSORIES: Final = _each(
    """
    adapter amplifier bag band basket battery book box brush bulb cable cap care case charger
    cleaner coaster cookbook cosy costume cover covers cushion cushions dispenser filler hanger
    holder hook insert keychain keyring kit leg legs lid lids liner liners magnet mat mix opener
    pad pads paper parts poster print pump puzzle rack recipes refill replacement shade shirt sleeve
    stand sticker stickers stopper storage strap straps ticket tickets toy tray tree warmer winder
    """
)

#: Further words for each colour.
COLOUR_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "white": ("ivory",),
    "grey": ("gray", "charcoal", "graphite", "anthracite"),
    "red": ("crimson", "scarlet"),
    "blue": ("navy", "cobalt"),
    "purple": ("violet",),
    "pink": ("fuchsia",),
}
#: Colours that the model has never seen; if one occurs, no other colour counts.
UNKNOWN_COLOURS: Final = _each(
    """
    aqua amber beige bronze brown burgundy camel champagne clear copper coral cream cyan gold golden
    indigo khaki magenta maroon mint multicolor multicolour mustard peach rainbow sand silver tan
    taupe teal terracotta transparent turquoise
    """
)

#: How a surface looks, by tier; a finish describes the picture better than its substance.
FINISHES: Final = {
    "matte": ["matte", "matt"],
    "glossy": ["glossy", "gloss", "glazed", "lacquered", "shiny"],
    "metallic": ["metallic"],
}
SUBSTANCES: Final = {
    "matte": _each(
        """
        bamboo beech canvas concrete cotton fabric felt leather linen nylon oak pine polyester
        rubber silicone suede terracotta velvet walnut wood wooden wool
        """
    ),
    "glossy": _each("acrylic ceramic enamel melamine plastic polycarbonate porcelain stoneware"),
    "metallic": _each("aluminium aluminum brass chrome chromed copper iron metal steel titanium"),
    "glass": _each("borosilicate crystal glass"),
}
#: Glass and crystal in name only: a fibre inside plastic, and the window of a watch.
PARTS_OF_MATERIALS: Final = [
    *(f"glass {fibre}" for fibre in ("fibre", "fibres", "fiber", "fibers")),
    *(f"{kind} {part}" for kind in ("sapphire", "mineral") for part in ("crystal", "glass")),
]
