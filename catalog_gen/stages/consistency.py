"""How the live pictures fit each other. Needs no model and no pixels: only stored signals."""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from catalog_gen.judging.consistency import (
    ComparedPicture,
    Misfit,
    category_outliers,
    swapped_colours,
    uneven_groups,
)
from catalog_gen.judging.measurement import Signals, asked_of
from catalog_gen.store.showcase import MeasuredPicture, measured_live_pictures


@dataclass(frozen=True, slots=True)
class Misfits:
    """What a person should look at among the live pictures."""

    pictures: int
    """How many were compared."""
    uneven: tuple[Misfit, ...]
    outliers: tuple[Misfit, ...]
    swapped: tuple[Misfit, ...]


def misfits(connection: DuckDBPyConnection) -> Misfits:
    """Compare all live pictures: within their groups, within their categories, and by colour."""
    pictures = [_compared(each) for each in measured_live_pictures(connection)]
    return Misfits(
        pictures=len(pictures),
        uneven=tuple(uneven_groups(pictures)),
        outliers=tuple(category_outliers(pictures)),
        swapped=tuple(swapped_colours(pictures)),
    )


def _compared(each: MeasuredPicture) -> ComparedPicture:
    product = each.product
    asked = asked_of(each.prompt)
    return ComparedPicture(
        product_id=product.product_id,
        view=each.view,
        group_id=product.group_id,
        category=product.category,
        colour=asked.colour if asked else product.attributes.get("colour", ""),
        signals=Signals.from_json(each.signals),
    )
