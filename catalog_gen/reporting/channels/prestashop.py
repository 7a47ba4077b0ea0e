"""PrestaShop: its product list written back, for the CSV import."""

from collections.abc import Sequence
from typing import ClassVar

from catalog_gen.catalog.readers.prestashop import PrestaShop as Reader
from catalog_gen.reporting.channels.channel import Channel, Row

_LIST = "image urls (x,y,z...)"


class PrestaShop(Channel):
    """The import of products, with a list of pictures or the grid's single picture."""

    name: ClassVar = "prestashop"
    platforms: ClassVar = frozenset({"prestashop"})
    max_additional: ClassVar = 50
    main: ClassVar = ("Image", *Reader.columns["image_link"][1:], _LIST)

    def with_pictures(self, fields: Row, links: Sequence[str]) -> Row:
        changed = super().with_pictures(fields, links)
        for name in fields:
            if name.casefold() == _LIST:
                had = [each.strip() for each in fields[name].split(",") if each.strip()]
                changed[name] = ",".join(dict.fromkeys([*links, *had[1:]]))
        return changed
