"""Magento and Adobe Commerce: their own CSV written back."""

from typing import ClassVar

from catalog_gen.reporting.channels.channel import Channel


class Magento(Channel):
    """The product import; the shop fetches the addresses in ``base_image``."""

    name: ClassVar = "magento"
    platforms: ClassVar = frozenset({"magento"})
    max_additional: ClassVar = 50
    main: ClassVar = ("base_image", "small_image", "thumbnail_image", "image", "thumbnail")
    more: ClassVar = ("additional_images", ",")
