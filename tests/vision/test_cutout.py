"""Products cut out of their photos: silhouettes that are known, and photos that are refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog_gen.diffusion.hash_cache import HashCache
from catalog_gen.errors import ModelError
from catalog_gen.imaging.decode import read_image
from catalog_gen.imaging.encode import encode_mask
from catalog_gen.settings.feed import CutoutSettings
from catalog_gen.vision.cutout import BackdropCutter, Cutter, cutter_of, maker_of
from studio.evaluation import cutouts
from studio.evaluation.photographs import OUTLINES, _outline, cut_out, find, read_manifest
from tests.judging.drawn import BLUE, RED, product

DATA = Path(__file__).parents[2] / "data"
CUTTER = BackdropCutter()


def overlap(mask: NDArray[np.uint8] | None, true: NDArray[np.bool_]) -> float:
    assert mask is not None
    return cutouts.overlap(mask > 127, true)


def silhouette(**how: object) -> NDArray[np.bool_]:
    black = product((0, 0, 0), background=(255, 255, 255), **how)  # type: ignore[arg-type]
    return np.asarray(black[..., 0] < 128)


@pytest.mark.parametrize("side", [128, pytest.param(700, marks=pytest.mark.slow)])
@pytest.mark.parametrize("background", [(255, 255, 255), (214, 214, 214)])
def test_drawn_products_are_cut_out_to_the_pixel(
    background: tuple[int, int, int], side: int
) -> None:
    for colour in (RED, BLUE):
        photo = product(colour, background=background, side=side, count=2)
        cutout = CUTTER.cut(photo)
        assert not cutout.problem
        assert overlap(cutout.mask, silhouette(side=side, count=2)) > 0.98
        assert cutout.area == pytest.approx(silhouette(side=side, count=2).mean(), rel=0.05)


def companion() -> Cutter:
    return cutter_of(CutoutSettings(model=DATA / "models" / "cutout"), HashCache(None))


@pytest.mark.parametrize("cutter", [CUTTER, companion()], ids=["measuring", "companion"])
def test_textures_of_real_photographs_are_cut_out_over_their_shadows(cutter: Cutter) -> None:
    paths = [
        path for path in map(find, read_manifest(DATA / "photographs" / "manifest.csv")) if path
    ]
    if len(paths) < 10:
        pytest.skip(f"{len(paths)} photographs are installed; see data/photographs/README.md")
    found = []
    for place, path in enumerate(paths):
        outline = OUTLINES[place % len(OUTLINES)]
        cutout = cutter.cut(cut_out(path, 256, outline))
        if cutout.mask is None:
            found.append(0.0)
            continue
        found.append(overlap(cutout.mask, np.asarray(_outline(outline, 256)) > 127))
    assert np.median(found) > 0.98
    assert np.mean(np.asarray(found) > 0.95) > 0.75


def test_the_companion_cuts_out_a_white_bowl_on_white_which_measuring_refuses() -> None:
    photo = read_image((DATA / "reference" / "TM-BWL-WHT.png").read_bytes())
    assert "hardly differs" in CUTTER.cut(photo).problem
    assert companion().cut(photo).area == pytest.approx(0.335, abs=0.02)


def test_the_outline_is_soft_and_the_inside_whole() -> None:
    mask = CUTTER.cut(product(RED, side=128)).mask
    assert mask is not None
    soft = (mask > 0) & (mask < 255)
    assert 0 < soft.sum() < 400
    assert mask[64, 64] == 255


def test_the_same_photo_gives_the_same_bytes() -> None:
    photo = product(BLUE, side=200)
    first, again = (CUTTER.cut(photo.copy()).mask for _ in range(2))
    assert first is not None
    assert again is not None
    png = encode_mask(first)
    assert hashlib.sha256(png).digest() == hashlib.sha256(encode_mask(again)).digest()
    assert np.array_equal(read_image(png)[..., 0], first)


@pytest.mark.parametrize(
    ("photo", "why"),
    [
        (np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8), "no plain"),
        (np.full((64, 64, 3), 255, np.uint8), "nothing in it departs"),
        (product(RED, size=0.06, side=256), "at least 0.5%"),
    ],
)
def test_photos_that_cannot_be_cut_out_give_the_reason(photo: NDArray[np.uint8], why: str) -> None:
    cutout = CUTTER.cut(photo)
    assert cutout.mask is None
    assert why in cutout.problem
    assert "Take a photo" in cutout.problem


def tiny_segformer(folder: Path, dtype: str = "float32") -> Path:
    """A model of two labels: built, not trained."""
    import torch
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    config = SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label={0: "background", 1: "product"},
        label2id={"background": 0, "product": 1},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        SegformerForSemanticSegmentation(config).to(getattr(torch, dtype)).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def half_segformer(folder: Path) -> Path:
    return tiny_segformer(folder, "float16")


def tiny_sam(folder: Path) -> Path:
    import torch
    from transformers import (
        SamConfig,
        SamImageProcessor,
        SamMaskDecoderConfig,
        SamModel,
        SamProcessor,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    vision = SamVisionConfig(
        hidden_size=16,
        output_channels=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=64,
        patch_size=8,
        window_size=2,
        global_attn_indexes=[0],
        num_pos_feats=8,
        mlp_dim=16,
    )
    prompt = SamPromptEncoderConfig(hidden_size=16, image_size=64, patch_size=8)
    decoder = SamMaskDecoderConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        mlp_dim=16,
        iou_head_hidden_dim=16,
    )
    config = SamConfig(
        vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        SamModel(config).save_pretrained(folder)
    prepare = SamImageProcessor(
        size={"longest_edge": 64},
        pad_size={"height": 64, "width": 64},
        mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    )
    SamProcessor(prepare).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("build", [tiny_segformer, half_segformer, tiny_sam])
def test_a_users_model_cuts_out_and_is_named_by_its_weights(build: object, tmp_path: Path) -> None:
    folder = build(tmp_path / "model")  # type: ignore[operator]
    cutter = cutter_of(CutoutSettings(model=folder), HashCache(None))
    assert maker_of(cutter) != maker_of(CUTTER)
    photo = product(RED, side=120)[:, :96].copy()
    first = cutter.cut(photo)
    again = cutter_of(CutoutSettings(model=folder), HashCache(None)).cut(photo)
    if first.mask is None:  # what untrained weights take for a product may be everything
        assert first.problem == again.problem
    else:
        assert first.mask.shape == (120, 96)
        assert np.array_equal(first.mask, np.asarray(again.mask))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    changed = cutter_of(CutoutSettings(model=folder), HashCache(None))
    assert maker_of(changed) != maker_of(cutter)


def test_a_model_that_masks_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cutout\.model.*there is none"):
        cutter_of(CutoutSettings(model=tmp_path), HashCache(None))
    folder = tiny_segformer(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["architectures"] = ["BertModel"]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelError, match="BertModel, which masks nothing"):
        cutter_of(CutoutSettings(model=folder), HashCache(None))
