from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from catalog_gen.errors import ConfigError
from catalog_gen.judging.measurement import Signals, measure
from catalog_gen.judging.passports import Passport, PictureFile, load_passports
from catalog_gen.judging.picture import Asked
from tests.judging.drawn import product

TODAY = date(2026, 11, 21)
DEADLINE = date(2027, 1, 31)
FILE = PictureFile("JPEG", 1200, 1200, 180_000, declared=True)


@pytest.fixture(scope="module")
def passports() -> dict[str, Passport]:
    return load_passports(Path("data/passports.toml"))


@pytest.fixture(scope="module")
def signals() -> Signals:
    """A product that fills 82 % of a white frame, with nothing written over it."""
    return measure(product(size=0.82), asked=Asked("red")).with_answers(lettering=-4.0)


def test_a_good_picture_passes_with_all_of_its_numbers(
    passports: dict[str, Passport], signals: Signals
) -> None:
    stamped = passports["google"].check(FILE, signals, TODAY)
    assert stamped.passed
    assert any("1200 pixels (at least 100)" in check.words for check in stamped.checks)
    assert {check.outcome for check in stamped.checks} == {"passed", "coming"}


@pytest.mark.parametrize("channel", ["google", "amazon", "files"])
def test_lettering_over_the_product_is_refused(
    passports: dict[str, Passport], signals: Signals, channel: str
) -> None:
    lettered = passports[channel].check(FILE, signals.with_answers(lettering=5.0), TODAY)
    assert any("text or a watermark" in words for words in lettered.failures)
    unseen = passports[channel].check(FILE, signals.with_answers(lettering=None), TODAY)
    assert not any("text or a watermark" in words for words in unseen.failures)


def test_a_future_rule_is_announced_and_applies_from_its_date(
    passports: dict[str, Passport], signals: Signals
) -> None:
    small = replace(FILE, width=300, height=400)
    before = passports["google"].check(small, signals, TODAY)
    assert before.passed
    (coming,) = (check for check in before.checks if check.outcome == "coming")
    assert coming.words.endswith("will fail from 2027-01-31 on")
    after = passports["google"].check(small, signals, DEADLINE)
    assert after.failures == ("the shorter side has 300 pixels (at least 500)",)
    assert sum(check.fact == "shorter_side" for check in after.checks) == 1


@pytest.mark.parametrize(
    ("channel", "changed", "fact"),
    [
        ("google", {"declared": False}, "synthetic"),
        ("google", {"size": 17_000_000}, "megabytes"),
        ("amazon", {"format": "WEBP"}, "format"),
        ("amazon", {}, "synthetic"),
        ("amazon", {"width": 900, "height": 900}, "longer_side"),
        ("files", {"size": 2_000_000}, "megabytes"),
        ("meta", {"height": 499}, "shorter_side"),
    ],
)
def test_files_that_a_channel_refuses(
    passports: dict[str, Passport],
    signals: Signals,
    channel: str,
    changed: dict[str, object],
    fact: str,
) -> None:
    stamped = passports[channel].check(replace(FILE, **changed), signals, TODAY)  # type: ignore[arg-type]
    assert fact in {check.fact for check in stamped.checks if check.outcome == "failed"}


def test_pictures_that_a_channel_refuses(passports: dict[str, Passport]) -> None:
    tiny = measure(product(size=0.4), asked=Asked("red"))
    grey = measure(product(size=0.82, background=(240, 240, 240)), asked=Asked("red"))
    assert "fills 4" in passports["google"].check(FILE, tiny, TODAY).failures[0]
    assert "0% of the border is white" in passports["google"].check(FILE, grey, TODAY).failures[0]


def test_additional_pictures_may_show_the_product_otherwise(passports: dict[str, Passport]) -> None:
    tiny = measure(product(size=0.4, background=(200, 180, 150)), asked=Asked("red"))
    assert not passports["google"].check(FILE, tiny, TODAY).passed
    assert passports["google"].check(FILE, tiny, TODAY, "additional").passed


def test_missing_measurements_are_reported_and_fail_nothing(passports: dict[str, Passport]) -> None:
    stamped = passports["google"].check(FILE, None, TODAY)
    assert stamped.passed
    assert "fill was not measured" in {check.words for check in stamped.checks}


def test_a_broken_rule_names_its_place_and_the_facts(tmp_path: Path) -> None:
    path = tmp_path / "passports.toml"
    text = Path("data/passports.toml").read_text("utf-8")
    path.write_text(text.replace('fact = "fill"', 'fact = "filling"', 1), "utf-8")
    with pytest.raises(ConfigError, match=r"google\.rules\.4: .*'filling' is not a fact.*fill"):
        load_passports(path)


def test_the_size_that_a_channel_requires_keeps_the_proportions(
    passports: dict[str, Passport],
) -> None:
    google = passports["google"]
    assert google.large_enough(1200, 900, TODAY) == (1200, 900)
    assert google.large_enough(64, 48, TODAY) == (134, 100)  # 100 for the shorter side, rounded up
    assert google.large_enough(64, 48, DEADLINE) == (667, 500)
    assert passports["amazon"].large_enough(128, 128, TODAY) == (1000, 1000)
    assert passports["shopify"].large_enough(128, 128, TODAY) == (128, 128)
