from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from catalog_gen.errors import ConfigError
from catalog_gen.judging.contrasts import Contrast
from catalog_gen.judging.facts import JudgingContext
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.picture import Asked
from catalog_gen.judging.rubric import CRITERIA, Rubric, Rule, Verdict, judge, load_rubric
from catalog_gen.judging.scorer import ClipScore
from catalog_gen.judging.wording import number
from tests.judging.drawn import BLUE, product

SHIPPED = Path(__file__).parents[2] / "data" / "rubric.toml"
CALIBRATED = "c" * 64
GOOD_CLIP = ClipScore(0.3, 0.1, np.zeros(4, np.float32))
CONTEXT = JudgingContext(CALIBRATED, True, True, background="white")
ORDER = {"rejected": 0, "review": 1, "accepted": 2}


@cache
def calibrated_rubric() -> Rubric:
    """The shipped rubric, with a scorer whose thresholds count as calibrated."""
    shipped = load_rubric(SHIPPED)
    section = shipped.scorers["default"].model_copy(update={"calibrated": True})
    return shipped.model_copy(update={"scorers": {**shipped.scorers, CALIBRATED: section}})


@cache
def good_signals() -> Signals:
    return measure(product(), asked=Asked("red"))


@pytest.fixture
def rubric() -> Rubric:
    return calibrated_rubric()


@pytest.fixture
def signals() -> Signals:
    return good_signals()


def test_a_good_picture_is_accepted_with_sentences(rubric: Rubric, signals: Signals) -> None:
    verdict = judge(signals, GOOD_CLIP, rubric, CONTEXT)
    assert verdict.decision == "accepted"
    assert verdict.total == 10
    assert tuple(verdict.criteria) == CRITERIA
    assert not verdict.hard_failures
    for score in verdict.criteria.values():
        assert not score.why[0].islower()
        assert score.why.endswith(".")
    assert "81.2%" in verdict.criteria["ecommerce_usability"].why


def test_lost_points_come_with_the_threshold(rubric: Rubric) -> None:
    small = measure(product(size=0.55), asked=Asked("red"))
    score = judge(small, GOOD_CLIP, rubric, CONTEXT).criteria["ecommerce_usability"]
    assert score.points == 1
    assert score.why.startswith("The product fills 56")
    assert "2 points take at least 65%" in score.why


@pytest.mark.parametrize(
    ("picture", "asked", "words"),
    [
        (np.zeros((128, 128, 3), np.uint8), "red", "black"),
        (np.full((128, 128, 3), 200, np.uint8), "red", "flat"),
        (product(middle=(0.1, 0.5)), "red", "cut off"),
        (product(size=0.2), "red", "tiny"),
        (product(BLUE), "red", "another one"),
    ],
)
def test_hard_failures_reject_regardless_of_the_total(
    rubric: Rubric, picture: np.ndarray, asked: str, words: str
) -> None:
    verdict = judge(measure(picture, asked=Asked(asked)), GOOD_CLIP, rubric, CONTEXT)
    assert verdict.decision == "rejected"
    assert any(words in sentence for sentence in verdict.hard_failures)


def test_an_off_white_border_counts_only_where_white_was_asked(rubric: Rubric) -> None:
    grey = measure(product(background=(235, 235, 235)), asked=Asked("red"))
    white_view = judge(grey, GOOD_CLIP, rubric, CONTEXT)
    any_view = judge(grey, GOOD_CLIP, rubric, replace(CONTEXT, background="any"))
    assert white_view.criteria["ecommerce_usability"].points == 0
    assert white_view.decision == "review"
    assert any_view.decision == "accepted"


def test_an_uncalibrated_scorer_sends_to_review_with_the_reason(
    rubric: Rubric, signals: Signals
) -> None:
    verdict = judge(signals, GOOD_CLIP, rubric, replace(CONTEXT, scorer_hash="unknown"))
    assert (verdict.decision, verdict.total) == ("review", 10)
    assert "never calibrated" in verdict.criteria["prompt_adherence"].why


def test_a_variant_goes_to_review_at_best(rubric: Rubric, signals: Signals) -> None:
    variant = judge(signals, GOOD_CLIP, rubric, replace(CONTEXT, edit_policy="variant"))
    cosmetic = judge(signals, GOOD_CLIP, rubric, replace(CONTEXT, edit_policy="cosmetic"))
    assert (variant.decision, cosmetic.decision) == ("review", "accepted")


def test_reproducibility_counts_the_recorded_recipe_and_environment(
    rubric: Rubric, signals: Signals
) -> None:
    def points(recipe: bool, environment: bool) -> int:
        context = replace(CONTEXT, recipe_complete=recipe, environment_complete=environment)
        return judge(signals, GOOD_CLIP, rubric, context).criteria["reproducibility"].points

    assert [points(True, True), points(True, False), points(False, True)] == [2, 1, 0]


def test_the_word_that_was_seen_instead_is_named(rubric: Rubric, signals: Signals) -> None:
    seen = signals.with_answers(contrasts={"category": Contrast("mug", 0.05, "vase")})
    why = judge(seen, GOOD_CLIP, rubric, CONTEXT).criteria["prompt_adherence"].why
    assert "the likeliest is vase" in why


def test_stored_signals_get_the_same_verdict(rubric: Rubric, signals: Signals) -> None:
    stored = Signals.from_json(signals.to_json())
    assert judge(stored, GOOD_CLIP, rubric, CONTEXT) == judge(signals, GOOD_CLIP, rubric, CONTEXT)


#: A signal, the values it may take, and whether more of it is better.
BETTER = {
    "edge_width": (st.floats(1, 9), -1),
    "noise": (st.floats(0, 15), -1),
    "grain": (st.floats(0, 15), -1),
    "level_use": (st.floats(0, 1), 1),
    "extra_parts": (st.integers(0, 5), -1),
    "fill": (st.floats(0, 1), 1),
    "off_centre": (st.floats(0, 1), -1),
    "edge_contact": (st.floats(0, 1), -1),
    "near_white": (st.floats(0, 1), 1),
    "colour_delta": (st.floats(0, 60), -1),
    "colour_share": (st.floats(0, 1), 1),
    "colour_rival": (st.floats(0, 1), -1),
    "contrast": (st.floats(0, 90), 1),
}


@settings(max_examples=300)
@given(data=st.data(), margin=st.floats(-0.3, 0.3), gain=st.floats(0, 0.3))
def test_better_measurements_never_make_a_worse_verdict(
    data: st.DataObject, margin: float, gain: float
) -> None:
    rubric, base = calibrated_rubric(), good_signals()
    drawn = {name: data.draw(values, label=name) for name, (values, _) in BETTER.items()}
    name = data.draw(st.sampled_from(sorted(BETTER)))
    values, direction = BETTER[name]
    other = data.draw(values)
    better = max(drawn[name], other) if direction > 0 else min(drawn[name], other)
    worse = min(drawn[name], other) if direction > 0 else max(drawn[name], other)

    def verdict(value: float, clip_margin: float) -> Verdict:
        signals = base.with_answers(**{**drawn, name: value})
        return judge(signals, replace(GOOD_CLIP, margin=clip_margin), rubric, CONTEXT)

    low, high = verdict(worse, margin), verdict(better, margin + gain)
    assert high.total >= low.total
    assert ORDER[high.decision] >= ORDER[low.decision]
    for criterion in CRITERIA:
        assert high.criteria[criterion].points >= low.criteria[criterion].points


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(-20, 20))
def test_a_rules_direction_follows_from_its_thresholds(
    two: float, one: float, value: float
) -> None:
    assume(two != one)
    rule = Rule(criterion="artifacts", signal="noise", two=two, one=one, says="{value}")
    if two > one:
        expected = 2 if value >= two else 1 if value >= one else 0
    else:
        expected = 2 if value <= two else 1 if value <= one else 0
    assert rule.points(value) == expected


def test_the_hash_covers_the_rules_for_this_scorer(rubric: Rubric) -> None:
    edited = rubric.model_copy(update={"bands": rubric.bands.model_copy(update={"accept": 9})})
    foreign = rubric.model_copy(
        update={"scorers": {**rubric.scorers, "d" * 64: rubric.scorers["default"]}}
    )
    own = rubric.rubric_hash(CALIBRATED)
    assert own != edited.rubric_hash(CALIBRATED)
    assert own != rubric.rubric_hash("other")
    assert own == foreign.rubric_hash(CALIBRATED)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('signal = "noise"', 'signal = "nois"', "'nois' is not a signal"),
        ("{value} levels", "{valu} levels", "{value}, {percent} and {seen}"),
        ("review = 6", "review = 9", "review 9 is above accept 8"),
        ("scorers.default", "scorers.other", "scorers.default is missing"),
        ("accept = 8", "accept = = 8", "is not valid TOML"),
        ('criterion = "reproducibility"', 'criterion = "artifacts"', "no rule for reproducibility"),
        ("below = 32", "below = 32\nabove = 3", "set either below or above"),
    ],
)
def test_a_broken_rubric_is_refused_with_the_rule(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = SHIPPED.read_text()
    assert old in text
    (tmp_path / "rubric.toml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_rubric(tmp_path / "rubric.toml")
    assert message in str(caught.value)


def test_a_missing_rubric_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file.*rubric"):
        load_rubric(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.5, "-0.5"), (-0.031, "-0.031"), (-0.0001, "0"), (0.0, "0"), (-12.34, "-12.3"), (3.0, "3")],
)
def test_numbers_keep_their_sign(value: float, text: str) -> None:
    assert number(value) == text
