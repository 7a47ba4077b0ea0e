"""Spoken words, by espeak-ng: heard with the catalog's words, and by a model of one's own."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)

from catalog_gen.errors import ModelError
from catalog_gen.settings.speech import SpeechSettings
from catalog_gen.speech.recogniser import recogniser_of
from catalog_gen.speech.recording import RATE, read_recording
from catalog_gen.speech.speech_model import SpeechModel
from catalog_gen.speech.sphinx import Sphinx
from tests.tiny_critics import tiny_preference

TEXTS = (
    *("mug", "vase", "headphones", "red", "blue", "yellow", "glossy", "matte", "one", "two"),
    *("three-quarter view", "white background", "warm wood background"),
    "product photo of one glossy red mug",
    "Hearthside Stoneware Coffee Mug, 350 ml",
)
needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is missing; `make debian` installs it"
)


@pytest.fixture(scope="module")
def sphinx() -> Sphinx:
    return Sphinx(TEXTS)


def spoken(words: str) -> np.ndarray:
    command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", words]
    return read_recording(subprocess.run(command, check=True, capture_output=True).stdout)


@needs_espeak
@pytest.mark.parametrize(
    "words",
    [
        "yellow headphones",
        "product photo of one glossy red mug three quarter view white background",
        "stoneware coffee mug",
    ],
)
def test_the_catalogs_words_are_heard(sphinx: Sphinx, words: str) -> None:
    assert sphinx.words(spoken(words)) == words


def test_words_that_the_dictionary_lacks_are_reported(sphinx: Sphinx) -> None:
    assert sphinx.unknown == ("hearthside", "ml")


def test_silence_says_nothing(sphinx: Sphinx) -> None:
    assert sphinx.words(np.zeros(RATE, np.float32)) == ""
    assert sphinx.words(np.zeros(0, np.float32)) == ""


def test_a_catalog_without_a_word_hears_nothing() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) / 10
    assert Sphinx(["Hearthside", "350"]).words(noise) == ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny wav2vec 2.0 as transformers saves one, whose head hears nothing but the letter m."""
    path = tmp_path_factory.mktemp("wav2vec2")
    letters = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "m": 5, "u": 6, "g": 7}
    vocabulary = path / "letters.json"
    vocabulary.write_text(json.dumps(letters), "utf-8")
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_stride=(8, 8),
        conv_kernel=(8, 8),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    model = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.bias.copy_(torch.eye(len(letters))[letters["m"]])
    model.save_pretrained(path)
    Wav2Vec2CTCTokenizer(str(vocabulary)).save_pretrained(path)
    Wav2Vec2FeatureExtractor().save_pretrained(path)
    return path


def test_a_transformers_folder_hears_too(folder: Path) -> None:
    recogniser = recogniser_of(SpeechSettings(model=folder), TEXTS)
    assert isinstance(recogniser, SpeechModel)
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) / 10
    assert recogniser.words(noise) == "m"
    assert recogniser.words(noise[:0]) == ""
    assert recogniser.unknown == ()


def test_a_folder_without_a_speech_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        SpeechModel(tmp_path)
    with pytest.raises(ModelError, match="can't be loaded as a speech model"):
        SpeechModel(tiny_preference(tmp_path / "clip"))
