"""Fixtures of the studio's tests."""

from pathlib import Path

import numpy as np
import pytest

from studio.photos.render import SIDE
from studio.photos.scene import Split, split_seed

SPLITS: tuple[Split, ...] = ("train", "scorer", "judge", "held-out")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos as ``studio.photos`` writes it: 25 scenes per split, discs on white."""
    folder = tmp_path_factory.mktemp("photos")
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for split in SPLITS:
        arrays = {}
        for index in range(25):
            seed = split_seed(split, index)
            radius = 40 + 2 * index
            mask = (rows - SIDE / 2) ** 2 + (columns - SIDE / 2) ** 2 < radius**2
            levels = np.array([0.02, 0.3, 0.8])[:, None, None]
            exposures = np.where(mask, levels, 1.0)[..., None].astype(np.float16)
            arrays[f"exposures {seed}"] = exposures
            arrays[f"mask {seed}"] = np.packbits(mask)
        (folder / split).mkdir()
        np.savez(folder / split / "scenes-00000.npz", **arrays)
    return folder
