"""Photos in one file: reading returns what was packed, and it can replace a folder of photos."""

from pathlib import Path

import numpy as np
import pytest

from catalog_gen.errors import CorruptionError, InputError
from studio.evaluation.measures import psnr
from studio.photos.album import Album, has_photos, scene_caption
from studio.photos.negatives import load_photos
from studio.photos.pack import pack, read_pack
from studio.vocabulary import HELD_OUT_PAIRS
from tests.studio.conftest import SCENES

pytestmark = pytest.mark.slow


def test_a_pack_gives_the_photos_of_the_folder(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    found = pack(photos, path, colours=3, held_out=4)
    assert found.size == path.stat().st_size
    assert found.scenes == {"train": SCENES, "scorer": SCENES, "judge": 0, "held-out": 4}
    assert found.left_out == 0

    album = Album(path, "train", "scorer", side=256)
    assert len(album) == found.photos - 4 * 10 == 2 * SCENES * 3
    pairs = {
        (scene.category, colour)
        for scene, colour in zip(album.photos.scenes, album.photos.colours, strict=True)
    }
    assert not pairs & HELD_OUT_PAIRS

    whole = load_photos(photos, "train", side=256)
    known = {
        scene_caption(scene, colour) + str(scene.seed): place
        for place, (scene, colour) in enumerate(zip(whole.scenes, whole.colours, strict=True))
    }
    packed = album.photos
    for place in range(0, 3 * SCENES, 7):
        name = scene_caption(packed.scenes[place], packed.colours[place])
        original = known[name + str(packed.scenes[place].seed)]
        assert psnr(whole.images[original], packed.images[place]) > 35
        assert np.array_equal(whole.masks[original], packed.masks[place])


def test_packed_photos_are_reduced_as_asked(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    pack(photos, path, colours=2, held_out=2)
    small, large = (read_pack(path, "held-out", None, side) for side in (128, 256))
    assert small.images.shape == (20, 128, 128, 3)
    means = large.images.reshape(20, 128, 2, 128, 2, 3).mean((2, 4))
    assert np.abs(small.images - means).max() <= 0.5
    assert len(read_pack(path, "held-out", 3, 128).images) == 3
    with pytest.raises(InputError, match="don't divide the 256"):
        read_pack(path, "held-out", None, 100)


def test_a_pack_is_no_larger_than_asked(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    full = pack(photos, path, colours=2, held_out=2)
    limit = full.size * 2 // 3
    found = pack(photos, path, colours=2, held_out=2, limit=limit)
    assert path.stat().st_size <= limit
    assert 0 < found.left_out < 2 * SCENES
    with pytest.raises(InputError, match="don't fit into 2000 bytes"):
        pack(photos, path, colours=2, held_out=2, limit=2000)
    assert path.stat().st_size == found.size
    assert not path.with_suffix(".partial").exists()


def test_missing_and_broken_parts_are_reported(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    pack(photos, path, colours=2, held_out=2)
    assert has_photos(path, "scorer")
    assert not has_photos(path, "judge")
    with pytest.raises(InputError, match=r"split 'judge' .* are not there"):
        Album(path, "judge")
    with pytest.raises(InputError, match=r"photos\.negatives"):
        pack(tmp_path, tmp_path / "none.zip")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptionError, match="is not a file of packed photos"):
        Album(path, "train")
