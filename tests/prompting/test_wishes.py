"""A view's asks as data: its own, shared and common ones, and unsupported values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.catalog.product import Product
from catalog_gen.dialects.dialect import GENERIC, Dialect
from catalog_gen.errors import ConfigError
from catalog_gen.prompting.wishes import WishTemplates, compile_wishes

KNOWN = ("product_id", "title", "category", "colour", "material", "count", "brand", "price")
SMALL = Dialect.model_validate(
    {
        "name": "the small model",
        "remedy": "choose another",
        "attributes": {
            "category": {"reads": "thing", "names": {"mug": ["mug"], "bowl": ["bowl"]}},
            "colour": {"reads": "single", "names": {"red": ["red", "crimson"]}},
        },
        "plurals": {"mug": "mugs"},
    }
)


def wishes(
    template: str,
    *,
    negative: str = "",
    asks: dict[str, str] | None = None,
    shared: dict[str, str] | None = None,
    dialect: Dialect = GENERIC,
) -> WishTemplates:
    return compile_wishes(
        template,
        negative,
        asks=asks or {},
        shared_asks=shared or {},
        known_fields=KNOWN,
        dialect=dialect,
    )


def test_common_attributes_that_the_template_reads_are_asked_as_the_product_has_them() -> None:
    view = wishes("{{ colour }} {{ category }} by {{ brand }}")
    fields = {"colour": "Petrol", "category": "Kettles", "brand": "Norr", "material": "Steel"}
    assert view.asked(fields) == {"category": "Kettles", "colour": "Petrol"}
    assert view.fields == {"colour", "category", "brand"}
    assert view.say(fields, view.asked(fields)) == "Petrol Kettles by Norr"


def test_they_are_asked_in_the_models_words() -> None:
    view = wishes("{{ colour }} {{ category }}", dialect=SMALL)
    fields = {"colour": "Crimson", "category": "Kitchen > Mug"}
    assert view.say(fields, view.asked(fields)) == "red mug"


def test_asked_values_stand_for_fields_of_the_same_name() -> None:
    shared = {
        "colour": "{{ colour | words('colour', title) }}",
        "mood": "{{ 'calm' if brand == 'Norr' else 'loud' }}",
        "unused": "{{ price }}",
    }
    view = wishes("{{ mood }} {{ colour }} {{ title }}", shared=shared, dialect=SMALL)
    fields = {"title": "Red thing", "brand": "Norr", "price": "9"}
    assert view.asked(fields) == {"colour": "red", "mood": "calm"}
    assert view.say(fields, {"colour": "blue", "mood": "loud"}) == "loud blue Red thing"
    assert view.fields == {"title", "colour", "brand"}, (
        "an ask that no template reads costs nothing"
    )


def test_a_views_own_asks_override_and_are_always_asked() -> None:
    view = wishes(
        "a photo of {{ title }}",
        asks={"colour": "{{ colour | lower }}"},
        shared={"colour": "{{ brand }}"},
    )
    assert view.asked({"title": "Mug", "colour": "RED"}) == {"colour": "red"}
    assert view.fields == {"title", "colour"}


def test_the_negative_prompt_can_use_asked_values() -> None:
    view = wishes("{{ title }}", negative="not {{ mood }}", shared={"mood": "{{ brand }}"})
    fields = {"brand": "Norr"}
    assert view.say_negative(fields, view.asked(fields)) == "not Norr"


def test_every_source_and_every_word_is_in_the_hash() -> None:
    one = wishes("{{ colour }}", dialect=SMALL).source_hash
    assert wishes("{{ colour }}", dialect=SMALL).source_hash == one
    others = [
        wishes("{{ colour }}."),
        wishes("{{ colour }}", dialect=SMALL, negative="text"),
        wishes("{{ colour }}", dialect=SMALL, asks={"colour": "{{ colour }}"}),
        wishes("{{ colour }}", dialect=SMALL, asks={"count": "one"}),
        wishes("{{ colour }}"),
    ]
    assert len({one, *(each.source_hash for each in others)}) == 1 + len(others)


@pytest.mark.parametrize("asks", [{"colour": "{{ color }}"}, {"colour": "{{ mood }}"}])
def test_an_ask_reads_products_and_no_other_ask(asks: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="a field that no product has"):
        wishes("{{ mood }}", asks=asks, shared={"mood": "calm"})


def test_attributes_that_a_view_does_not_ask_for_never_make_a_product_unsupported() -> None:
    teal = Product("1", "Bowl", category="Bowl", attributes={"colour": "Teal"}).fields()
    both = wishes("{{ colour }} {{ category }}", dialect=SMALL)
    only_thing = wishes("{{ category }}", dialect=SMALL)
    assert both.unsupported(teal, both.asked(teal)).startswith("colour 'Teal' is not among the 1")
    assert only_thing.unsupported(teal, only_thing.asked(teal)) == ""


@given(
    st.fixed_dictionaries(dict.fromkeys(KNOWN, st.sampled_from(["", "red", "Mug", "teal"]))),
    st.sampled_from(KNOWN),
    st.sampled_from(["", "red", "Mug", "teal"]),
)
def test_support_depends_only_on_fields_that_the_view_reads(
    fields: dict[str, str], changed: str, value: str
) -> None:
    """So a product is asked about again whenever the answer could differ."""
    view = wishes(
        "{{ colour }} {{ category }}",
        asks={"category": "{{ category | words('category', title) }}"},
        dialect=SMALL,
    )
    before = view.unsupported(fields, view.asked(fields))
    after = view.unsupported({**fields, changed: value}, view.asked({**fields, changed: value}))
    if changed not in view.fields:
        assert after == before
