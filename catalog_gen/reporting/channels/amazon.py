"""Amazon: a flat file written back with its lines above the header.

The passport says whether Amazon accepts generated pictures.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from catalog_gen.catalog.readers.amazon import attribute
from catalog_gen.reporting.channels.channel import Channel, PictureForm, Row

_LOCATOR: Final = re.compile(r"(?:main|other)_product_image_locator(?:_(\d))?\.media_location")
_MAIN: Final = 0


class Amazon(Channel):
    """The inventory file."""

    name: ClassVar = "amazon"
    form: ClassVar = PictureForm("JPEG", max_side=10_000)
    platforms: ClassVar = frozenset({"amazon"})
    max_additional: ClassVar = 8
    main: ClassVar = ("main_image_url", "image-url")
    numbered: ClassVar = "other_image_url{}"

    def added_columns(self, names: Sequence[str], *, more: bool = False) -> tuple[str, ...]:
        return (
            ()
            if any(_locator(name) == _MAIN for name in names)
            else super().added_columns(names, more=more)
        )

    def with_pictures(self, fields: Row, links: Sequence[str]) -> Row:
        """Since 2024 the columns are called "main_product_image_locator[...]#1.media_location"."""
        spaces = {number: name for name in fields if (number := _locator(name)) is not None}
        if not spaces:
            return super().with_pictures(fields, links)
        changed = {**fields, spaces[_MAIN]: links[0]} if _MAIN in spaces else dict(fields)
        further = [spaces[number] for number in sorted(spaces) if number != _MAIN]
        listed = dict.fromkeys([*links[1:], *(fields[name] for name in further if fields[name])])
        return changed | dict(zip(further, listed, strict=False))


def _locator(name: str) -> int | None:
    """0 for the main picture's column, 1 and up for the others'; None for any other column."""
    found = _LOCATOR.fullmatch(attribute(name.strip().casefold()))
    return int(found[1] or _MAIN) if found else None
