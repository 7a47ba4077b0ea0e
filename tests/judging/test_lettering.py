"""The lettering detector: its training data, its weights, and its results on pictures."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from catalog_gen.errors import ModelError
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.lettering_net import CELL, LetteringNet, load_lettering, score
from studio.files import save_weights
from studio.photos.letters import find_faces, letter
from tests.judging.drawn import product

FONTS = Path("/usr/share/fonts")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("lettering") / "lettering.safetensors"
    save_weights(LetteringNet(), path)
    return path


@pytest.mark.skipif(not any(FONTS.rglob("*.ttf")), reason="this machine has no fonts to plant")
def test_planted_letters_are_marked_where_they_are_and_nowhere_else() -> None:
    faces = find_faces(FONTS)
    picture = product()
    for seed in range(20):
        lettered = letter(picture, faces, random.Random(seed))
        again = letter(picture, faces, random.Random(seed))
        np.testing.assert_array_equal(lettered.pixels, again.pixels)
        marked = np.kron(lettered.cells, np.ones((CELL, CELL), dtype=bool))
        change = np.abs(lettered.pixels.astype(int) - picture).max(axis=2)
        assert change[~marked].mean() < 2
        if marked.any():
            assert change[marked].mean() > 5


def test_weights_are_small_and_survive_the_file(weights: Path) -> None:
    assert weights.stat().st_size < 200_000
    net = load_lettering(weights)
    pictures = torch.rand(2, 3, 64, 48) * 2 - 1
    cells = net(pictures)
    assert cells.shape == (2, 16, 12)
    assert score(cells).shape == (2,)


def test_pictures_of_any_size_are_looked_at_in_order(weights: Path) -> None:
    detector = LetteringDetector(weights)
    small, wide = product(), np.repeat(product(side=256), 2, axis=1)
    odd = np.full((100, 70, 3), 200, dtype=np.uint8)
    together = detector.look([small, wide, odd, small])
    assert len(together) == 4
    assert together[0] == together[3]
    apart = [detector.look([each])[0] for each in (small, wide, odd)]
    assert together[:3] == pytest.approx(apart, abs=0.002)
    assert detector.look([]) == []


def test_a_file_that_is_no_detector_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"studio\.training\.lettering"):
        LetteringDetector(tmp_path / "none.safetensors").look([product()])
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ModelError, match="not a lettering detector"):
        LetteringDetector(tmp_path / "text.safetensors").look([product()])
