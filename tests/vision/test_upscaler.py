"""Enlarging: by Lanczos, by a model's folder, and folders that are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.errors import ModelError
from catalog_gen.imaging.decode import contain_on_white
from catalog_gen.settings.publishing import UpscaleSettings
from catalog_gen.store.enlarged import EnlargedPictures
from catalog_gen.vision.upscaler import Upscaler, upscaler_of
from tests.judging.drawn import RED, product
from tests.tiny.swin2sr import write_tiny_swin2sr

PICTURE = product(RED, side=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_swin2sr(tmp_path_factory.mktemp("swin2sr"))


def opened(folder: Path | None, at: Path) -> Upscaler:
    return upscaler_of(UpscaleSettings(model=folder), HashCache(at / "hashes.json"))


def test_without_a_model_it_is_lanczos(tmp_path: Path) -> None:
    lanczos = opened(None, tmp_path)
    larger = lanczos.enlarge(PICTURE, 50, 50)
    assert (lanczos.name, larger.shape) == ("Lanczos", (50, 50, 3))
    assert np.array_equal(larger, contain_on_white(PICTURE, 50, 50))


def test_a_model_enlarges_as_often_as_needed_and_always_alike(folder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import Swin2SRForImageSuperResolution

    model = opened(folder, tmp_path)
    twice = model.enlarge(PICTURE, 40, 40)
    assert (twice.shape, twice.dtype) == ((40, 40, 3), np.uint8)
    assert np.array_equal(twice, opened(folder, tmp_path).enlarge(PICTURE, 40, 40))
    # The bare network, on the same picture padded to whole windows by reflection.
    bare = Swin2SRForImageSuperResolution.from_pretrained(folder).eval()
    padded = np.pad(PICTURE, ((0, 4), (0, 4), (0, 0)), mode="symmetric")
    seen = torch.from_numpy(padded).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        wanted = bare(pixel_values=seen).reconstruction[0, :, :40, :40].clamp(0, 1)
    difference = twice - 255 * wanted.permute(1, 2, 0).numpy()
    assert np.abs(difference).max() <= 0.51
    four_times = model.enlarge(twice, 80, 80)
    assert np.array_equal(model.enlarge(PICTURE, 50, 50), contain_on_white(four_times, 50, 50))


def test_the_name_changes_with_the_weights(folder: Path, tmp_path: Path) -> None:
    other = write_tiny_swin2sr(tmp_path / "other", seed=1)
    names = {opened(each, tmp_path).name for each in (folder, other)}
    assert len(names) == 2
    assert all(name.startswith("Swin2SRForImageSuperResolution ") for name in names)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"architectures": ["BertModel"]}, "enlarges nothing"),
        ({"upscale": 1}, r"its factor \(upscale\) is 1"),
    ],
)
def test_other_folders_are_refused(
    folder: Path, tmp_path: Path, change: dict[str, object], rule: str
) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | change), "utf-8")
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match=rule):
        opened(tmp_path, tmp_path)


def test_what_was_enlarged_is_made_once_and_forgotten_with_its_picture(tmp_path: Path) -> None:
    kept = EnlargedPictures(tmp_path / "enlarged")
    made: list[str] = []

    def make(what: str) -> bytes:
        made.append(what)
        return what.encode()

    for by, width in (("model a", 9), ("model a", 9), ("model b", 9), ("model b", 12)):
        content = kept.kept("3f2a", by, width, 9, lambda kind=f"{by} {width}": make(kind))  # type: ignore[misc]
        assert content == f"{by} {width}".encode()
    assert made == ["model a 9", "model b 9", "model b 12"]
    kept.keep_only({"3f2a"})
    assert len(list((tmp_path / "enlarged").iterdir())) == 3
    kept.keep_only({"77aa"})
    assert not list((tmp_path / "enlarged").iterdir())
