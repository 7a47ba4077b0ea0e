"""Contrasts: the prompt is rendered again with one value exchanged, for any words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product as product_of

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog_gen.judging.contrasts import Phrasing, Rivals, contrasts_of
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.prompting.templates import compile_template
from studio.captions import canonical_caption
from studio.phrasing import canonical_phrasing
from studio.vocabulary import CATEGORIES, COLOURS, COUNTS, MATERIALS
from tests.judging.drawn import product

MUG = canonical_phrasing("mug", "red", "matte", "white", "three-quarter", 1)
PROMPT = "product photo of one matte red mug, three-quarter view, white background"


class Words:
    """Embeds a text as its words, like a perfect text tower."""

    logit_scale = 20.0

    def __init__(self, *known: str) -> None:
        self.known = known or (
            *("one", "two", "matte", "glass", "red", "blue", "mug", "mugs", "chair"),
        )

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [
            [float(word in text.replace(",", "").split()) for word in self.known] for text in texts
        ]
        vectors = np.array(rows, np.float32) + 1e-3
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def phrasing(template: str, asked: Mapping[str, str], rivals: Rivals | None = None) -> Phrasing:
    compiled = compile_template(template, asked.keys())
    return Phrasing(asked, compiled.render, rivals or Rivals())


def test_one_value_is_exchanged_and_all_else_stays() -> None:
    assert MUG.prompt == PROMPT
    assert MUG.asking("colour", "blue").prompt == PROMPT.replace("red", "blue")
    assert MUG.asking("category", "table lamp").prompt == PROMPT.replace("mug", "table lamp")
    assert MUG.asking("count", "two").prompt == PROMPT.replace(
        "one matte red mug", "two matte red mugs"
    )


def test_every_exchange_of_the_studio_is_a_canonical_caption() -> None:
    for category, colour, material, count in product_of(CATEGORIES, COLOURS, MATERIALS, COUNTS):
        wish = canonical_phrasing(category, colour, material, "white", "front", count)
        assert wish.prompt == canonical_caption(category, colour, material, "white", "front", count)
        for other in CATEGORIES:
            assert wish.asking("category", other).prompt == canonical_caption(
                other, colour, material, "white", "front", count
            )


def test_the_word_that_fits_the_picture_wins() -> None:
    words = Words()
    blue_chair = words.embed_texts(["one matte blue chair"])
    (found,) = contrasts_of(blue_chair, [MUG], words)
    assert found["colour"].seen == "blue"
    assert found["colour"].probability < 0.2
    assert found["category"].seen == "chair"
    assert found["material"].seen == "matte"
    assert found["material"].probability > 0.5
    assert found["count"].seen == "one"


def test_any_template_and_any_words_have_contrasts() -> None:
    """A wish in another language, which the studio model does not know."""
    rivals = Rivals(
        closed={"farbe": ("rot", "blau", "lindgrün")},
        catalog={"ding": ("Samowar", "Lampe", "Samowar")},
    )
    wish = phrasing(
        "Ein {{ ding }} in {{ farbe }}, von vorn",
        {"ding": "Teekanne", "farbe": "lindgrün", "stil": ""},
        rivals,
    )
    words = Words("rot", "blau", "lindgrün", "Teekanne", "Samowar", "Lampe")
    (found,) = contrasts_of(words.embed_texts(["Samowar in lindgrün"]), [wish], words)
    assert found.keys() == {"ding", "farbe"}
    assert (found["ding"].asked, found["ding"].seen) == ("Teekanne", "Samowar")
    assert (found["farbe"].asked, found["farbe"].seen) == ("lindgrün", "lindgrün")
    assert found["farbe"].probability > 0.9


def test_values_absent_from_the_prompt_have_no_contrast() -> None:
    asked = {"colour": "red", "category": "mug"}
    rivals = Rivals(closed={"category": ("mug", "vase")})
    wish = phrasing("a photo of a {{ category }}", asked, rivals)
    (found,) = contrasts_of(np.ones((1, 9), np.float32) / 3, [wish], Words())
    assert found.keys() == {"category"}


def test_wishes_without_known_wording_have_no_contrasts() -> None:
    embeddings = Words().embed_texts([PROMPT, PROMPT])
    assert contrasts_of(embeddings, [None, None], Words()) == [{}, {}]
    unknown, known = contrasts_of(embeddings, [None, MUG], Words())
    assert unknown == {}
    assert known.keys() == {"category", "colour", "material", "count"}


def test_pictures_of_one_wish_share_its_texts() -> None:
    said: list[Mapping[str, str]] = []

    def say(asked: Mapping[str, str]) -> str:
        said.append(asked)
        return MUG.say(asked)

    wish = replace(MUG, say=say)
    words = Words()
    first, second = contrasts_of(words.embed_texts([PROMPT, "blue chair"]), [wish, wish], words)
    assert first["colour"].seen == "red"
    assert second["colour"].seen == "blue"
    assert len(said) == 1 + 12 + 10 + 4 + 2


@pytest.mark.parametrize(
    ("attribute", "asked", "has", "lacks"),
    [
        ("colour", "Burgundy", {"Burgundy", "blue", "Navy"}, {"red", "RED", "maroon"}),
        ("colour", "Petrol", {"Petrol", "RED", "maroon"}, set()),
        ("count", "2", {"2", "1"}, {"one", "two"}),
        ("count", "two", {"one", "two"}, {"1", "2"}),
        ("material", "Rattan", {"Rattan", "glass", "Bambus"}, {"RATTAN", ""}),
        ("style", "modern", {"modern", "baroque"}, set()),
    ],
)
def test_rivals_of_an_open_vocabulary(
    attribute: str, asked: str, has: set[str], lacks: set[str]
) -> None:
    catalog = {
        "colour": ["Navy", "maroon", "RED"],
        "material": ["Bambus", "RATTAN", ""],
        "style": ["baroque"],
    }
    rivals = Rivals(catalog=catalog).of(attribute, asked)
    assert rivals[0] == asked
    assert len(rivals) == len(set(rivals))
    assert has <= set(rivals)
    assert not lacks & set(rivals)


def test_rivals_of_a_closed_vocabulary_are_exactly_that() -> None:
    rivals = Rivals(closed={"colour": ("red", "blue")}, catalog={"colour": ["teal"]})
    assert rivals.of("colour", "blue") == ["red", "blue"]


def test_contrasts_are_stored_with_the_signals() -> None:
    (found,) = contrasts_of(Words().embed_texts([PROMPT]), [MUG], Words())
    signals = measure(product(), asked=Asked("red"))
    with_contrasts = replace(signals, contrasts=found)
    assert Signals.from_json(with_contrasts.to_json()) == with_contrasts
