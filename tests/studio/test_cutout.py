"""The segmenter: what it learns from, and how cutouts are measured."""

from pathlib import Path

import numpy as np
import pytest
import torch

from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.settings.feed import CutoutSettings
from catalog_gen.vision.cutout import BackdropCutter, cutter_of
from studio.evaluation.cutouts import measure, plain_photos
from studio.networks.segmenter import SIDE, SegmenterStage, export_segmenter
from studio.photos.album import Album
from studio.photos.pairs import pairs, shop_photo
from studio.training.loop import TrainingBudget, train_stage
from studio.training.retouch import retouched
from tests.judging.drawn import BLUE, RED, product


def silhouette() -> np.ndarray:
    return np.asarray(product((0, 0, 0), background=(255, 255, 255))[..., 0] < 128)


def test_overlaps_are_counted_by_ground_and_refused_photos_apart() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    shown = [
        ("white", product(RED), silhouette()),
        ("white", product(BLUE), silhouette()),
        ("white", noise, np.ones((64, 64), bool)),
        ("grey", noise, np.ones((64, 64), bool)),
    ]
    figures = measure(BackdropCutter(), iter(shown))
    assert (figures["white"].n, figures["white"].refused) == (2, 1)
    assert figures["white"].mean > 0.98
    assert figures["white"].reached == 1
    assert (figures["grey"].n, figures["grey"].refused) == (0, 1)


@pytest.mark.slow
def test_the_photos_are_those_of_the_other_benchmark(tmp_path: Path) -> None:
    pytest.importorskip("mitsuba")
    (pair,) = pairs(tmp_path / "pairs", 1, first=3)
    assert (pair.scene, pair.colour) == shop_photo(3)
    for again in range(2):
        for ground, photo, mask in plain_photos(tmp_path / f"plain {again}", 1, first=3):
            assert np.array_equal(photo, pair.photos[ground])
            assert np.array_equal(mask, pair.mask)


def test_a_retouched_photo_has_its_product_where_the_mask_says() -> None:
    masks = torch.zeros(24, 1, 64, 64)
    masks[:, :, 16:44, 20:52] = 1
    pictures = (0.9 - 0.8 * masks).repeat(1, 3, 1, 1)
    made, moved = retouched(pictures, masks, 96, np.random.default_rng(1))
    assert made.shape == (24, 3, 96, 96)
    assert moved.shape == (24, 1, 96, 96)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    assert len({float(mask.mean()) for mask in moved}) == 24
    grey = made.mean(1, keepdim=True)
    inside = torch.stack([g[m > 0.9].mean() for g, m in zip(grey, moved, strict=True)])
    outside = torch.stack([g[m < 0.1].mean() for g, m in zip(grey, moved, strict=True)])
    assert float((outside > inside).float().mean()) > 0.75  # some took another surface or ground
    again, _ = retouched(pictures, masks, 96, np.random.default_rng(1))
    assert torch.equal(again, made)


@pytest.mark.slow
def test_it_learns_is_exported_and_cuts_out(photos: Path, tmp_path: Path) -> None:
    album = Album(photos, "train")
    stage = SegmenterStage(album, album)
    first = float(stage.losses(8, torch.Generator().manual_seed(0))["loss"].detach())
    assert train_stage(stage, TrainingBudget(steps=40), tmp_path) == 40
    last = float(stage.losses(8, torch.Generator().manual_seed(0))["loss"].detach())
    assert last < 0.97 * first  # the rate is still warming up
    _, found = stage.sheet()
    assert found["overlap"] > 0.2
    export_segmenter(stage.segmenter, tmp_path / "cutout")
    cutter = cutter_of(CutoutSettings(model=tmp_path / "cutout"), HashCache(None))
    disc = album.photos
    shown = (("white", disc.images[place], disc.masks[place]) for place in (0, 40, 80))
    figures = measure(cutter, shown)["white"]
    assert figures.n + figures.refused == 3  # what it is sure of by then may be nothing
    assert disc.images.shape[1] == SIDE
