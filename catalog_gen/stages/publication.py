"""Publish: the best accepted picture of each product and view goes live, all at once."""

from dataclasses import dataclass
from pathlib import Path

from catalog_gen.judging.rubric import load_rubric
from catalog_gen.reporting.channel_feed import FeedRow, write_google_feed
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.store.figures import coverage_figures
from catalog_gen.store.publications import Publication, candidates_for_publication, publish
from catalog_gen.store.showcase import LiveProduct, live_products


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What is live after the stage."""

    products: int
    images: int
    coverage: float
    held_back: str
    """Why the last publication was kept instead; empty: it was not."""


@dataclass(frozen=True, slots=True)
class ChannelFeed:
    """A feed that was written for a sales channel."""

    path: Path
    rows: int


def publish_best(catalog: Catalog, scorer_hash: str, stamp: Stamp) -> PublishResult:
    """Select and switch, in one transaction; a set that covers too little changes nothing.

    Raises:
        ConfigError: the rubric can't be used.
    """
    rubric = load_rubric(catalog.settings.rubric)
    with catalog.store.writing() as connection:
        selection = candidates_for_publication(connection, rubric.rubric_hash(scorer_hash))
        figures = coverage_figures(connection)
        products = len({image.product_id for image in selection})
        coverage = products / figures.active if figures.active else 0.0
        least = catalog.settings.publish.min_coverage
        if coverage < least:
            return PublishResult(
                figures.live,
                figures.images,
                figures.live / figures.active if figures.active else 0.0,
                f"the new set covers {coverage:.0%} of {figures.active} active products, and "
                f"publish.min_coverage asks for {least:.0%}; the last publication stays live",
            )
        live: Publication = publish(
            connection, selection, coverage=coverage, run_id=stamp.run_id, now=stamp.now
        )
    return PublishResult(live.products, live.images, live.coverage, "")


def write_channel_feeds(catalog: Catalog) -> ChannelFeed:
    """Write the live products as a Google Merchant feed below the site folder."""
    with catalog.store.reading() as connection:
        rows = [_feed_row(each, list(catalog.settings.views)) for each in live_products(connection)]
    path = catalog.home.site / "feeds" / "google.csv"
    write_google_feed(rows, path, catalog.settings.publish.base_url)
    return ChannelFeed(path, len(rows))


def _feed_row(live: LiveProduct, views: list[str]) -> FeedRow:
    """The main picture is that of the first view in the settings which has one."""
    product = live.product
    order = sorted(live.images, key=lambda view: views.index(view) if view in views else len(views))
    return FeedRow(
        product_id=product.product_id,
        title=product.title,
        description=product.description,
        link=product.attributes.get("link", ""),
        images=tuple(f"images/{live.images[view]}.png" for view in order),
        price=product.attributes.get("price", ""),
        availability=product.attributes.get("availability", ""),
    )
