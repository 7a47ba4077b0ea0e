"""Where a dialect is found, and the errors for files that are not dialects."""

import json
from pathlib import Path

import pytest

from catalog_gen.dialects.dialect import GENERIC, Dialect
from catalog_gen.dialects.files import dialect_of, load_dialect
from catalog_gen.errors import ModelError

PLAIN = {
    "name": "the tiny model",
    "remedy": "use a larger one",
    "attributes": {"colour": {"reads": "single", "names": {"red": ["red", "crimson"]}}},
}


def written(path: Path, dialect: object = PLAIN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"dialect": dialect}), "utf-8")
    return path


def test_a_model_without_a_file_has_the_generic_dialect(tmp_path: Path) -> None:
    assert dialect_of(tmp_path / "model") is GENERIC
    assert GENERIC.word("colour", " Petrol ", "Mug") == "Petrol"
    assert GENERIC.why_not({"colour": "Petrol", "category": ""}, lambda _: {}) == ""
    assert [GENERIC.number(text) for text in ("2", "", "two", "²", "12")] == [2, 1, 1, 1, 12]


@pytest.mark.parametrize("place", ["studio.json", "model/studio.json"])
def test_the_file_lies_in_the_model_or_above_it(tmp_path: Path, place: str) -> None:
    written(tmp_path / place)
    assert dialect_of(tmp_path / "model").word("colour", "Crimson") == "red"


def test_the_nearest_file_counts_and_a_named_one_before_all(tmp_path: Path) -> None:
    written(tmp_path / "studio.json")
    named = written(tmp_path / "mine.json", PLAIN | {"name": "mine"})
    written(tmp_path / "model" / "studio.json", PLAIN | {"name": "near"})
    assert dialect_of(tmp_path / "model").name == "near"
    assert dialect_of(tmp_path / "model", named).name == "mine"
    with pytest.raises(ModelError, match=r"gone\.json.*model\.dialect"):
        dialect_of(tmp_path / "model", tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("dialect", "rule"),
    [
        ([], "valid dictionary"),
        ({"remedy": "x"}, "name: it is missing"),
        (PLAIN | {"colours": []}, "colours: there is no such setting; there are name, remedy"),
        (PLAIN | {"attributes": {"colour": {"reads": "tea leaves"}}}, "attributes.colour"),
        (PLAIN | {"attributes": {"colour": {"reads": "single", "names": {}}}}, "at least 1 item"),
    ],
)
def test_a_broken_dialect_names_the_rule(tmp_path: Path, dialect: object, rule: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_dialect(written(tmp_path / "words.json", dialect))
    assert rule in str(caught.value)
    assert "words.json" in str(caught.value)


def test_a_file_without_a_dialect_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "studio.json").write_text('{"side": 128}', "utf-8")
    with pytest.raises(ModelError, match="has no key 'dialect'"):
        dialect_of(tmp_path / "model")
    (tmp_path / "studio.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="not readable JSON"):
        dialect_of(tmp_path / "model")


def test_the_hash_follows_every_word_and_no_default() -> None:
    plain = Dialect.model_validate(PLAIN)
    spelt_out = PLAIN | {"plurals": {}}
    spelt_out["attributes"] = {
        "colour": PLAIN["attributes"]["colour"] | {"others": [], "unsaid": ""}
    }  # type: ignore[index]
    assert Dialect.model_validate(spelt_out).identity == plain.identity
    other = PLAIN | {"attributes": {"colour": {"reads": "single", "names": {"red": ["ruby"]}}}}
    assert Dialect.model_validate(other).identity != plain.identity
