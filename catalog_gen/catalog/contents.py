"""What a feed contains."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog_gen.catalog.product import Rejection
from catalog_gen.catalog.product_columns import Products


@dataclass(frozen=True, slots=True)
class FeedContents:
    """The contents of a feed.

    ``len(products) + len(rejections) + sum(skipped.values()) == rows_read``, always. ``platform``
    is the name of the reader that recognised it. ``skipped`` counts valid rows that are not for
    sale, by reason: draft, archived, parent, translation, ...
    """

    format: str
    encoding: str
    rows_read: int
    products: Products
    rejections: tuple[Rejection, ...]
    platform: str = "plain"
    skipped: Mapping[str, int] = field(default_factory=dict)
