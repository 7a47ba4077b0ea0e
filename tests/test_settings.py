"""Settings: errors name the key, the rule and the remedy."""

from pathlib import Path

import pytest

from catalog_gen.errors import ConfigError
from catalog_gen.home import Home
from catalog_gen.settings.catalog import load_settings
from catalog_gen.settings.views import ViewSettings

MINIMAL = """
rubric = "rubric.toml"
passports = "passports.toml"
[feed]
path = "feed.csv"
[model]
id = "{model}"
[scorer]
id = "local-dir:clip"
[views.packshot]
template = "{{{{ title }}}}"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "catalog.toml"
    path.write_text(text, "utf-8")
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "sd").mkdir()
    settings = load_settings(write(tmp_path, MINIMAL.format(model="sd")))
    assert settings.feed.path == tmp_path / "feed.csv"
    assert settings.rubric == tmp_path / "rubric.toml"
    assert settings.model.id == str(tmp_path / "sd")
    assert settings.scorer.id == f"local-dir:{tmp_path / 'clip'}"


def test_a_hub_id_is_not_taken_for_a_path(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, MINIMAL.format(model="someone/some-checkpoint")))
    assert settings.model.id == "someone/some-checkpoint"


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("candidate = 3", "views.packshot.candidate"),
        ("steps = 0", "views.packshot.steps"),
        ("width = 100", "views.packshot.width"),
        ("strength = 0.3", "strength"),
        ('method = "img2img"', "strength"),
        ('method = "img2imgs"', "Did you mean 'img2img'?"),
        ("method = 3", "write a method's name"),
        ('method = { name = "text2img", strength = 0.3 }', "strength"),
        ('method = { name = "img2img", strength = 0.5 }', "'cosmetic' allows 0.4"),
        (
            'method = { name = "img2img", strength = 0.7 }\nedit_policy = "variant"',
            "'variant' allows 0.6",
        ),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, addition: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_settings(write(tmp_path, MINIMAL.format(model="sd") + addition))


def test_more_strength_needs_an_explicit_word(tmp_path: Path) -> None:
    addition = '\nmethod = { name = "img2img", strength = 0.7 }\nedit_policy = "unlimited"'
    settings = load_settings(write(tmp_path, MINIMAL.format(model="sd") + addition))
    assert settings.views["packshot"].method.departure == 0.7


@pytest.mark.parametrize("text", ["views = [", "\x00", ""])
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"catalog\.toml"):
        load_settings(write(tmp_path, text))


def test_a_missing_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        load_settings(tmp_path / "nowhere.toml")


def test_settings_that_change_no_pixel_change_no_hash() -> None:
    view = ViewSettings(template="a")
    assert view.settings_hash == ViewSettings(template="b", background="white").settings_hash
    assert view.settings_hash != ViewSettings(template="a", steps=21).settings_hash


@pytest.mark.parametrize(
    ("addition", "line", "message"),
    [
        ("candidate = 3", 12, "did you mean 'candidates'?"),
        ("steps = 0", 12, "0 can't be used: input should be greater than or equal to 1"),
        ("width = 8_000_000", 12, "8192"),
        ('[schedul]\ncron = "0 2 * * *"', 12, "did you mean 'schedule'?"),
        ('[schedule]\ncron = "0 2 * *"', 13, "has 4 fields instead of five"),
        ('[schedule]\ncron = "0 25 * * *"', 13, "'25' is no hour, which is 0 to 23"),
        ('[schedule]\ntimezone = "Europe/Belrin"', 13, "did you mean 'Europe/Berlin'?"),
        ('[schedule]\ntimezone = "Berlin"', 13, "did you mean 'Europe/Berlin'?"),
        ('[audit]\ncron = "0 0 31 2 *"', 13, "names a day that no such month has"),
        ('edit_policy = "varient"', 12, "did you mean 'variant'?"),
        ('method = { name = "img2img", strenght = 0.3 }', 12, "did you mean 'strength'?"),
    ],
)
def test_a_wrong_setting_is_reported_with_its_line_and_the_correction(
    tmp_path: Path, addition: str, line: int, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, MINIMAL.format(model="sd") + addition))
    assert f"line {line}, " in caught.value.rule
    assert message in caught.value.rule


def test_all_broken_rules_are_listed_from_the_top_down(tmp_path: Path) -> None:
    text = MINIMAL.format(model="sd").replace("path =", "pfad =") + "steps = 0\nseed = 1"
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text))
    first, *rules = caught.value.rule.splitlines()
    assert first == "4 settings are wrong"
    assert [rule.split(":")[0].strip() for rule in rules] == [
        "line 4, feed.path",
        "line 5, feed.pfad",
        "line 12, views.packshot.steps",
        "line 13, views.packshot.seed",
    ]


@pytest.mark.parametrize("section", ["model", "scorer"])
def test_a_batch_too_large_for_any_memory_is_refused(tmp_path: Path, section: str) -> None:
    text = MINIMAL.format(model="sd").replace(
        f"[{section}]", f"[{section}]\nbatch_size = 10_000_000"
    )
    with pytest.raises(ConfigError, match="less than or equal to 1024"):
        load_settings(write(tmp_path, text))


@pytest.mark.parametrize("text", ["a = " + "[" * 5000 + "]" * 5000, "a = " + "9" * 5000])
def test_a_hostile_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"catalog\.toml"):
        load_settings(write(tmp_path, text))


@pytest.mark.parametrize("named", ["", " ", "a%20b", "what?", "a#b", "a\nb"])
def test_a_home_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("CATALOG_HOME", named)
    with pytest.raises(ConfigError, match="CATALOG_HOME"):
        Home.from_environment()


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ("[model]", "batch_size = 1_000_000_000"),
        ("[scorer]", "batch_size = 1_000_000_000"),
        ("[views.packshot]", "width = 8_000_000"),
        ("[views.packshot]", "candidates = 1_000_000"),
        ("[feed]", "max_field_length = 100_000_000_000_000_000_000"),
        ("[limits]", "tries = 100_000_000_000_000_000_000"),
        ("[limits]", "retries = 1_000_000_000_000"),
        ("[limits]", "budget = 100_000_000_000_000_000_000"),
        ("[limits]", "budget_seconds = inf"),
        ("[audit]", "sample = 1_000_000_000_000"),
        ("[history]", "days = 1_000_000_000_000"),
    ],
)
def test_every_number_has_a_bound(tmp_path: Path, section: str, setting: str) -> None:
    text = MINIMAL.format(model="sd")
    added = f"{section}\n{setting}\n"
    text = text.replace(f"{section}\n", added) if section in text else text + added
    with pytest.raises(ConfigError, match=f"{setting.split()[0]}: .*less than or equal to"):
        load_settings(write(tmp_path, text))


def test_a_character_that_no_path_can_have_is_refused(tmp_path: Path) -> None:
    text = MINIMAL.format(model="sd").replace("feed.csv", r"feed\u0000.csv")
    with pytest.raises(ConfigError, match="NUL"):
        load_settings(write(tmp_path, text))
