"""Writes the gallery: a page that shows every product, its pictures, and why they were chosen.

The folder needs no network and no server. ``index.html`` holds style and script, ``data/`` the
products (see ``gallery_script``), ``images/`` the pictures and ``photos/`` the reference photos
that edits began with. Products stream through: memory is for one data file of them, the index, and
the names of the pictures.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from catalog_gen.reporting.gallery_data import (
    GalleryData,
    GalleryImage,
    GalleryProduct,
)
from catalog_gen.reporting.gallery_script import GalleryIndex, chunked, data_file
from catalog_gen.reporting.site_folder import SiteFolder

#: Longest value of a rejected row that is shown; a feed can hold a whole page in one field.
_LONGEST_VALUE: Final = 160
#: The final bytes of complete files: PNG's chunk IEND and its checksum, JPEG's marker EOI.
PNG_END: Final = b"IEND\xaeB`\x82"
JPEG_END: Final = b"\xff\xd9"
#: Rows of each list below the grid: they are in the page itself.
LISTED: Final = 200


class PictureSource(Protocol):
    """Where the files beside the page come from; called only for missing files."""

    def png(self, image: GalleryImage) -> bytes:
        """The picture's PNG, checked."""

    def file(self, image: GalleryImage) -> Path | None:
        """A file with the same bytes that never changes, to be linked; None: there is none."""

    def photo(self, product: GalleryProduct, sha256: str) -> bytes | None:
        """The reference photo as a JPEG that fits the page; None: gone, changed or unreadable."""

    def cutout(self, product: GalleryProduct, image: GalleryImage) -> bytes | None:
        """What was cut out of that photo, likewise; None, too, if the mask is gone."""


class Trouble(NamedTuple):
    """A view that could not be drawn."""

    product: GalleryProduct
    view: str
    kind: str
    words: str


class _Counts:
    """The figures at the top of the page. A picture that products share counts once."""

    def __init__(self) -> None:
        self.by_name = Counter[str]()
        self._shared: set[tuple[str, bool]] = set()

    def add(self, product: GalleryProduct) -> None:
        self.by_name["products"] += 1
        for view in product.views:
            self.by_name["failed"] += bool(view.failures)
            self.by_name["troubles"] += len(view.failures) + bool(view.unsupported)
            for image in view.images:
                self.by_name[image.decision] += self._is_new(image, live=False)
                self.by_name["live"] += image.live and self._is_new(image, live=True)

    def _is_new(self, image: GalleryImage, *, live: bool) -> bool:
        if image.products == 1:
            return True
        key = image.image_id, live
        known = key in self._shared
        self._shared.add(key)
        return not known


def write_gallery(data: GalleryData, folder: Path, source: PictureSource) -> Path:
    """Write the page into ``folder`` with all that it shows; returns the page's path.

    The page is replaced atomically, after its data and pictures; files that it no longer shows are
    deleted afterwards. Files that have the right bytes are left alone; torn ones are written anew.

    Raises:
        OSError: the folder can't be written.
    """
    index, counts = GalleryIndex(data.views), _Counts()
    listed: list[Trouble] = []
    with SiteFolder(folder) as site:
        for products in chunked(data.products):
            shown = [_with_files(product, site, source) for product in products]
            name, content = data_file(shown)
            site.put(f"data/{name}.js", content)
            index.add(name, shown)
            for product in shown:
                counts.add(product)
                listed += list(_troubles(product))[: LISTED - len(listed)]
        path, content = index.file()
        site.put(path, content)
        page = _render(data, path, counts.by_name, listed)
        return site.finish(page.encode("utf-8", "replace"))


def _with_files(product: GalleryProduct, site: SiteFolder, source: PictureSource) -> GalleryProduct:
    """Put the product's pictures and photos into the folder; photos that are gone are left out."""

    def with_photo(image: GalleryImage) -> GalleryImage:
        path = f"images/{image.sha256}.png"
        if not site.keeps(path, PNG_END):
            site.put(path, source.png(image), same=source.file(image))
        if not image.photo_sha256:
            return image
        path = f"photos/{image.photo_sha256}.jpg"
        if not site.keeps(path, JPEG_END):
            photo = source.photo(product, image.photo_sha256)
            if photo is None:
                return replace(image, photo_sha256="", mask_sha256="")
            site.put(path, photo)
        return with_cutout(image)

    def with_cutout(image: GalleryImage) -> GalleryImage:
        path = f"photos/{image.mask_sha256}.jpg"
        if not image.mask_sha256 or site.keeps(path, JPEG_END):
            return image
        cutout = source.cutout(product, image)
        if cutout is None:
            return replace(image, mask_sha256="")
        site.put(path, cutout)
        return image

    return replace(
        product,
        views=tuple(
            replace(view, images=tuple(map(with_photo, view.images))) for view in product.views
        ),
    )


def _troubles(product: GalleryProduct) -> Iterator[Trouble]:
    for view in product.views:
        if view.unsupported:
            yield Trouble(product, view.name, "not supported", view.unsupported)
        for failure in view.failures:
            yield Trouble(product, view.name, "failed", failure)


def _render(data: GalleryData, index: str, counts: Counter[str], listed: list[Trouble]) -> str:
    """The page as HTML. All product text is data in it, never markup or script."""
    style, script = _asset("gallery.css"), _asset("gallery.js")
    return (
        _environment()
        .get_template("gallery.html.j2")
        .render(
            data=data,
            index=index,
            counts=counts,
            troubles=listed,
            rejections=data.rejections[:LISTED],
            longest=_LONGEST_VALUE,
            style=Markup(style),
            script=Markup(script),
            style_hash=_csp_hash(style),
            script_hash=_csp_hash(script),
        )
    )


def _asset(name: str) -> str:
    text = resources.files("catalog_gen.reporting").joinpath("templates", name).read_text("utf-8")
    return f"\n{text}"


def _csp_hash(text: str) -> str:
    """The hash by which a content security policy allows an inline element (W3C CSP 3)."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("catalog_gen.reporting", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
