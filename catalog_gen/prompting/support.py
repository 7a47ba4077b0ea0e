"""Which products the embedded studio model can't draw, and what its user can do about it.

Other models draw what they are told; nobody asks here about them. It loads no model.
"""

from typing import Final

from catalog_gen.catalog.product import Product
from catalog_gen.prompting.words import is_drawable_count, studio_words
from studio.vocabulary import CATEGORIES, COLOURS, MATERIALS

_REMEDY: Final = "set model.id to a Stable Diffusion checkpoint"
_LONGEST_VALUE: Final = 60


def unsupported_by_studio(product: Product) -> str:
    """'' where the studio model can draw the product; else one sentence that says why not.

    The sentence names the value, the rule that it breaks, and the remedy. Of several reasons the
    first counts: category, colour, material, count.
    """
    words = studio_words(product)
    attributes = product.attributes
    if words.category is None:
        value = product.category or product.title
        return _sentence("category", value, f"the {len(CATEGORIES)}", CATEGORIES)
    if words.colour is None:
        if value := attributes.get("colour", ""):
            return _sentence("colour", value, f"the {len(COLOURS)}", COLOURS)
        return (
            f"no single colour is named in the colour field or in the title "
            f"'{_short(product.title)}', and the studio model needs one of {_list(COLOURS)}; "
            f"name it in the feed, or {_REMEDY}"
        )
    if words.material is None:
        value = attributes.get("material", "")
        return _sentence("material", value, f"the {len(MATERIALS)} finishes", MATERIALS)
    if not is_drawable_count(words.count):
        return (
            f"count {words.count} is not one or two, the numbers of products that the studio "
            f"model draws in a picture; {_REMEDY}"
        )
    return ""


def _sentence(name: str, value: str, known: str, choices: tuple[str, ...]) -> str:
    return (
        f"{name} '{_short(value)}' is not among {known} that the studio model draws "
        f"({_list(choices)}); {_REMEDY}"
    )


def _list(choices: tuple[str, ...]) -> str:
    return ", ".join(choices)


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 1]}…"
