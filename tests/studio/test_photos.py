"""The studio's photos: balanced scenes, truthful captions, composition against a direct render."""

import random
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalog_gen.errors import InputError
from studio.captions import SYNONYMS, canonical_caption, captions
from studio.photos.denoise import denoise
from studio.photos.materials import LEVELS, channel_weights, reflectance
from studio.photos.meshes import arrange
from studio.photos.negatives import load_photos, render_split
from studio.photos.render import SIDE, develop, render_direct, shoot
from studio.photos.scene import BLOCK, SPLIT_STARTS, Scene, scene_at
from studio.vocabulary import CATEGORIES, COLOURS, HELD_OUT_PAIRS, MATERIALS

SAMPLES = 8
#: Pixels a side, for what holds at any size.
SMALL = SIDE // 2


def small_photo(scene: Scene, colour: str) -> NDArray[np.uint8]:
    return develop(shoot(scene, SAMPLES, SMALL), scene, colour)  # type: ignore[arg-type]


def _first(**wanted: object) -> Scene:
    """The first scene with the given attributes."""
    return next(
        scene
        for scene in map(scene_at, range(BLOCK))
        if all(getattr(scene, name) == value for name, value in wanted.items())
    )


def test_a_block_of_seeds_shows_every_combination_once() -> None:
    for start in (0, SPLIT_STARTS["judge"]):
        seen = Counter(
            (s.category, s.material, s.background, s.angle, s.count)
            for s in map(scene_at, range(start, start + BLOCK))
        )
        assert len(seen) == BLOCK
        assert set(seen.values()) == {1}


def test_a_dozen_seeds_show_every_category() -> None:
    assert {scene_at(seed).category for seed in range(48, 60)} == set(CATEGORIES)


def test_splits_never_share_a_scene() -> None:
    starts = sorted(SPLIT_STARTS.values())
    assert all(start % BLOCK == 0 for start in starts)
    assert min(b - a for a, b in pairwise(starts)) >= 100 * BLOCK


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000_000))
def test_meshes_are_closed_and_face_outwards(seed: int) -> None:
    """Glass needs it: the volume is positive and a closed surface has no net area."""
    body = arrange(scene_at(seed)).body
    assert np.isfinite(body.vertices).all()
    np.testing.assert_allclose(np.linalg.norm(body.normals, axis=1), 1.0, atol=1e-5)
    corners = body.vertices[body.faces]
    volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert volume > 1e-4
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    assert np.abs(area.sum(axis=0)).max() < 1e-3 * np.linalg.norm(area, axis=1).sum()
    assert np.ptp(body.vertices, axis=0).max() <= 1.0 + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000_000), st.sampled_from(COLOURS), st.integers())
def test_captions_leave_out_but_never_lie(seed: int, colour: str, chance: int) -> None:
    scene = scene_at(seed)
    written = captions(scene, colour, random.Random(chance))  # type: ignore[arg-type]
    assert written[0] == canonical_caption(
        scene.category,
        colour,  # type: ignore[arg-type]
        scene.material,
        scene.background,
        scene.angle,
        scene.count,
    )
    names = [name[scene.count - 1] for name in SYNONYMS[scene.category]]
    for caption in written:
        assert caption == caption.lower()
        assert any(name in caption for name in names)
        product = caption.split(",")[0]
        other_colours = set(COLOURS) - {colour}
        assert not other_colours & set(product.split())
        assert not (set(MATERIALS) - {scene.material}) & set(product.split())
        assert ("front" in caption) <= (scene.angle == "front")
        assert ("wood" in caption) <= (scene.background == "warm wood")
        assert ("two" in product.replace("two drawers", "").split()) == (scene.count == 2)


def test_canonical_captions_read_as_the_prompt_template_writes_them() -> None:
    assert (
        canonical_caption("mug", "red", "matte", "warm wood", "front", 2)
        == "product photo of two matte red mugs, front view, warm wood background"
    )


def test_levels_reproduce_any_quadratic_response() -> None:
    for material in MATERIALS:
        levels = np.array(LEVELS[material])
        for colour in COLOURS:
            blended = channel_weights(colour, material) @ (0.1 + 0.5 * levels + 0.3 * levels**2)
            x = np.array(reflectance(colour, material))
            np.testing.assert_allclose(blended, 0.1 + 0.5 * x + 0.3 * x**2, atol=1e-5)


@pytest.mark.parametrize(
    ("material", "background", "colour", "decibels"),
    [
        ("matte", "white", "pink", 42.0),
        ("metallic", "warm wood", "purple", 42.0),
        ("glass", "light grey", "purple", 38.0),
    ],
)
def test_a_blended_colour_equals_its_own_render(
    material: str, background: str, colour: str, decibels: float
) -> None:
    """Colours off the three rendered levels, against tracing that very colour."""
    scene = _first(category="mug", material=material, background=background, count=1)
    level = reflectance(colour, scene.material)  # type: ignore[arg-type]
    blended = small_photo(scene, colour)
    error = blended.astype(float) - render_direct(scene, level, SAMPLES, SMALL)
    assert 10 * np.log10(255**2 / (error**2).mean()) >= decibels


def test_white_is_white_to_the_edge_and_the_product_stands_out() -> None:
    scene = _first(category="vase", material="matte", background="white", count=1)
    negative = shoot(scene, SAMPLES, SMALL)
    photo = develop(negative, scene, "white")
    for edge in (photo[0], photo[-1], photo[:, 0], photo[:, -1]):
        assert edge.min() >= 250
    assert photo[negative.mask].mean() < 235


@pytest.mark.parametrize("count", [1, 2])
def test_the_subject_is_centred_and_fills_the_frame(count: int) -> None:
    scene = _first(category="chair", background="light grey", count=count)
    rows, columns = np.nonzero(shoot(scene, 1, SMALL).mask)
    sides = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert 0.75 <= max(sides) / SMALL <= 0.85
    assert abs((rows.min() + rows.max() + 1) / 2 - SMALL / 2) < 0.02 * SMALL
    assert abs((columns.min() + columns.max() + 1) / 2 - SMALL / 2) < 0.02 * SMALL


def test_another_process_makes_the_same_photo() -> None:
    scene = _first(category="bowl", background="white", count=1)
    program = (
        "import hashlib; from studio.photos.render import develop, shoot;"
        f"from studio.photos.scene import scene_at; scene = scene_at({scene.seed});"
        f"photo = develop(shoot(scene, {SAMPLES}, {SMALL}), scene, 'green');"
        "print(hashlib.sha256(photo.tobytes()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert sha256(small_photo(scene, "green").tobytes()).hexdigest() == there


@pytest.mark.slow
def test_a_split_is_rendered_once_and_read_back(
    tmp_path: Path, half_sides: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.photos.negatives.SCENES_PER_FILE", 2)
    assert render_split(tmp_path, "train", 2, samples=1) == 2
    assert render_split(tmp_path, "train", 2, samples=1) == 0
    photos = load_photos(tmp_path, "train", side=half_sides // 2)
    count = len(photos.scenes)
    assert photos.images.shape == (count, 64, 64, 3)
    assert photos.masks.shape == (count, 64, 64)
    shown = {(s.category, c) for s, c in zip(photos.scenes, photos.colours, strict=True)}
    assert not shown & HELD_OUT_PAIRS
    negative = shoot(photos.scenes[-1], 1, half_sides).reduced(half_sides // 2)
    alone = develop(negative, photos.scenes[-1], photos.colours[-1])
    np.testing.assert_array_equal(photos.images[-1], alone)
    assert len(load_photos(tmp_path, "train", limit=3).images) == 3


def test_no_photos_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"studio\.photos\.negatives"):
        load_photos(tmp_path, "scorer")


def test_denoising_keeps_edges_and_removes_grain() -> None:
    chance = np.random.default_rng(0)
    clean = np.where(np.arange(64) < 32, 0.2, 0.8)[None, :, None] * np.ones((64, 64, 3))
    halves = [(clean + chance.normal(0, 0.1, clean.shape)).astype(np.float32) for _ in range(2)]
    smooth = denoise(halves[0], halves[1], np.zeros((64, 64, 1), dtype=np.float32))
    noise = np.abs((halves[0] + halves[1]) / 2 - clean).mean()
    assert np.abs(smooth - clean).mean() < 0.3 * noise
    assert abs(float(smooth[:, 31].mean()) - 0.2) < 0.03
