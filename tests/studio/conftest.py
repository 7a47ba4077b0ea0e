"""Fixtures of the studio's tests."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from studio.networks.tokenizer import caption_corpus, train_tokenizer
from studio.photos.render import SIDE, Negative, shoot
from studio.photos.scene import Scene, Split, split_seed

SPLITS: tuple[Split, ...] = ("train", "scorer", "judge", "held-out")
#: Scenes of a split, each in ten colours.
SCENES = 10


@pytest.fixture(scope="session", autouse=True)
def _few_scenes() -> Iterator[None]:
    """A file of photos has as many scenes as the fixture ``photos`` renders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("studio.photos.negatives.SCENES_PER_FILE", SCENES)
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos as ``studio.photos`` writes it: ``SCENES`` per split, discs on white."""
    folder = tmp_path_factory.mktemp("photos")
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for split in SPLITS:
        arrays = {}
        for index in range(SCENES):
            seed = split_seed(split, index)
            radius = 40 + 5 * index
            mask = (rows - SIDE / 2) ** 2 + (columns - SIDE / 2) ** 2 < radius**2
            levels = np.array([0.02, 0.3, 0.8])[:, None, None]
            exposures = np.where(mask, levels, 1.0)[..., None].astype(np.float16)
            arrays[f"exposures {seed}"] = exposures
            arrays[f"mask {seed}"] = np.packbits(mask)
        (folder / split).mkdir()
        np.savez(folder / split / "scenes-00000.npz", **arrays)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tokenizer that every plan trains; to be copied."""
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(caption_corpus(), folder)
    return folder


@pytest.fixture
def half_sides(monkeypatch: pytest.MonkeyPatch) -> int:
    """Negatives with half as many pixels a side, for a quarter of the time."""

    def smaller(scene: Scene, samples: int, side: int) -> Negative:
        return shoot(scene, samples, side // 2)

    monkeypatch.setattr("studio.photos.negatives.shoot", smaller)
    return SIDE // 2
