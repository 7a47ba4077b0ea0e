"""Amazon: a flat file given back with its lines above the header.

Its passport says whether Amazon accepts generated pictures.
"""

from typing import ClassVar

from catalog_gen.reporting.channels.channel import Channel, PictureForm


class Amazon(Channel):
    """The inventory file."""

    name: ClassVar = "amazon"
    form: ClassVar = PictureForm("JPEG", max_side=10_000)
    platforms: ClassVar = frozenset({"amazon"})
    max_additional: ClassVar = 8
    main: ClassVar = ("main_image_url", "image-url")
    numbered: ClassVar = "other_image_url{}"
