from collections.abc import Sequence
from dataclasses import replace
from itertools import product as product_of

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog_gen.judging.contrasts import contrasts_of, words_of
from catalog_gen.judging.measurement import Asked, Signals, measure
from studio.captions import canonical_caption
from studio.vocabulary import CATEGORIES, COLOURS, COUNTS, MATERIALS
from tests.judging.drawn import product

PROMPT = "product photo of one matte red mug, three-quarter view, white background"


class Words:
    """Embeds a text as the words it has: what a perfect text tower would tell apart."""

    logit_scale = 20.0
    known = ("one", "two", "matte", "glass", "red", "blue", "mug", "mugs", "chair")

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [
            [float(word in text.replace(",", "").split()) for word in self.known] for text in texts
        ]
        vectors = np.array(rows, np.float32) + 1e-3
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_canonical_prompt_is_taken_apart() -> None:
    form = words_of(PROMPT)
    assert form is not None
    assert form.words == {"count": "one", "material": "matte", "colour": "red", "category": "mug"}
    assert form.with_word("colour", "blue") == PROMPT.replace("red", "blue")
    assert form.with_word("category", "table lamp") == PROMPT.replace("mug", "table lamp")
    assert form.with_word("count", "two") == PROMPT.replace(
        "one matte red mug", "two matte red mugs"
    )


def test_every_prompt_of_the_studio_is_of_the_form() -> None:
    for category, colour, material, count in product_of(CATEGORIES, COLOURS, MATERIALS, COUNTS):
        prompt = canonical_caption(category, colour, material, "white", "front", count)
        form = words_of(prompt)
        assert form is not None
        assert form.words["category"] == category
        assert form.with_word("colour", colour) == prompt
        for other in CATEGORIES:
            assert form.with_word("category", other) == canonical_caption(
                other, colour, material, "white", "front", count
            )


def test_words_may_be_missing_and_nouns_have_two_words() -> None:
    form = words_of("product photo of pink perfume bottle, front view")
    assert form is not None
    assert form.words == {"colour": "pink", "category": "perfume bottle"}
    two = words_of("product photo of two glossy black watches")
    assert two is not None
    assert two.words["category"] == "watch"
    assert two.with_word("category", "chair") == "product photo of two glossy black chairs"


@pytest.mark.parametrize(
    "prompt", ["a photo of a dog", "product photo of one teal mug", "", "one red mug on a beach"]
)
def test_other_forms_have_no_contrasts(prompt: str) -> None:
    assert words_of(prompt) is None
    assert contrasts_of(np.ones((1, 9), np.float32) / 3, [prompt], Words()) == [{}]


def test_the_word_that_the_picture_bears_out_wins() -> None:
    words = Words()
    blue_chair = words.embed_texts(["one matte blue chair"])
    (found,) = contrasts_of(blue_chair, [PROMPT], words)
    assert found["colour"].seen == "blue"
    assert found["colour"].probability < 0.2
    assert found["category"].seen == "chair"
    assert found["material"].seen == "matte"
    assert found["material"].probability > 0.5
    assert found["count"].seen == "one"


def test_contrasts_are_stored_with_the_signals() -> None:
    (found,) = contrasts_of(Words().embed_texts([PROMPT]), [PROMPT], Words())
    signals = measure(product(), asked=Asked("red"))
    with_contrasts = replace(signals, contrasts=found)
    assert Signals.from_json(with_contrasts.to_json()) == with_contrasts
