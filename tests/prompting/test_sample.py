"""The sample catalog in data/, which a newcomer's first refresh uses."""

import csv
from pathlib import Path

import pytest

from catalog_gen.catalog.contents import FeedContents
from catalog_gen.catalog.feeds import read_feed
from catalog_gen.dialects.files import dialect_of
from catalog_gen.settings.catalog import CatalogSettings, load_settings
from catalog_gen.stages.views import View, compile_views
from studio.phrasing import RIVALS, canonical_phrasing
from studio.vocabulary import Angle, Background

DATA = Path(__file__).parents[2] / "data"
#: What each product's pictures were asked to show before asks were data; nothing may change it.
ASKED_FOR = Path(__file__).with_name("sample_prompts.csv")


@pytest.fixture(scope="module")
def catalog() -> CatalogSettings:
    return load_settings(DATA / "catalog.toml")


@pytest.fixture(scope="module")
def feed(catalog: CatalogSettings) -> FeedContents:
    return read_feed(catalog.feed.path, catalog.feed)


@pytest.fixture(scope="module")
def views(catalog: CatalogSettings, feed: FeedContents) -> dict[str, View]:
    attributes = {name for product in feed.products for name in product.attributes}
    dialect = dialect_of(Path(catalog.model.id), catalog.model.dialect)
    return {view.name: view for view in compile_views(catalog, attributes, dialect)}


@pytest.mark.parametrize(
    ("view", "background", "angle"),
    [
        ("packshot", "white", "three-quarter"),
        ("lifestyle", "warm wood", "front"),
        ("refreshed", "light grey", "three-quarter"),
    ],
)
def test_every_prompt_is_as_it_was_and_in_the_canonical_form(
    views: dict[str, View],
    feed: FeedContents,
    view: str,
    background: Background,
    angle: Angle,
) -> None:
    wishes = views[view].wishes
    assert wishes.fields == {"category", "title", "colour", "material", "count"}, (
        "a price must not redraw anything"
    )
    with ASKED_FOR.open(newline="", encoding="utf-8") as stream:
        subjects = {row["product_id"]: row["asks for"] for row in csv.DictReader(stream)}
    assert len(subjects) == len(feed.products) == 52
    for product in feed.products:
        fields = product.fields()
        asked = wishes.asked(fields)
        prompt = wishes.say(fields, asked)
        subject = subjects[product.product_id]
        assert prompt == f"product photo of {subject}, {angle} view, {background} background"
        if not wishes.unsupported(fields, asked):
            count = {"one": 1, "two": 2}[asked["count"]]
            words = (asked[name] for name in ("category", "colour", "material"))
            phrasing = canonical_phrasing(*words, background, angle, count)  # type: ignore[arg-type]
            assert phrasing.asked == asked
            assert phrasing.prompt == prompt


def test_the_sample_covers_the_whole_vocabulary(views: dict[str, View], feed: FeedContents) -> None:
    wishes = views["packshot"].wishes
    asked = [wishes.asked(product.fields()) for product in feed.products]
    drawable = [each for each in asked if not wishes.unsupported({}, each)]
    assert len(drawable) == 50
    for attribute, words in RIVALS.closed.items():
        assert {each[attribute] for each in drawable} == set(words)


def test_a_newcomer_sees_rejections_and_what_the_model_cannot_draw(
    views: dict[str, View], feed: FeedContents
) -> None:
    assert len({each.rule for each in feed.rejections}) == 5
    wishes = views["packshot"].wishes
    reasons = {
        product.product_id: reason
        for product in feed.products
        if (reason := wishes.unsupported(product.fields(), wishes.asked(product.fields())))
    }
    assert reasons.keys() == {"ST-KTL-TEA", "HG-CHR-BEI"}
    assert reasons["ST-KTL-TEA"].startswith("category 'Kettles' is not among the 12")
    assert reasons["HG-CHR-BEI"].startswith("colour 'Beige' is not among the 10")


def test_every_reference_photo_is_there(catalog: CatalogSettings, feed: FeedContents) -> None:
    from PIL import Image

    named = [product for product in feed.products if product.reference]
    assert len(named) == 8
    for product in named:
        assert product.reference == f"{product.product_id}.png"
        with Image.open(catalog.feed.reference_folders[0] / product.reference) as photo:
            assert (photo.size, photo.mode) == ((128, 128), "RGB")
