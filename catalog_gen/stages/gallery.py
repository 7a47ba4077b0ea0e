"""Write the gallery page from the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
from duckdb import DuckDBPyConnection

from catalog_gen.catalog.reference import resolve_reference
from catalog_gen.code_version import code_version
from catalog_gen.decision import ShownDecision
from catalog_gen.errors import InputError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.imaging.decode import read_bytes, read_image
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.imaging.encode import encode
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.passports import Slot, Stamped
from catalog_gen.method import described
from catalog_gen.reporting.gallery import LISTED, Differences, WantedPicture, write_gallery
from catalog_gen.reporting.gallery_data import (
    GalleryData,
    GalleryImage,
    GalleryPart,
    GalleryPassport,
    GalleryProduct,
    GalleryRejection,
    GalleryTrouble,
    GalleryView,
)
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.passports import Stamper
from catalog_gen.store.cutouts import stored_masks
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.images import png_at
from catalog_gen.store.pictures.pictures import Pictures
from catalog_gen.store.publications import newest_publication
from catalog_gen.store.relations import limit_memory, streaming
from catalog_gen.store.runs import last_runs
from catalog_gen.store.showcase import newest_rejections, place_of
from catalog_gen.store.shown import ShownCatalog, ViewTrouble
from catalog_gen.store.shown_products import ShownPicture, ShownProduct, products_of_parts

#: Longest side of a reference photo on the page, in pixels.
_PHOTO_SIDE: Final = 768
#: Level of 0..255 of what was cut away.
_CUT_AWAY: Final = 128


def write_catalog_gallery(catalog: Catalog, now: datetime | None = None) -> Path:
    """Write the page and its files into the site folder; returns the page's path.

    Args:
        now: the time that the page shows, and whose day decides which rules of channels hold.
    """
    now = now or datetime.now(UTC)
    stamper = Stamper.of(catalog.settings, now.date())
    with catalog.store.reading() as connection, streaming(connection) as beside:
        limit_memory(connection)
        figures = coverage_figures(connection)
        published = newest_publication(connection)
        runs = last_runs(connection, 1)
        shown = ShownCatalog.of(connection, catalog.settings.views)
        data = GalleryData(
            title="Catalog",
            written_at=now,
            run_id=runs[0].run_id if runs else "",
            publication_id=published.publication_id if published else None,
            coverage=figures.live / figures.active if figures.active else 0.0,
            views=tuple(catalog.settings.views),
            counts=shown.counts(),
            parts=_parts(shown, stamper),
            troubles=_troubles(shown.first_troubles(LISTED)),
            rejections=tuple(
                GalleryRejection(each.line, each.product_id, each.field, each.value, each.rule)
                for each in newest_rejections(connection)
            ),
        )
        pictures = catalog.store.pictures(beside)
        source = _Source(shown, stamper, beside, pictures, catalog.photo_folders)
        return write_gallery(data, catalog.home.site, source)


def _parts(shown: ShownCatalog, stamper: Stamper) -> list[GalleryPart]:
    """The gallery's parts: what is shown is made of their rows, the code and the settings."""
    made_by = sha256_json([code_version(), shown.views, stamper.made_of])
    return [
        GalleryPart(number, sha256_json([made_by, state]))
        for number, state in enumerate(shown.states())
    ]


def _troubles(views: Sequence[ViewTrouble]) -> list[GalleryTrouble]:
    listed: list[GalleryTrouble] = []
    for each in views:
        words = [("not supported", each.unsupported)] if each.unsupported else []
        words += [("failed", error) for error in each.errors]
        listed += [GalleryTrouble(each.product_id, each.title, each.view, *why) for why in words]
    return listed[:LISTED]


@dataclass(frozen=True, slots=True)
class _Source:
    """Products and pictures from the store, and photos from the feed's folders.

    ``beside`` is a connection that can be used while products are read.
    """

    shown: ShownCatalog
    stamper: Stamper
    beside: DuckDBPyConnection
    pictures: Pictures
    folders: Sequence[Path]

    def products(self, parts: Sequence[GalleryPart]) -> Iterator[list[GalleryProduct]]:
        """The products of these parts, with the passports of their live pictures."""
        numbers = [part.number for part in parts]
        for products in products_of_parts(self.shown.connection, numbers):
            yield [_product(each, self.shown.views, self.stamper) for each in products]

    def differences(self, present: Iterator[tuple[str, int]]) -> Differences:
        """As the database finds them."""
        surplus = self.shown.compare(present)
        return Differences((WantedPicture(*each) for each in self.shown.missing()), surplus)

    def png(self, picture: WantedPicture) -> bytes:
        """The stored bytes, checked."""
        return png_at(self.pictures, picture.image_id, picture.sha256)

    def file(self, picture: WantedPicture) -> Path | None:
        """The stored file, if there is one on this machine."""
        return self.pictures.file(picture.sha256)

    def photo(self, product: GalleryProduct, sha256: str) -> bytes | None:
        """The photo, scaled down; None if the file with this hash is gone."""
        try:
            photo = self._photo(product, sha256)
        except InputError:
            return None
        return None if photo is None else encode(_fitted(photo), "JPEG", 85)

    def cutout(self, product: GalleryProduct, image: GalleryImage) -> bytes | None:
        """The photo with what is not the product greyed out; None if photo or mask is gone."""
        masks = stored_masks(self.beside, [image.mask_sha256])
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


def _slots(product: ShownProduct, views: Sequence[str]) -> dict[str, Slot]:
    """The slot of each live picture of a product, by its id: the first view is the main one."""
    live = [picture for picture in product.pictures if picture.live]
    live.sort(key=lambda picture: (*place_of(picture.view, views), picture.candidate))
    return {
        picture.image_id: "main" if place == 0 else "additional"
        for place, picture in enumerate(live)
    }


def _product(shown: ShownProduct, views: Sequence[str], stamper: Stamper) -> GalleryProduct:
    product, slots = shown.product, _slots(shown, views)
    entries: list[GalleryView] = []
    for view in views:
        pictures = [each for each in shown.pictures if each.view == view]
        wrong = next((each for each in shown.troubles if each.view == view), None)
        if pictures or wrong:
            images = tuple(_image(each, _stamped(each, slots, stamper)) for each in pictures)
            entries.append(
                GalleryView(
                    name=view,
                    images=images,
                    failures=tuple(wrong.errors) if wrong else (),
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


def _stamped(
    picture: ShownPicture, slots: Mapping[str, Slot], stamper: Stamper
) -> Sequence[Stamped]:
    """The channels' results for a live picture; none for others."""
    slot = slots.get(picture.image_id)
    if slot is None:
        return ()
    signals = None if picture.signals is None else Signals.from_json(picture.signals)
    return tuple(stamper.stamp(picture.file, signals, slot).values())


def _image(picture: ShownPicture, stamped: Sequence[Stamped]) -> GalleryImage:
    method = described(picture.method, picture.method_parameters)
    return GalleryImage(
        image_id=picture.image_id,
        sha256=picture.sha256,
        number=picture.candidate,
        decision=cast(ShownDecision, picture.decision or "unjudged"),
        live=picture.live,
        total=picture.total,
        criteria={name: (each["points"], each["why"]) for name, each in picture.points.items()},
        hard_failures=tuple(picture.hard_failures or ()),
        products=picture.products,
        reason=picture.drawn_because,
        prompt=picture.prompt,
        negative_prompt=picture.negative_prompt,
        seed=picture.seed,
        model_hash=picture.model_hash,
        settings=f"{method}, {picture.scheduler}, {picture.steps} steps, "
        f"guidance {picture.guidance:g}",
        similarity=picture.similarity,
        margin=picture.margin,
        reviewer=picture.reviewer or "",
        photo_sha256=picture.reference_sha256 or "",
        mask_sha256=picture.mask_sha256 or "",
        passports=tuple(
            GalleryPassport(
                each.title,
                each.passed,
                tuple((check.outcome, check.words) for check in each.checks),
            )
            for each in stamped
        ),
    )
