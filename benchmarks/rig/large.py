"""A large invented catalog: recorded as a refresh does, and planned."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from catalog_gen.fingerprint import SHARDS
from catalog_gen.home import Home
from catalog_gen.planning import NO_LIMIT
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.plan import make_plan
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts

CONFIG: Final = Path(__file__).parents[2] / "data" / "catalog.toml"
COLOURS: Final = ("red", "blue", "green", "black", "white", "yellow")
CATEGORIES: Final = ("mug", "bottle", "bowl", "vase", "chair", "backpack")
#: Products that a night changes.
CHANGED: Final = 100
RUN: Final = "benchmark"


def write_feed(
    path: Path, products: int, *, changed: int = 0, shift: int = 1, repriced: bool = True
) -> None:
    """A feed whose first ``changed`` products have another colour, by ``shift`` colours.

    Args:
        repriced: with changed products, all prices differ from the last feed's, too.
    """
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "title", "product_type", "color", "material", "price"))
        dearer = (0.5 * bool(changed) + 0.01 * (shift % 9)) if repriced else 0
        for number in range(products):
            moved = shift if number < changed else 0
            colour = COLOURS[(number + moved) % len(COLOURS)]
            category = CATEGORIES[number % len(CATEGORIES)]
            price = f"{number % 90 + 9 + dearer:.2f} EUR"
            title = f"{colour.title()} {category.title()} No. {number}"
            writer.writerow((f"sku-{number:07d}", title, category, colour, "ceramic", price))


def open_catalog(
    feed: Path, home: Path, *, apart: bool = False, views: Sequence[str] = ()
) -> Catalog:
    """The sample's catalog with this feed.

    Args:
        apart: no two products share pictures.
        views: only these of the sample's views, each with one candidate; none: all, as they are.
    """
    catalog = Catalog.open(CONFIG, Home(home), feed)
    settings = catalog.settings
    if apart:
        settings = settings.model_copy(update={"look": ("product_id",)})
    if views:
        single = {name: settings.views[name].model_copy(update={"candidates": 1}) for name in views}
        settings = settings.model_copy(update={"views": single})
    return replace(catalog, settings=settings)


def plan(catalog: Catalog) -> int:
    """Plan as `catalog-gen plan` does; the number of pictures."""
    return len(make_plan(catalog).items)


def record(catalog: Catalog) -> int:
    """Record the feed and its prompts, as a refresh does; the number of new prompts."""
    stamp = Stamp.at_once(RUN)
    record_products(catalog, take_feed(catalog), stamp)
    return write_prompts(catalog, range(SHARDS), stamp, budget=NO_LIMIT).prompts
