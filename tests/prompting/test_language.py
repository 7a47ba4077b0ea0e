"""A tokenizer's vocabulary shows the language that it was trained on."""

import csv
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest

from catalog_gen.prompting.budget import TokenBudget
from catalog_gen.prompting.language import LEAST_KNOWN, known_words, language_warning

ROOT = Path(__file__).parents[2]
STUDIO = TokenBudget(ROOT / "data/models/studio/pipeline/tokenizer")

ENGLISH = [
    *("Hand-thrown Stoneware Mug with Reactive Glaze", "Solid Oak Side Table with Drawer"),
    *("Merino Wool Crew Neck Sweater", "Waterproof Hiking Backpack Orange"),
    *("Stainless Steel Water Bottle", "Black Leather Wallet with Coin Pocket"),
]
GERMAN = [
    *("Kaffeebecher aus Steingut grün", "Holzstuhl aus Eiche mit Polster, massiv"),
    *("Handgefertigte Keramikschale weiß glasiert", "Rucksack wasserdicht schwarz"),
    *("Edelstahl Trinkflasche mit Deckel", "Geldbörse aus schwarzem Leder, handgenäht"),
]
RUSSIAN = ["Керамическая кружка красная", "Стеклянная ваза зелёная", "Белая миска"] * 4


CLIP = open_clip.tokenizer.SimpleTokenizer()


def clip_tokens(text: str) -> int:
    return len(CLIP.encode(text))


@pytest.mark.parametrize("count", [STUDIO.count, clip_tokens])
def test_english_is_recognised_and_other_languages_are_reported(
    count: Callable[[str], int],
) -> None:
    assert language_warning(ENGLISH, count) == ""
    for titles in (GERMAN, RUSSIAN):
        assert "multilingual" in language_warning(titles, count)


def test_the_sample_feed_is_known() -> None:
    with (ROOT / "data/feed.csv").open(encoding="utf-8") as stream:
        titles = [row["title"] for row in csv.DictReader(stream)]
    share = known_words(titles, STUDIO.count)
    assert share is not None
    assert share > LEAST_KNOWN


def test_too_few_words_give_no_estimate() -> None:
    assert known_words(["Becher"], STUDIO.count) is None
