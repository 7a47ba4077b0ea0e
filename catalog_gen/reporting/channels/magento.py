"""Magento and Adobe Commerce: their own CSV given back."""

from typing import ClassVar

from catalog_gen.reporting.channels.channel import Channel


class Magento(Channel):
    """The product import; addresses in ``base_image`` are fetched by the shop."""

    name: ClassVar = "magento"
    platforms: ClassVar = frozenset({"magento"})
    max_additional: ClassVar = 50
    main: ClassVar = ("base_image", "small_image", "thumbnail_image", "image", "thumbnail")
    more: ClassVar = ("additional_images", ",")
