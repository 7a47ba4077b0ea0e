import io

import numpy as np
import pytest
from PIL import Image

from catalog_gen.reporting.contact_sheet import contact_sheet, preview_markdown


def solid(colour: tuple[int, int, int], height: int = 40, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_pictures_stand_in_rows_unchanged() -> None:
    images = [solid((250, 0, 0)), solid((0, 250, 0)), solid((0, 0, 250), 20, 30)]
    sheet = contact_sheet(images, ["a", "b", "a label far too long for its cell"], columns=2)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (12 + 2 * (40 + 22 + 12), 12 + 2 * (40 + 12), 3)
    np.testing.assert_array_equal(sheet[12:52, 12:52], images[0])
    np.testing.assert_array_equal(sheet[12:52, 64:104], images[1])
    np.testing.assert_array_equal(sheet[96:116, 17:47], images[2])


def test_labels_stay_in_their_cells() -> None:
    sheet = contact_sheet([solid((0, 0, 0))] * 2, ["x" * 80, ""], columns=2)
    assert (sheet[52:70, 12:52] < 200).any()
    assert (sheet[52:70, 64:] == sheet[0, 0]).all()


@pytest.mark.parametrize(("count", "labels", "columns"), [(0, 0, 2), (2, 1, 2), (1, 1, 0)])
def test_what_is_no_sheet_is_refused(count: int, labels: int, columns: int) -> None:
    with pytest.raises(ValueError, match="columns"):
        contact_sheet([solid((0, 0, 0))] * count, ["x"] * labels, columns)


def png(seed: int, side: int = 256) -> bytes:
    chance = np.random.default_rng(seed)
    stream = io.BytesIO()
    Image.fromarray(chance.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_previews_are_bounded_and_say_what_is_left_out() -> None:
    pictures = [png(seed) for seed in range(12)]
    text = preview_markdown(pictures, max_bytes=50_000)
    shown = text.count("data:image/webp;base64,")
    assert len(text) <= 50_000
    assert 0 < shown < 12
    assert text.endswith(f" and {12 - shown} more")


def test_few_previews_are_all_shown() -> None:
    text = preview_markdown([png(0, 64), png(1, 64)])
    assert text.count("data:image/webp") == 2
    assert "more" not in text
    assert preview_markdown([]) == ""
