"""The sample catalog in data/: what a newcomer's first refresh is made of."""

from pathlib import Path

import pytest
from catalog_gen.prompting.support import unsupported_by_studio
from catalog_gen.prompting.words import studio_words

from catalog_gen.catalog.feeds import read_feed
from catalog_gen.catalog.product import FeedContents
from catalog_gen.prompting.templates import compile_template
from catalog_gen.settings import CatalogSettings, load_settings
from studio.captions import canonical_caption
from studio.vocabulary import (
    CATEGORIES,
    COLOURS,
    COUNTS,
    MATERIALS,
    Angle,
    Background,
)

DATA = Path(__file__).parents[2] / "data"
FIELDS = ("category", "title", "colour", "material", "count")


@pytest.fixture(scope="module")
def catalog() -> CatalogSettings:
    return load_settings(DATA / "catalog.toml")


@pytest.fixture(scope="module")
def feed(catalog: CatalogSettings) -> FeedContents:
    return read_feed(catalog.feed.path, catalog.feed)


@pytest.mark.parametrize(
    ("view", "background", "angle"),
    [
        ("packshot", "white", "three-quarter"),
        ("lifestyle", "warm wood", "front"),
        ("refreshed", "light grey", "three-quarter"),
    ],
)
def test_templates_write_the_canonical_caption(
    catalog: CatalogSettings,
    feed: FeedContents,
    view: str,
    background: Background,
    angle: Angle,
) -> None:
    template = compile_template(catalog.views[view].template, FIELDS)
    assert template.fields == set(FIELDS), "a price must not redraw anything"
    for product in feed.products:
        if unsupported_by_studio(product):
            continue
        words = studio_words(product)
        assert words.category
        assert words.colour
        assert words.material
        fields = dict.fromkeys(FIELDS, "") | product.fields()
        assert template.render(fields) == canonical_caption(
            words.category, words.colour, words.material, background, angle, words.count
        )


def test_the_sample_covers_the_whole_vocabulary(feed: FeedContents) -> None:
    drawable = [each for each in feed.products if not unsupported_by_studio(each)]
    words = [studio_words(product) for product in drawable]
    assert len(drawable) >= 48
    assert {each.category for each in words} == set(CATEGORIES)
    assert {each.colour for each in words} == set(COLOURS)
    assert {each.material for each in words} == set(MATERIALS)
    assert {each.count for each in words} == set(COUNTS)


def test_a_newcomer_sees_rejections_and_what_the_model_cannot_draw(feed: FeedContents) -> None:
    assert len({each.rule for each in feed.rejections}) == 5
    reasons = [unsupported_by_studio(product) for product in feed.products]
    assert sum(bool(reason) for reason in reasons) == 2


def test_every_reference_photo_is_there(catalog: CatalogSettings, feed: FeedContents) -> None:
    from PIL import Image

    named = [product for product in feed.products if product.reference]
    assert len(named) == 8
    for product in named:
        assert product.reference == f"{product.product_id}.png"
        with Image.open(catalog.feed.reference_folders[0] / product.reference) as photo:
            assert (photo.size, photo.mode) == ((128, 128), "RGB")
