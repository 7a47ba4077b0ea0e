"""Etsy: its download of listings written back, for tools that import it."""

from typing import ClassVar

from catalog_gen.reporting.channels.channel import Channel


class Etsy(Channel):
    """IMAGE1 to IMAGE10."""

    name: ClassVar = "etsy"
    platforms: ClassVar = frozenset({"etsy"})
    max_additional: ClassVar = 9
    main: ClassVar = ("IMAGE1",)
    numbered: ClassVar = "image{}"
