"""What is said to the page: recognised with the words of the shop that it serves."""

import shutil
import subprocess

import pytest

from catalog_gen.errors import InputError
from catalog_gen.stages.spoken import spoken_texts
from catalog_gen.web.desk import Desk
from tests.web.test_pages import opened


def test_the_shops_own_texts_are_listened_for(desk: Desk) -> None:
    texts = spoken_texts(desk.catalog, desk.drawer.dialect)
    assert {"red mug", "Red Mug", "black chair", "chair", "packshot"} <= set(texts)
    assert len(texts) == len(set(texts))


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is missing; `make debian` installs it"
)
def test_a_recording_becomes_the_shops_words(desk: Desk) -> None:
    command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", "blue mug"]
    recording = subprocess.run(command, check=True, capture_output=True).stdout
    heard = desk.hear(recording)
    assert heard.words == "blue mug"
    assert heard.unknown == ("packshot",)


def test_what_is_no_recording_is_refused(desk: Desk) -> None:
    with pytest.raises(InputError, match="is no WAV file"):
        desk.hear(b"nothing")


@pytest.mark.parametrize("name", ["catalog", "trying"])
def test_nothing_is_searched_or_drawn_before_something_was_said(desk: Desk, name: str) -> None:
    page = opened(name)
    assert len(page.get("audio_input")) == 1
    assert not [
        each for each in page.button if each.label in ("Search these words", "Use as the prompt")
    ]
