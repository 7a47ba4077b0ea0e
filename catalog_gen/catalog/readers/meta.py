"""Meta's (Facebook's) catalog CSV: Google's vocabulary with additional columns.

Its templates explain every column in a row of comments, "# Required | ...", above or below the
header. Source: https://developers.facebook.com/docs/marketing-api/catalog/reference
"""

from typing import ClassVar, Final

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.readers.google import SHARED_MARKS, Google, merchant_names
from catalog_gen.catalog.readers.plain import IfForSale
from catalog_gen.catalog.readers.reader import Reader, Translation, Understand, record_of
from catalog_gen.catalog.readers.record import Record, Row, Table

#: Without any of these a table is taken for Google's, which has the same columns.
_META_MARKS: Final = frozenset(
    {
        *("fb_product_category", "quantity_to_sell_on_facebook", "rich_text_description"),
        *("origin_country", "importer_name", "manufacturer_info", "internal_label", "inventory"),
        *("commerce_tax_category", "visibility", "status", "image_0_url", "image_0_tag_0"),
        *("video_0_url", "product_tags_0", "style_0", "marked_for_product_launch", "wa_compliance"),
        *("offer_price_amount", "applink_ios_url", "custom_number_0"),
    }
)


class Meta(Reader):
    """A catalog for Facebook and Instagram."""

    title: ClassVar = "Meta"
    marks: ClassVar = SHARED_MARKS
    enough: ClassVar = 4
    columns: ClassVar = {
        **Google.columns,
        "image_link": ("image_link", "image[0].url"),
        "additional_image_link": ("additional_image_link", "image[1].url"),
        "style": ("style[0]",),
    }

    def score(self, names: frozenset[str]) -> int:
        known = merchant_names(names)
        own = len(_META_MARKS & known)
        shared = super().score(known | ({"image_link"} if "image_0_url" in known else set()))
        return shared + 3 * own if own and shared and {"id", "title"} <= known else 0

    def understand(self, table: Table, naming: Naming) -> Understand:
        translation = Translation(
            {name: self.columns[name] for name in ("image_link", "additional_image_link", "style")},
            naming,
        )
        if_sold = IfForSale()

        def understood(record: Record) -> Row:
            row = if_sold(record)
            return record_of(row.line, translation.fields(row)) if isinstance(row, Record) else row

        return understood
