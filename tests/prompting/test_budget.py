"""The token limit: counted like the model's own tokenizer, and met by dropping whole clauses."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_gen.errors import ModelError
from catalog_gen.prompting.budget import TokenBudget

TEXTS = (
    "",
    "product photo of one matte red mug, three-quarter view, white background",
    "  Tabs\tand\n\nLINES,   isn't it? it's 350ml & we'll see  ",
    "Crème brûlée, 50 % off — «neu» 12345 …!!",
    "<|startoftext|>hello<|endoftext|> there",
    "日本語 🙂 Ünïcödé e\u0301",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same tokenizer in both forms: tokenizer.json, and vocab.json with merges.txt."""
    whole, parts = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parts")
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "re", "red</w>"]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (parts / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (parts / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n", "utf-8")
    (parts / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}), "utf-8"
    )
    _clip(parts).save_pretrained(whole)
    return whole, parts


def _clip(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(str(folder))


@pytest.mark.parametrize("form", [0, 1])
def test_counts_equal_those_of_transformers(folders: tuple[Path, Path], form: int) -> None:
    theirs, ours = _clip(folders[form]), TokenBudget(folders[form])
    for text in TEXTS:
        assert ours.count(text) == len(theirs(text).input_ids), text


def test_prompts_that_fit_are_unchanged(folders: tuple[Path, Path]) -> None:
    fitted = TokenBudget(folders[0]).fit("red mug,  on  white")
    assert (fitted.text, fitted.dropped) == ("red mug,  on  white", ())
    assert fitted.tokens == TokenBudget(folders[0]).count(fitted.text)


def test_whole_clauses_go_from_the_end(folders: tuple[Path, Path]) -> None:
    fitted = TokenBudget(folders[0]).fit(
        "product photo of one matte red mug, three-quarter view, white background, "
        "soft shadow of a window, new in spring"
    )
    assert fitted.text == "product photo of one matte red mug, three-quarter view, white background"
    assert fitted.dropped == ("soft shadow of a window", "new in spring")
    assert fitted.tokens <= 77


def test_a_first_clause_that_is_too_long_loses_whole_words(folders: tuple[Path, Path]) -> None:
    fitted = TokenBudget(folders[0]).fit("stoneware " * 9 + "mug, white")
    assert set(fitted.text.split()) == {"stoneware"}
    assert fitted.dropped[-1] == "white"
    assert fitted.dropped[0].endswith("mug")


@settings(max_examples=50)
@given(st.lists(st.text("abc 1,.", max_size=40), max_size=12))
def test_fitted_prompts_fit_and_nothing_is_lost(
    folders: tuple[Path, Path], clauses: list[str]
) -> None:
    prompt = ", ".join(clauses)
    budget = TokenBudget(folders[0])
    fitted = budget.fit(prompt)
    assert fitted.tokens == budget.count(fitted.text) <= budget.limit
    together = "".join([fitted.text, *fitted.dropped])
    assert [each for each in together if each.isalnum()] == [
        each for each in prompt if each.isalnum()
    ]


def test_a_shorter_context_is_kept(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_bytes((folders[1] / name).read_bytes())
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 6}', "utf-8")
    fitted = TokenBudget(tmp_path).fit("red red, red red, red")
    assert (fitted.text, fitted.tokens, fitted.dropped) == ("red red", 4, ("red red", "red"))


def test_a_folder_without_tokenizer_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="vocab"):
        TokenBudget(tmp_path).fit("a mug")
    (tmp_path / "tokenizer_config.json").write_text("{}", "utf-8")
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError, match="is not a tokenizer"):
        TokenBudget(tmp_path).fit("a mug")
