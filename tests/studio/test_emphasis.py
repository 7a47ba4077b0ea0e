"""What the generator practises more, and what keeps the decoder from drawing softly."""

import numpy as np
import pytest
import torch

from studio.networks.decoder import edge_energy
from studio.networks.objective import TIMES, VPrediction
from studio.photos.negatives import Photos
from studio.photos.scene import scene_at
from studio.training.emphasis import difficulties, form_weights


def test_thin_parts_of_a_product_count_more_than_thick_ones_and_both_more_than_paper() -> None:
    mask = np.zeros((1, 128, 128), np.bool_)
    mask[0, 48:80, 16:48] = True  # a body of 32x32 pixels
    mask[0, 62:66, 48:112] = True  # and a handle of 4

    weights = form_weights(mask)[0, 0].astype(float)

    paper, body, handle = weights[0, 0], weights[7, 4], weights[7, 10]
    assert weights.mean() == pytest.approx(1.0, abs=1e-3)
    assert body == pytest.approx(2 * paper, rel=0.01)
    # A quarter of the place is handle, the rest is paper.
    assert handle == pytest.approx((0.75 + 0.25 * 4) * paper, rel=0.01)


def test_mirror_images_have_mirrored_weights() -> None:
    mask = np.zeros((3, 64, 64), np.bool_)
    mask[:, 10:30, 5:20] = True

    weights = form_weights(mask)

    assert weights.shape == (3, 2, 16, 16)
    assert np.array_equal(weights[:, 1], weights[:, 0, :, ::-1])
    assert not np.array_equal(weights[:, 1], weights[:, 0])


def test_a_product_that_came_out_wrong_is_shown_more_often() -> None:
    scenes = [scene_at(seed) for seed in range(200)]
    shares = difficulties(Photos(np.empty(0), np.empty(0), scenes, ["red"] * 200))
    found = {
        (scene.category, scene.material): float(share)
        for scene, share in zip(scenes, shares, strict=True)
    }
    assert found["watch", "glass"] == 4.5
    assert found["watch", "matte"] == 3.0
    assert found["bowl", "glass"] == 1.5
    assert found["bowl", "matte"] == 1.0


def test_v_is_learned_at_all_times_and_more_often_at_the_cleaner_half() -> None:
    places = torch.linspace(0, 1, 1001)
    latents = torch.zeros(len(places), 1, 1, 1)
    times = VPrediction().exercise(latents, latents, places).times
    assert (times.min(), times.max()) == (0, TIMES - 1)
    assert float(times[500]) == pytest.approx(0.5**1.5 * TIMES, abs=1)


def test_energy_falls_with_blur_and_counts_by_weight() -> None:
    picture = torch.zeros(1, 3, 16, 16)
    picture[..., 4:12, 4:12] = 1.0
    blurred = torch.nn.functional.avg_pool2d(picture, 3, 1, 1)
    even = torch.ones(1, 1, 16, 16)
    elsewhere = even.clone()
    elsewhere[..., 2:14, 2:14] = 0
    assert float(edge_energy(blurred, even)) < 0.5 * float(edge_energy(picture, even))
    assert float(edge_energy(picture, elsewhere)) == 0
