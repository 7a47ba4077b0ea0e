"""Thumbnails that fit a limit on the length of their text."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from catalog_gen.reporting.thumbnail import thumbnail


def noise(side: int) -> bytes:
    """Noise, which compresses worst."""
    chance = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(chance.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def size_of(url: str) -> tuple[int, int]:
    head, _, content = url.partition(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        return image.size


@pytest.mark.parametrize("most", [500, 900, 2_000, 50_000])
def test_a_thumbnail_is_as_good_as_its_room_allows(most: int) -> None:
    url = thumbnail(noise(256), most)
    assert 0 < len(url) <= most
    assert size_of(thumbnail(noise(256), 50_000)) == (96, 96)
    assert size_of(url) <= (96, 96)


def test_without_room_there_is_none() -> None:
    assert thumbnail(noise(256), 100) == ""


def test_a_small_picture_keeps_its_size() -> None:
    assert size_of(thumbnail(noise(20), 5_000)) == (20, 20)


def test_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(UnidentifiedImageError):
        thumbnail(b"no picture", 1_000)
