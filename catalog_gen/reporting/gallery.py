"""Writes the gallery: a page that shows every product, its pictures, and why they were chosen.

The folder needs no network and no server. ``index.html`` holds style and script, ``data/`` the
products (see ``gallery_script``), ``images/`` the pictures and ``photos/`` the reference photos
that edits began with. Products are shown in parts, a data file each, and a part whose file was made
from the same is not looked at: its rows are taken from the former index. Memory is for one part,
the index, and a line for each data file.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    GalleryPart,
    GalleryProduct,
)
from catalog_gen.reporting.gallery_former import FormerData
from catalog_gen.reporting.gallery_script import GalleryIndex, data_file, index_rows
from catalog_gen.reporting.site_folder import SiteFolder
from catalog_gen.reporting.site_manifest import DataFile

#: Longest value of a rejected row that is shown; a feed can hold a whole page in one field.
_LONGEST_VALUE: Final = 160
#: Rows of each list below the grid: they are in the page itself.
LISTED: Final = 200


class WantedPicture(NamedTuple):
    """A picture that the page shows, by its id and the SHA-256 of its PNG."""

    image_id: str
    sha256: str


class Differences(NamedTuple):
    """How the pictures that are there differ from those that the page shows."""

    missing: Iterable[WantedPicture]
    surplus: Sequence[str]
    """Addresses."""


class GallerySource(Protocol):
    """What the page shows, asked for only where it is to be written."""

    def products(self, parts: Sequence[GalleryPart]) -> Iterator[Sequence[GalleryProduct]]:
        """The products of each of these parts, in order."""

    def differences(self, present: Iterator[tuple[str, int]]) -> Differences:
        """Compare pictures that are there, by address and size, with those that products show."""

    def png(self, picture: WantedPicture) -> bytes:
        """The picture's PNG, checked."""

    def file(self, picture: WantedPicture) -> Path | None:
        """A file with the same bytes that never changes, to be linked; None: there is none."""

    def photo(self, product: GalleryProduct, sha256: str) -> bytes | None:
        """The reference photo as a JPEG that fits the page; None: gone, changed or unreadable."""

    def cutout(self, product: GalleryProduct, image: GalleryImage) -> bytes | None:
        """What was cut out of that photo, likewise; None, too, if the mask is gone."""


def write_gallery(data: GalleryData, folder: Path, source: GallerySource) -> Path:
    """Write the page, its data and missing pictures below ``folder``; returns the page's path.

    Raises:
        OSError: the folder can't be written.
    """
    with SiteFolder(folder) as site:
        index = _write_data(data, site, source)
        path, content = index.file()
        site.put(path, content)
        _write_pictures(site, source)
        page = _render(data, path).encode("utf-8", "replace")
        return site.finish(page, index=path, data=index.files)


def _write_data(data: GalleryData, site: SiteFolder, source: GallerySource) -> GalleryIndex:
    """Write the data files of parts that changed, and collect the index."""
    index, former = GalleryIndex(data.views), FormerData(site)
    files = [former.kept(part.made_of) for part in data.parts]
    products = source.products(
        [part for part, file in zip(data.parts, files, strict=True) if file is None]
    )
    for part, file in zip(data.parts, files, strict=True):
        if file is not None:
            index.add(file, former.rows(file))
        else:
            index.add(*_write_part(part, next(products), data.views, site, source))
    return index


def _write_part(
    part: GalleryPart,
    products: Sequence[GalleryProduct],
    views: Sequence[str],
    site: SiteFolder,
    source: GallerySource,
) -> tuple[DataFile, bytes]:
    """Write a part's data file and its photos; returns it with its rows of the index."""
    shown = _WithPhotos(site, source)
    products = [shown.of(product) for product in products]
    path, content = data_file(products)
    site.put(path, content)
    rows, categories = index_rows(products, views)
    made_of = "" if shown.lacking else part.made_of
    photos = tuple(sorted(shown.photos))
    return DataFile(made_of, path, len(products), len(rows), categories, photos), rows


class _WithPhotos:
    """Puts products' photos into the folder; photos that are gone are left out.

    Attributes:
        photos: paths of those that are shown.
        lacking: whether any is gone.
    """

    def __init__(self, site: SiteFolder, source: GallerySource) -> None:
        self._site = site
        self._source = source
        self.photos: set[str] = set()
        self.lacking = False

    def of(self, product: GalleryProduct) -> GalleryProduct:
        """The product with the photos that it has."""
        return replace(
            product,
            views=tuple(
                replace(view, images=tuple(self._image(product, each) for each in view.images))
                for view in product.views
            ),
        )

    def _image(self, product: GalleryProduct, image: GalleryImage) -> GalleryImage:
        def photo() -> bytes | None:
            return self._source.photo(product, image.photo_sha256)

        def cutout() -> bytes | None:
            return self._source.cutout(product, image)

        if not self._shows(image.photo_sha256, photo):
            return replace(image, photo_sha256="", mask_sha256="")
        return image if self._shows(image.mask_sha256, cutout) else replace(image, mask_sha256="")

    def _shows(self, sha256: str, make: Callable[[], bytes | None]) -> bool:
        """Whether the photo is in the folder now; True if the picture has none."""
        if not sha256:
            return True
        path = f"photos/{sha256}.jpg"
        if not self._site.keeps(path):
            content = make()
            if content is None:
                self.lacking = True
                return False
            self._site.put(path, content)
        self.photos.add(path)
        return True


def _write_pictures(site: SiteFolder, source: GallerySource) -> None:
    missing, surplus = source.differences(site.pictures())
    site.drop(surplus)
    for picture in missing:
        path = f"images/{picture.sha256}.png"
        site.put(path, source.png(picture), same=source.file(picture))


def _render(data: GalleryData, index: str) -> str:
    """The page as HTML. All product text is data in it, never markup or script."""
    style, script = _asset("gallery.css"), _asset("gallery.js")
    return (
        _environment()
        .get_template("gallery.html.j2")
        .render(
            data=data,
            index=index,
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
