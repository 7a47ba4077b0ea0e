"""Two pictures through one window, and where they differ."""

import numpy as np

from catalog_gen.imaging.compared import difference, through

BLACK = np.zeros((4, 10, 3), np.uint8)
GREY = np.full((4, 10, 3), 100, np.uint8)


def test_the_left_part_is_the_first_picture_and_a_line_divides_them() -> None:
    joined = through(GREY, BLACK, 0.5)
    assert (joined[:, :4] == 100).all()
    assert (joined[:, 4] == 255).all()
    assert (joined[:, 5:] == 0).all()


def test_at_the_ends_one_picture_is_whole() -> None:
    assert (through(GREY, BLACK, 0) == BLACK).all()
    assert (through(GREY, BLACK, 1)[:, :9] == GREY[:, :9]).all()
    assert (BLACK == 0).all()  # neither picture is changed


def test_a_difference_is_where_and_how_much() -> None:
    other = GREY.copy()
    other[0, 0] = (100, 100, 200)  # in one channel
    other[0, 1] = 105  # not seen
    found = difference(GREY, other)
    assert (found.largest, found.share) == (100, 1 / 40)
    assert tuple(found.pixels[0, 0]) == (255, 255, 255)
    assert 0 < found.pixels[0, 1, 0] < 20
    assert (found.pixels[1:] == 0).all()


def test_equal_pictures_have_none() -> None:
    found = difference(GREY, GREY)
    assert (found.largest, found.share) == (0, 0)
    assert (found.pixels == 0).all()
