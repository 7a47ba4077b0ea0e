"""The gallery page, from what the store shows."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from catalog_gen.catalog.product import Product
from catalog_gen.decision import ShownDecision
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
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.images import stored_png
from catalog_gen.store.publications import newest_publication
from catalog_gen.store.runs import last_runs
from catalog_gen.store.showcase import (
    ShownPicture,
    Trouble,
    active_products,
    live_products,
    newest_rejections,
    shown_pictures,
    troubles,
)


def write_catalog_gallery(catalog: Catalog) -> Path:
    """Write the page and its pictures below the site folder; returns the page."""
    with catalog.store.reading() as connection:
        pictures: dict[tuple[str, str], list[ShownPicture]] = defaultdict(list)
        for picture in shown_pictures(connection):
            pictures[picture.product_id, picture.view].append(picture)
        trouble = {(each.product_id, each.view): each for each in troubles(connection)}
        figures = coverage_figures(connection)
        published = newest_publication(connection)
        runs = last_runs(connection, 1)
        views = list(catalog.settings.views)
        slots: dict[str, Slot] = {
            each.image_ids[view]: "main" if place == 0 else "additional"
            for each in live_products(connection)
            for place, view in enumerate(each.ordered_views(views))
        }
        today = datetime.now(UTC).date()
        stamped = stamp_pictures(connection, catalog.settings.passports, slots, today)
        data = GalleryData(
            title="Catalog",
            written_at=datetime.now(UTC),
            run_id=runs[0].run_id if runs else "",
            publication_id=published.publication_id if published else None,
            coverage=figures.live / figures.active if figures.active else 0.0,
            products=tuple(
                _product(product, views, pictures, trouble, stamped)
                for product in active_products(connection)
            ),
            rejections=tuple(
                GalleryRejection(each.line, each.product_id, each.field, each.value, each.rule)
                for each in newest_rejections(connection)
            ),
        )
        holder = {each.sha256: each.image_id for alike in pictures.values() for each in alike}
        return write_gallery(
            data, catalog.home.site, lambda sha256: stored_png(connection, holder[sha256])
        )


def _product(
    product: Product,
    views: list[str],
    pictures: dict[tuple[str, str], list[ShownPicture]],
    trouble: dict[tuple[str, str], Trouble],
    stamped: Mapping[str, Mapping[str, Stamped]],
) -> GalleryProduct:
    shown: list[GalleryView] = []
    for view in views:
        key = (product.product_id, view)
        wrong = trouble.get(key)
        if key in pictures or wrong:
            shown.append(
                GalleryView(
                    name=view,
                    images=tuple(
                        _image(picture, stamped.get(picture.image_id, {}))
                        for picture in pictures.get(key, ())
                    ),
                    failures=wrong.errors if wrong else (),
                    unsupported=wrong.unsupported if wrong else "",
                )
            )
    return GalleryProduct(
        product_id=product.product_id,
        title=product.title,
        category=product.category,
        views=tuple(shown),
        attributes=dict(product.attributes),
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
        passports=tuple(
            GalleryPassport(
                each.title,
                each.passed,
                tuple((check.outcome, check.words) for check in each.checks),
            )
            for each in stamped.values()
        ),
    )
