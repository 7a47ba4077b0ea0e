"""BigCommerce: its product CSV written back.

In the modern form, a product's pictures are separate rows below it, and a variant has one picture.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from catalog_gen.reporting.channels.channel import Channel, GivenRow, Row

_VARIANT_IMAGE = "Variant Image URL"
_PRODUCT_IMAGE = "Image URL (Import)"


class BigCommerce(Channel):
    """The product import, in the modern and the older form."""

    name: ClassVar = "bigcommerce"
    platforms: ClassVar = frozenset({"bigcommerce"})
    max_additional: ClassVar = 50
    main: ClassVar = ("Product Image URL - 1",)

    def added_columns(self, names: Sequence[str], *, more: bool = False) -> tuple[str, ...]:
        if "Item" not in names:
            return super().added_columns(names, more=more)
        return tuple(each for each in (_VARIANT_IMAGE, _PRODUCT_IMAGE) if each not in names)

    def give_back(self, rows: Iterable[GivenRow]) -> Iterator[Row]:
        """A product's new pictures follow it as rows without an id, which the import adds."""
        for row in rows:
            if not row.links:
                yield row.fields
            elif "Item" not in row.fields:
                yield self.with_pictures(row.fields, row.links)
            elif row.fields["Item"].casefold() in ("variant", "sku"):
                yield {**row.fields, _VARIANT_IMAGE: row.links[0]}
            else:
                yield row.fields
                for position, link in enumerate(row.links):
                    picture = dict.fromkeys(row.fields, "")
                    picture |= {"Item": "Image", _PRODUCT_IMAGE: link}
                    if "Image is Thumbnail" in picture:
                        picture["Image is Thumbnail"] = "FALSE" if position else "TRUE"
                    yield picture
