from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.encode import Rendition, encode, encode_png, srgb_profile
from catalog_gen.imaging.pixels import Pixels

pictures = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(
    lambda size: hnp.arrays(np.uint8, (*size, 3))
)


def _photo(height: int = 128, width: int = 128) -> Pixels:
    """A soft ball on white with a little noise, which compresses like a drawn product."""
    y, x = np.mgrid[:height, :width] / width
    ball = np.clip(1.2 - 3 * np.hypot(x - 0.5, y - 0.5), 0, 1)[..., None]
    noise = np.random.default_rng(1).normal(0, 1.5, (height, width, 1)) * (ball > 0)
    colour = np.array([60.0, 120.0, 200.0])
    return np.clip(255 - ball * colour + noise, 0, 255).astype(np.uint8)


@given(pictures)
def test_a_stored_picture_is_read_back_to_the_bit(pixels: Pixels) -> None:
    with Image.open(BytesIO(encode_png(pixels))) as image:
        image.verify()
    assert np.array_equal(read_image(encode_png(pixels)), pixels)


def test_the_same_pixels_are_the_same_bytes_however_they_lie_in_memory() -> None:
    pixels = _photo()
    strided = np.asfortranarray(pixels)
    assert encode_png(pixels) == encode_png(strided) == encode_png(pixels.copy())


def test_a_stored_picture_is_about_as_small_as_usual() -> None:
    usual = BytesIO()
    Image.fromarray(_photo()).save(usual, "PNG")
    assert len(encode_png(_photo())) < 1.3 * len(usual.getvalue())


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
    ids=["grey", "alpha", "empty", "float"],
)
def test_only_pictures_are_encoded(array: Pixels) -> None:
    with pytest.raises(ValueError, match="a picture is"):
        encode_png(array)


@pytest.mark.parametrize("rendition", ["JPEG", "WEBP"])
def test_renditions_carry_srgb_and_stay_close(rendition: Rendition) -> None:
    data = encode(_photo(), rendition, quality=92)
    with Image.open(BytesIO(data)) as image:
        assert image.format == rendition
        assert image.info["icc_profile"] == srgb_profile()
    difference = np.abs(read_image(data).astype(int) - _photo())
    assert difference.mean() < 2
    assert encode(_photo(), rendition, quality=92) == data
    assert len(encode(_photo(), rendition, quality=40)) < len(data)


def test_a_png_rendition_is_the_stored_picture() -> None:
    assert encode(_photo(), "PNG") == encode_png(_photo())
