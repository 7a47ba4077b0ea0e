"""The engine compared with the plain diffusers pipeline, and its handling of errors."""

import gc
import random
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.diffusion.loading import TORCH_DTYPES, LoadedModel, load_model
from catalog_gen.diffusion.references import load_reference
from catalog_gen.errors import DrawingError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.imaging.encode import encode_png
from catalog_gen.recipe import Failure
from catalog_gen.settings.model import ModelSettings

from .conftest import MakeJob, photo_edit
from .elsewhere import drawn_elsewhere

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MIXED: list[dict[str, Any]] = [
    {},
    {"scheduler": "euler-a", "guidance": 1.0},
    {"scheduler": "dpm++2m-karras", "negative_prompt": "blurry"},
    {"scheduler": "lcm", "height": 48},
    {"method": photo_edit()},
    {"method": photo_edit(0.5), "scheduler": "unipc", "steps": 4},
    {"scheduler": "ddim", "eta": 1.0},
]


def _drawn(outcomes: Sequence[Outcome] | Iterator[Outcome]) -> dict[str, Drawn]:
    pictures: dict[str, Drawn] = {}
    for outcome in outcomes:
        assert isinstance(outcome, Drawn), outcome
        pictures[outcome.recipe_id] = outcome
    return pictures


@contextmanager
def _before_each_unet_call(loaded: LoadedModel, action: Any) -> Iterator[None]:
    handle = loaded.main.unet.register_forward_pre_hook(
        lambda unet, arguments: action(arguments[0])
    )
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _changed_pictures(loaded: LoadedModel, change: Any) -> Iterator[None]:
    """Let the decoder's output, (B, 3, H, W), be changed in place."""
    handle = loaded.main.vae.decoder.register_forward_hook(
        lambda decoder, arguments, output: change(output)
    )
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_pictures_are_those_of_the_plain_pipeline(
    family: str, request: pytest.FixtureRequest, make_job: MakeJob
) -> None:
    loaded: LoadedModel = request.getfixturevalue(family)
    jobs = [make_job(loaded, seed) for seed in range(2)]
    ours = _drawn(Engine(loaded, batch_size=2).draw(jobs))
    plain = loaded.main(
        [job.recipe.prompt for job in jobs],
        width=32,
        height=32,
        num_inference_steps=3,
        guidance_scale=3.0,
        generator=[torch.Generator().manual_seed(job.recipe.seed) for job in jobs],
    ).images
    for job, picture in zip(jobs, plain, strict=True):
        difference = np.abs(np.asarray(picture, np.int16) - ours[job.recipe_id].pixels)
        assert difference.max() <= 1  # prompts are encoded alone here, together there


@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_bytes_depend_on_no_order_neighbour_or_engine(
    family: str, request: pytest.FixtureRequest, make_job: MakeJob
) -> None:
    loaded: LoadedModel = request.getfixturevalue(family)
    jobs = [make_job(loaded, seed, **changes) for changes in MIXED for seed in range(3)]
    first = _drawn(Engine(loaded, batch_size=4).draw(jobs))
    assert len({drawn.sha256 for drawn in first.values()}) == len(jobs)

    shuffled = random.Random(1).sample(jobs, len(jobs))
    engine = Engine(loaded, batch_size=4)
    again = _drawn(engine.draw(shuffled[:7])) | _drawn(engine.draw(shuffled[7:]))
    assert {key: drawn.png for key, drawn in again.items()} == {
        key: drawn.png for key, drawn in first.items()
    }
    for drawn in first.values():
        assert drawn.batch_size == 4
        assert drawn.seconds > 0
        assert np.array_equal(_decoded(drawn.png), drawn.pixels)


def test_eta_is_the_noise_of_ddim_alone(sd: LoadedModel, make_job: MakeJob) -> None:
    jobs = [make_job(sd, scheduler="ddim", eta=eta) for eta in (None, 0.0, 1.0)]
    none, zero, one = (_drawn(Engine(sd, 1).draw([job])).popitem()[1] for job in jobs)
    assert none.recipe_id != zero.recipe_id
    assert none.sha256 == zero.sha256 != one.sha256
    (refused,) = Engine(sd, 1).draw([make_job(sd, scheduler="euler-a", eta=0.5)])
    assert isinstance(refused, Failure)
    assert "scheduler 'euler-a' takes none" in refused.error


def _decoded(png: bytes) -> Any:
    import io

    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.slow
def test_another_process_draws_the_same_bytes(
    sd: LoadedModel, sd_folder: Path, make_job: MakeJob
) -> None:
    jobs = [make_job(sd, 7, **changes) for changes in MIXED]
    here = _drawn(Engine(sd, batch_size=4).draw(jobs))
    there = drawn_elsewhere([(ModelSettings(id=str(sd_folder), device="cpu"), jobs)], batch_size=4)
    assert there == {key: drawn.sha256 for key, drawn in here.items()}


def test_the_photo_decides_less_the_higher_the_strength(
    sd: LoadedModel, tmp_path: Path, make_job: MakeJob
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(encode_png(np.full((32, 32, 3), (10, 60, 10), np.uint8)))

    def difference_between_photos(strength: float) -> float:
        one = make_job(sd, method=photo_edit(strength), steps=10)
        recipe = one.recipe.model_copy(update={"reference_sha256": sha256_file(other)})
        two = DrawJob(recipe.recipe_id, recipe, other)
        pictures = _drawn(Engine(sd, batch_size=2).draw([one, two]))
        first, second = (pictures[job.recipe_id].pixels.astype(int) for job in (one, two))
        return float(np.abs(first - second).mean())

    assert difference_between_photos(0.1) > 2 * difference_between_photos(1.0) > 0


@pytest.mark.parametrize(
    "shortage",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: can't "
                     "allocate memory: you tried to allocate 68719476736 bytes."),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)  # fmt: skip
def test_a_lack_of_memory_halves_the_batch_and_loses_nothing(
    sd: LoadedModel, make_job: MakeJob, shortage: Exception
) -> None:
    sizes: list[int] = []

    def short_of_memory(latents: torch.Tensor) -> None:
        sizes.append(len(latents))
        if len(latents) > 4:  # with guidance, two rows a picture
            raise shortage

    jobs = [make_job(sd, seed, steps=1) for seed in range(5)]
    engine = Engine(sd, batch_size=8)
    with _before_each_unet_call(sd, short_of_memory):
        pictures = _drawn(engine.draw(jobs))
        later = _drawn(engine.draw(jobs[:1]))
    assert sizes == [16, 8, 4, 4, 4, 4]  # what fits is remembered
    assert {drawn.batch_size for drawn in pictures.values()} == {2}
    # The recorded environment is true: an engine with that batch size draws the same bytes.
    reproduced = _drawn(Engine(sd, batch_size=2).draw(jobs[::-1]))
    assert {key: drawn.png for key, drawn in reproduced.items()} == {
        key: drawn.png for key, drawn in pictures.items()
    }
    assert later[jobs[0].recipe_id].png == pictures[jobs[0].recipe_id].png


def test_a_picture_that_never_fits_fails_alone(sd: LoadedModel, make_job: MakeJob) -> None:
    def short_of_memory(latents: torch.Tensor) -> None:
        if latents.shape[-1] > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")

    large, small = make_job(sd, 1, width=64), make_job(sd, 2)
    with _before_each_unet_call(sd, short_of_memory):
        outcomes = list(Engine(sd, batch_size=2).draw([large, small]))
    assert isinstance(outcomes[0], Failure)
    assert "64 x 32" in outcomes[0].error
    assert isinstance(outcomes[1], Drawn)
    assert outcomes[1].batch_size == 2


@pytest.mark.parametrize(("value", "word"), [(-1.0, "black"), (0.5, "flat"), (float("nan"), "NaN")])
def test_a_picture_of_nothing_is_a_failure_and_its_neighbour_is_not(
    sd: LoadedModel, make_job: MakeJob, value: float, word: str
) -> None:
    def spoil_the_first(output: torch.Tensor) -> None:
        output[0].fill_(value)

    bad, good = make_job(sd, 1), make_job(sd, 2)
    with _changed_pictures(sd, spoil_the_first):
        outcomes = {each.recipe_id: each for each in Engine(sd, batch_size=2).draw([bad, good])}
    failure = outcomes[bad.recipe_id]
    assert isinstance(failure, Failure)
    assert word in failure.error
    assert isinstance(outcomes[good.recipe_id], Drawn)


def test_large_pictures_are_decoded_one_by_one_and_are_the_same(
    sd: LoadedModel, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [make_job(sd, seed) for seed in range(3)]
    decoded: list[int] = []
    with _changed_pictures(sd, lambda output: decoded.append(len(output))):
        at_once = _drawn(Engine(sd, batch_size=3).draw(jobs))
        monkeypatch.setattr("catalog_gen.diffusion.drawing.DECODED_AT_ONCE", 3 * 32 * 32 - 1)
        one_by_one = _drawn(Engine(sd, batch_size=3).draw(jobs))
    assert decoded == [3, 1, 1, 1]
    for job in jobs:
        first, second = at_once[job.recipe_id].pixels, one_by_one[job.recipe_id].pixels
        assert np.abs(first.astype(np.int16) - second).max() <= 1


def test_a_bad_picture_of_lower_precision_is_drawn_again_in_fp32(
    sd_folder: Path, cache: Path, sd: LoadedModel, make_job: MakeJob
) -> None:
    low = load_model(ModelSettings(id=str(sd_folder), device="cpu", dtype="bf16"), cache)

    def overflow(output: torch.Tensor) -> None:
        if output.dtype == torch.bfloat16:
            output.fill_(float("nan"))

    jobs = [make_job(low, seed) for seed in range(3)]
    with _changed_pictures(low, overflow):
        pictures = _drawn(Engine(low, batch_size=2).draw(jobs))
    assert {drawn.environment.dtype for drawn in pictures.values()} == {"fp32"}
    assert {drawn.environment.rounded_to for drawn in pictures.values()} == {"bf16"}
    assert low.main.unet.dtype == torch.bfloat16
    # The recorded environment says how to draw them again.
    again = _drawn(Engine(low, batch_size=2, in_fp32=True).draw(jobs))
    assert {key: each.png for key, each in again.items()} == {
        key: each.png for key, each in pictures.items()
    }


def test_the_deadline_stops_a_slow_batch(sd: LoadedModel, make_job: MakeJob) -> None:
    slow, quick = make_job(sd, 1, steps=5), make_job(sd, 2, steps=1, guidance=1.0)

    def sleep_with_guidance(latents: torch.Tensor) -> None:
        if len(latents) == 2:
            time.sleep(3)

    with _before_each_unet_call(sd, sleep_with_guidance):
        outcomes = list(Engine(sd, batch_size=1, deadline=2.5).draw([slow, quick]))
    assert isinstance(outcomes[0], Failure)
    assert "2.5 s" in outcomes[0].error
    assert isinstance(outcomes[1], Drawn)


def test_a_step_that_never_ends_fails_the_drawing(sd: LoadedModel, make_job: MakeJob) -> None:
    release = threading.Event()
    drawing = Engine(sd, batch_size=1, deadline=0.1).draw([make_job(sd)])
    with _before_each_unet_call(sd, lambda latents: release.wait(60)):
        with pytest.raises(DrawingError, match="can't be interrupted"):
            next(drawing)
        release.set()
        _no_denoising_thread_is_left()


def test_a_lost_gpu_ends_the_drawing_and_finished_pictures_are_yielded(
    sd: LoadedModel, make_job: MakeJob
) -> None:
    calls = 0

    def lose_the_gpu(latents: torch.Tensor) -> None:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise RuntimeError("CUDA error: unspecified launch failure")

    received: list[Outcome] = []
    jobs = [make_job(sd, seed, steps=2) for seed in range(6)]
    with (
        _before_each_unet_call(sd, lose_the_gpu),
        pytest.raises(DrawingError, match="unspecified launch failure"),
    ):
        received.extend(Engine(sd, batch_size=2).draw(jobs))
    # ``extend`` keeps what came before the exception.
    assert len(_drawn(received)) == 4


def test_undrawable_pictures_become_rows_and_not_gpu_faults(
    sd: LoadedModel, make_job: MakeJob
) -> None:
    def shapes_that_do_not_fit(latents: torch.Tensor) -> None:
        if latents.shape[-1] > 16:
            latents.flatten(1) @ latents.flatten(1)

    large, small = make_job(sd, 1, width=64), make_job(sd, 2)
    with _before_each_unet_call(sd, shapes_that_do_not_fit):
        outcomes = list(Engine(sd, batch_size=2).draw([large, small]))
    assert isinstance(outcomes[0], Failure)
    assert "64 x 32 pixels" in outcomes[0].error
    assert "cannot be multiplied" in outcomes[0].error
    assert isinstance(outcomes[1], Drawn)


def test_a_gpu_library_without_memory_for_itself_gets_a_smaller_batch(
    sd: LoadedModel, make_job: MakeJob
) -> None:
    message = "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"
    most = 2

    def refuse(latents: torch.Tensor) -> None:
        if len(latents) > most:
            raise RuntimeError(message)

    jobs = [make_job(sd, seed, steps=1) for seed in range(2)]
    with _before_each_unet_call(sd, refuse):
        pictures = _drawn(Engine(sd, batch_size=4).draw(jobs))
        assert {drawn.batch_size for drawn in pictures.values()} == {1}
        most = 0
        with pytest.raises(DrawingError, match="NOT_INITIALIZED"):
            list(Engine(sd, batch_size=4).draw(jobs))


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("part", "dtype", "method"),
    [("encoder", "bf16", photo_edit()), ("decoder", "fp16", "text2img")],
)
def test_out_of_memory_inside_the_autoencoder_leaves_its_precision_as_it_was(
    sdxl_folder: Path, cache: Path, make_job: MakeJob, part: str, dtype: str, method: Any
) -> None:
    """SDXL's pipelines cast it to fp32 temporarily, and don't restore it after an error."""
    settings = ModelSettings(id=str(sdxl_folder), device="cpu", dtype=dtype)  # type: ignore[arg-type]
    low = load_model(settings, cache)
    failing, good = make_job(low, 1, method=method), make_job(low, 2)
    calm = _drawn(Engine(low, batch_size=1).draw([good]))

    def fail(*_: Any) -> None:
        handle.remove()
        raise torch.OutOfMemoryError("CUDA out of memory")

    handle = getattr(low.main.vae, part).register_forward_pre_hook(fail)
    outcomes = list(Engine(low, batch_size=1).draw([failing, good]))
    assert isinstance(outcomes[0], Failure)
    drawn = outcomes[1]
    assert isinstance(drawn, Drawn)
    assert drawn.environment.dtype == dtype
    assert drawn.png == calm[good.recipe_id].png
    assert {tensor.dtype for tensor in low.main.vae.parameters()} == {TORCH_DTYPES[low.dtype]}


def test_a_failed_batch_is_not_kept_alive(sd: LoadedModel, make_job: MakeJob) -> None:
    """Its tensors must be freed before the smaller batch needs their memory."""
    kept: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def short_of_memory(latents: torch.Tensor) -> None:
        gc.collect()
        alive.extend(each() is not None for each in kept[:1])
        if len(latents) > 2:
            kept.append(weakref.ref(latents))
            raise torch.OutOfMemoryError("CUDA out of memory")

    with _before_each_unet_call(sd, short_of_memory):
        _drawn(Engine(sd, batch_size=2).draw([make_job(sd, seed, steps=1) for seed in range(2)]))
    assert alive
    assert not any(alive)


def test_photos_are_loaded_a_batch_ahead(
    sd: LoadedModel, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading: list[str] = []

    def load(job: DrawJob) -> Any:
        loading.append(threading.current_thread().name)
        return load_reference(job)

    monkeypatch.setattr("catalog_gen.diffusion.photos.load_reference", load)
    sizes = ({}, {"width": 48}, {"width": 64})
    jobs = [make_job(sd, seed, method=photo_edit(), **size) for size in sizes for seed in range(4)]
    _drawn(Engine(sd, batch_size=2).draw(jobs))
    assert len(loading) == len(sizes)  # pictures from one photo share it
    assert all(name.startswith("photos") for name in loading)


def test_missing_changed_and_damaged_photos_are_reported(
    sd: LoadedModel, photo: Path, tmp_path: Path, make_job: MakeJob
) -> None:
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(photo.read_bytes()[:60])
    template = make_job(sd, method=photo_edit())
    cases = {
        "none": (None, template.recipe.reference_sha256),
        "gone.png": (tmp_path / "gone.png", template.recipe.reference_sha256),
        "mug.png": (photo, "0" * 64),
        "damaged.png": (damaged, sha256_file(damaged)),
    }
    jobs = [
        DrawJob(name, template.recipe.model_copy(update={"reference_sha256": digest}), path)
        for name, (path, digest) in cases.items()
    ]
    outcomes = {each.recipe_id: each for each in Engine(sd, 4).draw([*jobs, template])}
    for name in cases:
        failure = outcomes[name]
        assert isinstance(failure, Failure)
        assert name in failure.error
    assert isinstance(outcomes[template.recipe_id], Drawn)


def test_recipes_that_cannot_be_drawn_are_failures_with_a_remedy(
    sd: LoadedModel, make_job: MakeJob
) -> None:
    jobs = [
        make_job(sd, model_hash="f" * 64),
        make_job(sd, method=photo_edit(0.3), steps=2),
        make_job(sd, scheduler="lcm", steps=80),
    ]
    outcomes = {each.recipe_id: each for each in Engine(sd, batch_size=2).draw(jobs)}
    errors = [getattr(outcomes[job.recipe_id], "error", "drawn") for job in jobs]
    assert "is loaded" in errors[0]
    assert "at least 4 steps" in errors[1]
    assert "steps = 80" in errors[2]


def test_progress_counts_up_to_all_pictures(sd: LoadedModel, make_job: MakeJob) -> None:
    seen: list[float] = []
    jobs = [make_job(sd, seed) for seed in range(5)]
    list(Engine(sd, batch_size=2).draw(jobs, seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 5
    assert any(value % 1 for value in seen)


def test_a_caller_who_stops_early_leaves_no_thread_behind(
    sd: LoadedModel, make_job: MakeJob
) -> None:
    outcomes = Engine(sd, batch_size=1).draw([make_job(sd, seed, steps=20) for seed in range(50)])
    assert isinstance(next(outcomes), Drawn)
    outcomes.close()  # type: ignore[attr-defined]
    _no_denoising_thread_is_left()


def test_no_jobs_draw_nothing(sd: LoadedModel) -> None:
    assert list(Engine(sd, batch_size=2).draw([])) == []


def _no_denoising_thread_is_left() -> None:
    for thread in threading.enumerate():
        if thread.name == "denoising":
            thread.join(20)
            assert not thread.is_alive()
