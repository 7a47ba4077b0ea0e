"""Write the gallery page from the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256 as hash_of
from itertools import islice
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.decision import ShownDecision
from catalog_gen.errors import InputError
from catalog_gen.imaging.decode import read_bytes, read_image
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.imaging.encode import encode
from catalog_gen.judging.passports import Slot, Stamped
from catalog_gen.method import described
from catalog_gen.reporting.gallery import write_gallery
from catalog_gen.reporting.gallery_data import (
    GalleryData,
    GalleryImage,
    GalleryPassport,
    GalleryProduct,
    GalleryRejection,
    GalleryView,
)
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.passports import stamp_pictures
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.images import stored_png
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.publications import newest_publication
from catalog_gen.store.relations import limit_memory
from catalog_gen.store.runs import last_runs
from catalog_gen.store.showcase import (
    ShownPicture,
    ShownProduct,
    newest_rejections,
    place_of,
    shown_products,
)

#: Products whose passports are checked in one batch, with two queries.
_STAMPED: Final = 1_000
#: Longest side of a reference photo on the page, in pixels.
_PHOTO_SIDE: Final = 768
#: Level of 0..255 of what was cut away.
_CUT_AWAY: Final = 128


def write_catalog_gallery(catalog: Catalog) -> Path:
    """Write the page and its files into the site folder; returns the page's path."""
    with catalog.store.reading() as connection:
        limit_memory(connection)
        figures = coverage_figures(connection)
        published = newest_publication(connection)
        runs = last_runs(connection, 1)
        data = GalleryData(
            title="Catalog",
            written_at=datetime.now(UTC),
            run_id=runs[0].run_id if runs else "",
            publication_id=published.publication_id if published else None,
            coverage=figures.live / figures.active if figures.active else 0.0,
            views=tuple(catalog.settings.views),
            products=_products(catalog, connection),
            rejections=tuple(
                GalleryRejection(each.line, each.product_id, each.field, each.value, each.rule)
                for each in newest_rejections(connection)
            ),
        )
        source = _Files(connection, catalog.store.pictures(connection), catalog.photo_folders)
        return write_gallery(data, catalog.home.site, source)


@dataclass(frozen=True, slots=True)
class _Files:
    """Pictures from the store, and photos from the feed's folders."""

    connection: DuckDBPyConnection
    pictures: Pictures
    folders: Sequence[Path]

    def png(self, image: GalleryImage) -> bytes:
        """The stored bytes, checked."""
        return stored_png(self.connection, self.pictures, image.image_id)

    def file(self, image: GalleryImage) -> Path | None:
        """The stored file, if there is one on this machine."""
        return self.pictures.file(image.sha256)

    def photo(self, product: GalleryProduct, sha256: str) -> bytes | None:
        """The photo, scaled down; None if the file with this hash is gone."""
        try:
            photo = self._photo(product, sha256)
        except InputError:
            return None
        return None if photo is None else encode(_fitted(photo), "JPEG", 85)

    def cutout(self, product: GalleryProduct, image: GalleryImage) -> bytes | None:
        """The photo with what is not the product greyed out; None if photo or mask is gone."""
        masks = stored_masks(self.connection, [image.mask_sha256])
        try:
            photo = self._photo(product, image.photo_sha256)
            mask = read_image(masks[image.mask_sha256])[..., :1] if masks else None
        except InputError:
            return None
        if photo is None or mask is None or mask.shape[:2] != photo.shape[:2]:
            return None
        share = mask.astype(np.float32) / 255
        shown = photo * share + _CUT_AWAY * (1 - share)
        return encode(_fitted(np.asarray(np.round(shown), dtype=np.uint8)), "JPEG", 85)

    def _photo(self, product: GalleryProduct, sha256: str) -> npt.NDArray[np.uint8] | None:
        """The photo at its own size; None if the file with this hash is gone."""
        content = read_bytes(resolve_reference(product.reference, self.folders))
        return decode_picture(content) if hash_of(content).hexdigest() == sha256 else None


def _fitted(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((_PHOTO_SIDE, _PHOTO_SIDE))
    return np.asarray(picture)


def _products(catalog: Catalog, connection: DuckDBPyConnection) -> Iterator[GalleryProduct]:
    views = list(catalog.settings.views)
    today = datetime.now(UTC).date()
    products = shown_products(connection)
    while some := list(islice(products, _STAMPED)):
        slots = [_slots(each, views) for each in some]
        shown = {each for product in slots for each in product.items()}
        stamped = stamp_pictures(connection, catalog.settings, shown, today)
        for each, own in zip(some, slots, strict=True):
            yield _product(each, views, {name: stamped[name, own[name]] for name in own})


def _slots(product: ShownProduct, views: Sequence[str]) -> dict[str, Slot]:
    """The slot of each live picture of a product, by its id: the first view is the main one."""
    live = [picture for picture in product.pictures if picture.live]
    live.sort(key=lambda picture: (*place_of(picture.view, views), picture.candidate))
    return {
        picture.image_id: "main" if place == 0 else "additional"
        for place, picture in enumerate(live)
    }


def _product(
    shown: ShownProduct, views: Sequence[str], stamped: Mapping[str, Mapping[str, Stamped]]
) -> GalleryProduct:
    product = shown.product
    entries: list[GalleryView] = []
    for view in views:
        pictures = [each for each in shown.pictures if each.view == view]
        wrong = next((each for each in shown.troubles if each.view == view), None)
        if pictures or wrong:
            entries.append(
                GalleryView(
                    name=view,
                    images=tuple(
                        _image(picture, stamped.get(picture.image_id, {})) for picture in pictures
                    ),
                    failures=wrong.errors if wrong else (),
                    unsupported=wrong.unsupported if wrong else "",
                )
            )
    return GalleryProduct(
        product_id=product.product_id,
        title=product.title,
        category=product.category,
        views=tuple(entries),
        attributes=dict(product.attributes),
        reference=product.reference,
    )


def _image(picture: ShownPicture, stamped: Mapping[str, Stamped]) -> GalleryImage:
    return GalleryImage(
        image_id=picture.image_id,
        sha256=picture.sha256,
        number=picture.candidate,
        decision=cast(ShownDecision, picture.decision or "unjudged"),
        live=picture.live,
        total=picture.total,
        criteria={name: (each["points"], each["why"]) for name, each in picture.criteria.items()},
        hard_failures=picture.hard_failures,
        products=picture.products,
        reason=picture.drawn_because,
        prompt=picture.prompt,
        negative_prompt=picture.negative_prompt,
        seed=picture.seed,
        model_hash=picture.model_hash,
        settings=f"{described(picture.method, picture.parameters)}, {picture.scheduler}, "
        f"{picture.steps} steps, guidance {picture.guidance:g}",
        similarity=picture.similarity,
        margin=picture.margin,
        reviewer=picture.reviewer,
        photo_sha256=picture.reference_sha256,
        mask_sha256=picture.mask_sha256,
        passports=tuple(
            GalleryPassport(
                each.title,
                each.passed,
                tuple((check.outcome, check.words) for check in each.checks),
            )
            for each in stamped.values()
        ),
    )
