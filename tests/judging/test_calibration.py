"""The accept cut keeps its stated bound."""

import random
import tomllib
from datetime import date
from pathlib import Path

import pytest

from catalog_gen.judging.calibration import Labelled, calibrate, upper_limit
from catalog_gen.judging.rubric import CutRecord, load_rubric
from catalog_gen.judging.rubric_file import with_cut, write_cut

RUBRIC = Path("data/rubric.toml")
RECORD = CutRecord(
    found_on=date(2026, 11, 21), labels=300, source="reviews", most_bad=0.05, confidence=0.95
)


def labels(*counts: tuple[int, int, int]) -> list[Labelled]:
    """Of (total, good, bad) each."""
    return [
        Labelled(total, "accepted", bad)
        for total, good, spoilt in counts
        for bad in [False] * good + [True] * spoilt
    ]


def test_the_limit_is_that_of_clopper_and_pearson() -> None:
    # n = 59 without a failure is the textbook's sample for 95/95; 1 in 93 likewise.
    assert upper_limit(0, 59, 0.95) == pytest.approx(0.0495, abs=1e-4)
    assert upper_limit(0, 58, 0.95) > 0.05
    assert upper_limit(1, 93, 0.95) <= 0.05 < upper_limit(1, 92, 0.95)
    assert upper_limit(3, 3, 0.95) == 1.0


def test_the_lowest_cut_that_keeps_the_bound_is_chosen() -> None:
    found = calibrate(
        labels((10, 100, 0), (9, 100, 1), (8, 30, 15), (7, 100, 0)),
        review=6,
        most_bad=0.05,
        confidence=0.95,
    )
    assert found.chosen is not None
    assert found.chosen.cut == 9  # cut 7 would pass by its count again, but 8 ended the sequence
    assert (found.chosen.accepted, found.chosen.bad) == (201, 1)
    assert found.chosen.manual_share == pytest.approx(145 / 346)
    assert found.needed is None


def test_pictures_that_no_cut_can_accept_are_never_counted_as_accepted() -> None:
    given = [*labels((10, 60, 0)), Labelled(10, "rejected", True), Labelled(10, "review", True)]
    found = calibrate(given, review=6, most_bad=0.05, confidence=0.95)
    assert found.chosen is not None
    assert (found.chosen.accepted, found.chosen.bad) == (60, 0)
    assert found.chosen.manual_share == pytest.approx(1 / 62)


def test_with_too_few_labels_the_needed_number_is_reported() -> None:
    few = calibrate(labels((10, 20, 0)), review=6, most_bad=0.05, confidence=0.95)
    assert few.chosen is None
    assert few.needed is not None
    assert 59 <= few.needed <= 61
    enough = calibrate(labels((10, few.needed, 0)), review=6, most_bad=0.05, confidence=0.95)
    assert enough.chosen is not None
    hopeless = calibrate(labels((10, 50, 10)), review=6, most_bad=0.05, confidence=0.95)
    assert (hopeless.chosen, hopeless.needed, hopeless.outlook) == (None, None, "too many bad")
    assert calibrate([], review=6, most_bad=0.05, confidence=0.95).chosen is None


@pytest.mark.parametrize(
    ("good", "bad", "outlook"),
    [
        (1, 1, "no more bad"),
        (0, 1, "no more bad"),
        (20, 2, "no more bad"),
        (20, 0, "rates stay"),
        (50, 10, "too many bad"),
        (0, 3, "too many bad"),
    ],
)
def test_advice_fits_the_numbers(good: int, bad: int, outlook: str) -> None:
    given = [Labelled(10, "accepted", False)] * good + [Labelled(10, "accepted", True)] * bad
    found = calibrate(given, review=6, most_bad=0.05, confidence=0.95)
    assert found.outlook == outlook
    if outlook == "no more bad":
        assert found.needed is not None
        more = [Labelled(10, "accepted", False)] * (found.needed - len(given))
        assert calibrate([*given, *more], review=6, most_bad=0.05, confidence=0.95).chosen


def test_labels_that_no_cut_accepts_are_reported() -> None:
    given = [Labelled(3, "rejected", True)] * 9
    found = calibrate(given, review=6, most_bad=0.05, confidence=0.95)
    assert (found.needed, found.outlook) == (None, "none accepted")


def test_planted_labels_are_weighed_by_the_assumed_prevalence() -> None:
    # 9 in 10 labels are bad, as in the bench; of those 2 % pass, of the good ones 90 %.
    given = [Labelled(9, "accepted", False)] * 180 + [Labelled(3, "accepted", False)] * 20
    given += [Labelled(9, "accepted", True)] * 36 + [Labelled(2, "rejected", True)] * 1764
    for prevalence, passes in ((0.1, True), (0.9, False)):
        found = calibrate(given, review=6, most_bad=0.05, confidence=0.95, prevalence=prevalence)
        assert (found.chosen is not None) is passes
    at_ten = calibrate(given, review=6, most_bad=0.05, confidence=0.95, prevalence=0.1).curve[1]
    share = 0.1 * 0.02 / (0.1 * 0.02 + 0.9 * 0.9)
    assert at_ten.bad_share == pytest.approx(share)
    assert share < at_ten.bound < 0.01


def test_the_bound_holds_with_its_stated_confidence() -> None:
    """Shops whose true shares are known: of 400 calibrations at most 5 % may break the bound."""
    chance = random.Random(4)
    #: The share of pictures with each total, and of bad ones among them: at cut 8 it is 5.7 %.
    shop = {10: (0.45, 0.02), 9: (0.25, 0.06), 8: (0.15, 0.16), 7: (0.15, 0.3)}
    broken = chosen = 0
    for _ in range(400):
        totals = chance.choices(list(shop), [share for share, _ in shop.values()], k=400)
        given = [Labelled(total, "accepted", chance.random() < shop[total][1]) for total in totals]
        point = calibrate(given, review=6, most_bad=0.05, confidence=0.95).chosen
        if point is None:
            continue
        chosen += 1
        kept = {total: each for total, each in shop.items() if total >= point.cut}
        weight = sum(share for share, _ in kept.values())
        broken += sum(share * bad for share, bad in kept.values()) / weight > 0.05
    assert chosen > 200  # it is no use if it never chooses
    assert broken <= 400 * 0.05


def test_the_cut_is_written_and_nothing_else_changes(tmp_path: Path) -> None:
    text = RUBRIC.read_text("utf-8")
    (own,) = [name for name in load_rubric(RUBRIC).scorers if name != "default"]
    path = tmp_path / "rubric.toml"
    path.write_text(text, "utf-8")
    before = load_rubric(path)
    write_cut(path, own, 9, RECORD)
    after = load_rubric(path)
    assert after.accept(own) == 9
    assert after.section(own).cut == RECORD
    assert after.accept("another") == before.bands.accept
    assert after.rubric_hash(own) != before.rubric_hash(own)
    assert after.rubric_hash("another") == before.rubric_hash("another")
    added = set(path.read_text("utf-8").splitlines()) - set(text.splitlines())
    assert {line.split(" =")[0] for line in added} == {"accept", "cut"}
    later = RECORD.model_copy(update={"labels": 500})
    assert with_cut(path.read_text("utf-8"), own, 9, later).count("accept = 9") == 1
    cut_off = f"[scorers.{own}]\naccept = 8"  # without a newline at its end
    assert with_cut(cut_off, own, 9, later).count("accept =") == 1
    write_cut(path, own, 9, later)
    assert load_rubric(path).rubric_hash(own) == after.rubric_hash(own)  # no verdict changes
    assert [file.name for file in tmp_path.iterdir()] == ["rubric.toml"]


def test_an_unknown_scorer_gets_the_default_rules_and_its_cut() -> None:
    text = with_cut(RUBRIC.read_text("utf-8"), "ab" * 32, 8, RECORD)
    data = tomllib.loads(text)["scorers"]
    new = data["ab" * 32]
    assert new["calibrated"] is True
    assert new["rules"] == data["default"]["rules"]
    assert data["default"]["calibrated"] is False
