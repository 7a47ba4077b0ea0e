"""Edges against scikit-image's, and what they are for."""

from pathlib import Path

import numpy as np
import pytest
from skimage.feature import canny as theirs

from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.edges import canny

PHOTOS = sorted((Path(__file__).parents[2] / "data" / "reference").glob("*.png"))[:4]


@pytest.mark.parametrize("threshold", [20.0, 50.0, 100.0])
@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_they_are_those_of_scikit_image(photo: Path, threshold: float) -> None:
    pixels = read_image(photo)
    luma = pixels.astype(float) @ np.array((0.299, 0.587, 0.114))
    expected = theirs(
        luma, sigma=1.0, low_threshold=threshold, high_threshold=2 * threshold, mode="nearest"
    )
    ours = canny(pixels, threshold)
    assert ours.shape == pixels.shape
    assert set(np.unique(ours)) == {0, 255}
    inside = (slice(3, -3), slice(3, -3))  # the libraries smooth the rim differently
    assert np.array_equal(ours[..., 0][inside] > 0, expected[inside])


def test_a_step_is_an_edge_one_pixel_wide_at_the_given_threshold() -> None:
    pixels = np.full((40, 40, 3), 100, np.uint8)
    pixels[:, 20:] = 120
    assert (canny(pixels, 24)[5:-5, :, 0] > 0).sum(axis=1).tolist() == [1] * 30
    assert not canny(pixels, 26).any()  # it begins at twice the threshold, 52 for 20 levels


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 9, 3), (64, 64, 3)])
def test_plain_and_tiny_pictures_have_none(shape: tuple[int, int, int]) -> None:
    assert not canny(np.full(shape, 200, np.uint8), 1).any()
