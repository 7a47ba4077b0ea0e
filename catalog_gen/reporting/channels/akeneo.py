"""Akeneo: its product CSV written back, with the picture in a media attribute."""

from typing import ClassVar

from catalog_gen.reporting.channels.channel import Channel


class Akeneo(Channel):
    """The product import; the attribute is ``image`` if the feed has no other picture attribute."""

    name: ClassVar = "akeneo"
    platforms: ClassVar = frozenset({"akeneo"})
    main: ClassVar = ("image", "picture", "main_image", "variation_image", "image_1", "photo")
