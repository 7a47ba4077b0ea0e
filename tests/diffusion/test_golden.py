"""Every family compared with the plain diffusers pipeline and with itself.

The same recipe gives the same bytes alone, beside any neighbours, in any order and in any process.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.references import load_reference
from catalog_gen.fingerprint import sha256_file
from catalog_gen.recipe import Recipe
from catalog_gen.settings.model import ModelSettings
from tests.tiny import tiny

from .conftest import photo_edit
from .elsewhere import drawn_elsewhere

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Photo = Callable[[DrawJob], Any]


def as_tensor(job: DrawJob) -> torch.Tensor:
    """The job's photo as (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(load_reference(job).copy()).permute(2, 0, 1)[None].float() / 255


def as_picture(job: DrawJob) -> Image.Image:
    return Image.fromarray(load_reference(job))


@dataclass(frozen=True)
class Case:
    """A family's task, and the direct call of diffusers for the same pictures."""

    family: str
    method: str | dict[str, Any] = "text2img"
    plain: dict[str, Any] = field(default_factory=lambda: dict(SCALE))
    photo: Photo = as_tensor
    size: dict[str, int] = field(default_factory=lambda: {"width": 32, "height": 48})
    #: A photo that is enlarged to a megapixel takes seconds even here.
    slow: bool = False

    def __str__(self) -> str:
        name = self.method if isinstance(self.method, str) else self.method["name"]
        return f"{self.family}-{name}"


SCALE = {"guidance_scale": 3.0}
EVEN = {"width": 32, "height": 64}
STRENGTH = {"strength": 0.7}
TRUE_SCALE = {"true_cfg_scale": 3.0}
UNBINNED = SCALE | {"use_resolution_binning": False}
NO_RESIZE = SCALE | {"max_area": 32 * 48, "_auto_resize": False}

CASES = [
    Case("lcm"),
    Case("lcm", photo_edit(), SCALE | STRENGTH),
    Case("sd3"),
    Case("sd3", photo_edit(), SCALE | STRENGTH),
    Case("flux"),
    Case("flux", photo_edit(), SCALE | STRENGTH),
    Case("flux_kontext", "edit", NO_RESIZE),
    Case("flux2_klein"),
    Case("flux2_klein", "edit", SCALE, as_picture, {"width": 64, "height": 80}),
    Case("qwen_image", plain=TRUE_SCALE),
    Case("qwen_image", photo_edit(), TRUE_SCALE | STRENGTH),
    Case("qwen_image_edit", "edit", TRUE_SCALE, as_picture, EVEN, slow=True),
    Case("qwen_image_edit_plus", "edit", TRUE_SCALE, as_picture, EVEN, slow=True),
    Case("z_image"),
    Case("z_image", photo_edit(), SCALE | STRENGTH),
    Case("sana", plain=UNBINNED, size=EVEN),
    Case("pixart", plain=UNBINNED),
    Case("pixart_sigma", plain=UNBINNED),
]
MARKED = [pytest.param(case, marks=pytest.mark.slow) if case.slow else case for case in CASES]
FAMILIES = sorted({case.family for case in CASES})

Folders = dict[str, Path]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return {family: tiny(family, tmp_path_factory.mktemp(family)) for family in FAMILIES}


@pytest.fixture(scope="session")
def load(folders: Folders, cache: Path) -> Callable[[str], LoadedModel]:
    known: dict[str, LoadedModel] = {}

    def load(family: str) -> LoadedModel:
        if family not in known:
            settings = ModelSettings(id=str(folders[family]), device="cpu")
            known[family] = load_model(settings, cache)
        return known[family]

    return load


def jobs_of(
    case: Case, loaded: LoadedModel, photo: Path, count: int = 4, **changes: Any
) -> list[DrawJob]:
    """Jobs whose prompts have different lengths."""
    steps = 1 if case.slow else 3
    return [
        _job(
            photo,
            case.size,
            method=case.method,
            model_hash=loaded.model_hash,
            prompt=f"a {'very ' * seed}red mug",
            seed=seed,
            **({"negative_prompt": " ", "scheduler": "own", "steps": steps} | changes),
        )
        for seed in range(count)
    ]


def _job(photo: Path, size: dict[str, int], **values: Any) -> DrawJob:
    recipe = Recipe.model_validate({"guidance": 3.0, **size, **values})
    if "photo" not in recipe.method.needs:
        return DrawJob(recipe.recipe_id, recipe)
    recipe = recipe.model_copy(update={"reference_sha256": sha256_file(photo)})
    return DrawJob(recipe.recipe_id, recipe, photo)


def drawn(loaded: LoadedModel, jobs: Iterable[DrawJob], batch_size: int = 3) -> dict[str, Drawn]:
    pictures: dict[str, Drawn] = {}
    for outcome in Engine(loaded, batch_size).draw(list(jobs)):
        assert isinstance(outcome, Drawn), outcome
        pictures[outcome.recipe_id] = outcome
    return pictures


def shas(pictures: dict[str, Drawn]) -> dict[str, str]:
    return {key: each.sha256 for key, each in pictures.items()}


@pytest.mark.parametrize("case", MARKED, ids=str)
def test_pictures_are_those_of_the_plain_pipeline(
    case: Case, load: Callable[[str], LoadedModel], photo: Path
) -> None:
    loaded = load(case.family)
    for job in jobs_of(case, loaded, photo, count=1 if case.slow else 2):
        (ours,) = drawn(loaded, [job], batch_size=1).values()
        recipe = job.recipe
        pipeline = loaded.pipelines[recipe.method.task]
        pipeline.scheduler = type(loaded.scheduler).from_config(loaded.scheduler.config)
        known = signature(pipeline.__call__).parameters
        call = partial(
            pipeline,
            prompt=recipe.prompt,
            num_inference_steps=recipe.steps,
            generator=torch.Generator().manual_seed(recipe.seed),
            **case.plain,
        )
        if "width" in known:
            call = partial(call, **case.size)
        if "negative_prompt" in known and loaded.family.is_guided(loaded.main, recipe.guidance):
            call = partial(call, negative_prompt=" ")
        if job.reference is not None:
            call = partial(call, image=case.photo(job))
        theirs = np.asarray(call().images[0], np.int16)
        assert theirs.shape == ours.pixels.shape == (recipe.height, recipe.width, 3)
        assert np.abs(theirs - ours.pixels).max() <= 1


@pytest.mark.parametrize("case", MARKED, ids=str)
def test_bytes_depend_on_no_order_neighbour_or_engine(
    case: Case, load: Callable[[str], LoadedModel], photo: Path
) -> None:
    loaded = load(case.family)
    jobs = jobs_of(case, loaded, photo, 2 if case.slow else 4)
    if not case.slow:
        jobs += jobs_of(case, loaded, photo, 2, negative_prompt="blurry and dark", guidance=4.0)
        jobs += jobs_of(case, loaded, photo, 1, guidance=1.0)
    first = drawn(loaded, jobs)
    assert len(set(shas(first).values())) >= len(jobs) - 1  # guidance may change nothing
    rules = loaded.family.tasks[jobs[0].recipe.method.task]
    assert {each.batch_size for each in first.values()} == {3 if rules.batchable else 1}
    if not case.slow:
        assert shas(drawn(loaded, reversed(jobs))) == shas(first)
    for job in jobs[-1:] if case.slow else jobs[:4]:
        assert shas(drawn(loaded, [job])) == {job.recipe_id: first[job.recipe_id].sha256}
    picture = next(iter(first.values()))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.png))), picture.pixels)


@pytest.mark.parametrize("case", [case for case in CASES if not case.slow], ids=str)
def test_every_scheduler_of_the_family_draws(
    case: Case, load: Callable[[str], LoadedModel], photo: Path
) -> None:
    loaded = load(case.family)
    for name in loaded.family.schedulers:
        job = jobs_of(case, loaded, photo, 1, scheduler=name, steps=4)
        assert len(drawn(loaded, job, batch_size=1)) == 1


@pytest.mark.slow
def test_another_process_draws_the_same_bytes(
    load: Callable[[str], LoadedModel], folders: Folders, photo: Path
) -> None:
    here: dict[str, str] = {}
    asked: list[tuple[ModelSettings, list[DrawJob]]] = []
    for case in CASES:
        jobs = jobs_of(case, load(case.family), photo, count=1)
        here |= shas(drawn(load(case.family), jobs))
        asked.append((ModelSettings(id=str(folders[case.family]), device="cpu"), jobs))
    assert drawn_elsewhere(asked, batch_size=3) == here
