"""The judge on the sample's reference photos, good and with planted defects, with the real scorer.

``benchmarks/judge.py`` has the figures; this is a small sample of it that every test run sees.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog_gen.catalog.feeds import read_feed
from catalog_gen.dialects.files import dialect_of
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.rubric import load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.judging.signals.colour import srgb_to_lab
from catalog_gen.judging.signals.subject import subject_mask
from catalog_gen.settings.catalog import CatalogSettings, load_settings
from catalog_gen.stages.views import compile_views
from studio.evaluation.appraise import Bench, appraise
from studio.evaluation.defects import DEFECTS, DefectName, Specimen, plant
from studio.phrasing import canonical_phrasing, count_of

#: What the judge is known to miss; see ``benchmarks/judge.py``.
MISSED: tuple[DefectName, ...] = ("wrong material", "text overlay", "watermark")


@pytest.fixture(scope="module")
def settings() -> CatalogSettings:
    return load_settings(Path("data/catalog.toml"))


@pytest.fixture(scope="module")
def good(settings: CatalogSettings) -> list[Specimen]:
    """The reference photos with the prompts of their products."""
    dialect = dialect_of(Path(settings.model.id))
    packshot = next(
        view for view in compile_views(settings, [], dialect) if view.name == "packshot"
    )
    specimens = []
    for product in read_feed(settings.feed.path, settings.feed).products:
        if not product.reference:
            continue
        pixels = np.asarray(
            Image.open(settings.feed.path.parent / "reference" / Path(product.reference).name)
        )
        asked = packshot.wishes.asked(product.fields())
        words: Any = (asked["category"], asked["colour"], asked["material"])
        phrasing = canonical_phrasing(*words, "white", "three-quarter", count_of(asked))
        assert phrasing.prompt == packshot.wishes.say(product.fields(), asked)
        mask = subject_mask(srgb_to_lab(pixels))
        specimens.append(Specimen(pixels, phrasing, mask, background="white"))
    return specimens


@pytest.fixture(scope="module")
def bench(settings: CatalogSettings) -> Bench:
    detector = LetteringDetector.of(settings.lettering)
    return Bench(ClipScorer(settings.scorer), detector, load_rubric(settings.rubric))


def test_the_scorer_of_the_sample_is_calibrated(bench: Bench) -> None:
    assert bench.rubric.section(bench.scorer.scorer_hash).calibrated


def test_good_photos_are_accepted(good: list[Specimen], bench: Bench) -> None:
    verdicts = appraise(good, bench, [each.prompt for each in good])
    assert len(verdicts) == 8
    assert sum(verdict.decision == "accepted" for verdict in verdicts) >= 7, verdicts


@pytest.mark.parametrize("defect", [name for name in DEFECTS if name not in MISSED])
def test_defects_are_not_accepted(defect: DefectName, good: list[Specimen], bench: Bench) -> None:
    planted = [
        plant(defect, each, good[(place + 1) % len(good)], seed=place)
        for place, each in enumerate(good)
    ]
    bad = [each for each in planted if each is not None]
    verdicts = appraise(bad, bench, [each.prompt for each in good])
    missed = [
        each.prompt
        for each, found in zip(bad, verdicts, strict=True)
        if found.decision == "accepted"
    ]
    assert len(missed) <= 1, missed


def test_a_defect_is_the_same_every_time_and_changes_something(good: list[Specimen]) -> None:
    for name in DEFECTS:
        first, again = (plant(name, good[0], good[1], seed=3) for _ in range(2))
        if first is None or again is None:
            assert name == "two for one"  # this product is one
            continue
        assert first.prompt == again.prompt
        np.testing.assert_array_equal(first.pixels, again.pixels)
        assert (
            first.prompt != good[0].prompt
            or first.reference is not None
            or not np.array_equal(first.pixels, good[0].pixels)
        ), name
