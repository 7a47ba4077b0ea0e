"""Figures of the evaluation that need no trained network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from studio.evaluation.figures import copying_figures
from studio.photos.album import Album


def test_a_copied_photo_is_found_even_mirrored(photos: Path, tmp_path: Path) -> None:
    lessons = Album(photos, "train", limit=8)
    coarse = np.random.default_rng(0).integers(0, 256, (11, 8, 8, 3), np.uint8)
    images = coarse.repeat(16, axis=1).repeat(16, axis=2)
    lessons.photos = replace(lessons.photos, images=images[:8])
    copies = np.stack([images[5][:, ::-1], images[3]])
    figures = copying_figures(copies, images[8:], lessons, tmp_path / "nearest.png")
    assert figures["drawn rms"] < 0.5
    assert figures["new renders least rms"] > 50
    assert (figures["drawn n"], figures["new renders n"]) == (2, 3)
    with Image.open(tmp_path / "nearest.png") as sheet:
        shown = np.asarray(sheet).reshape(128, 8, 128, 3).swapaxes(0, 1)
    assert sorted([(shown[0] == images[3]).all(), (shown[2] == images[3]).all()]) == [False, True]
    assert any((shown[place] == images[5]).all() for place in (1, 3))
