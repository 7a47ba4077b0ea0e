"""Distilled models as they come: few steps, no guidance, their own spacing of the noise levels.

Turbo: https://arxiv.org/abs/2311.17042, Lightning: https://arxiv.org/abs/2402.13929, latent
consistency models: https://arxiv.org/abs/2310.04378. The weights are tiny and untrained; the
schedules are those that the authors publish.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.methods.img2img import ImageToImage
from catalog_gen.settings.model import ModelSettings
from catalog_gen.settings.views import ViewSettings
from tests.tiny import tiny
from tests.tiny_models import tiny_sd, tiny_sdxl

from .conftest import MakeJob, found

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}
TRAILING = NOISE | {"timestep_spacing": "trailing"}


@dataclass(frozen=True)
class Form:
    """A distilled model: its folder, its ``scheduler_config.json``, its steps and levels."""

    write: Callable[[Path], Path]
    scheduler: dict[str, Any]
    steps: int
    levels: list[int]
    guidance: float = 0.0
    call: dict[str, Any] = field(default_factory=dict)


def lcm(folder: Path) -> Path:
    return tiny("lcm", folder)


FORMS = {
    "sd-turbo, 1 step": Form(
        tiny_sd, TRAILING | {"_class_name": "EulerDiscreteScheduler"}, 1, [999]
    ),
    "sdxl-turbo, 4 steps": Form(
        tiny_sdxl,
        TRAILING | {"_class_name": "EulerAncestralDiscreteScheduler"},
        4,
        [999, 749, 499, 249],
    ),
    "sdxl-lightning, 1 step": Form(
        tiny_sdxl,
        TRAILING | {"_class_name": "EulerDiscreteScheduler", "prediction_type": "sample"},
        1,
        [999],
    ),
    "sdxl-lightning, 4 steps": Form(
        tiny_sdxl,
        TRAILING | {"_class_name": "EulerDiscreteScheduler"},
        4,
        [999, 749, 499, 249],
    ),
    "lcm, 4 steps": Form(
        lcm,
        NOISE | {"_class_name": "LCMScheduler", "original_inference_steps": 50},
        4,
        [999, 759, 499, 259],
        guidance=8.0,
    ),
    "lcm of another origin": Form(
        lcm,
        NOISE | {"_class_name": "LCMScheduler", "original_inference_steps": 10},
        4,
        [999, 799, 499, 299],
        guidance=8.0,
    ),
    "sd with an LCM LoRA, 8 steps": Form(
        tiny_sd,
        NOISE | {"_class_name": "LCMScheduler", "original_inference_steps": 50},
        8,
        [999, 879, 759, 639, 499, 379, 259, 139],
        guidance=1.0,
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    written = {}
    for name, form in FORMS.items():
        written[name] = form.write(tmp_path_factory.mktemp("form"))
        (written[name] / "scheduler" / "scheduler_config.json").write_text(
            json.dumps(form.scheduler)
        )
        index = json.loads((written[name] / "model_index.json").read_text())
        index["scheduler"] = ["diffusers", form.scheduler["_class_name"]]
        (written[name] / "model_index.json").write_text(json.dumps(index))
    return written


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, LoadedModel]:
    return {
        name: load_model(ModelSettings(id=str(folder), device="cpu"))
        for name, folder in folders.items()
    }


def jobs_of(form: Form, loaded: LoadedModel, make_job: MakeJob, **changes: Any) -> list[DrawJob]:
    values = {"scheduler": "own", "steps": form.steps, "guidance": form.guidance} | changes
    return [make_job(loaded, seed, **values) for seed in range(3)]


def drawn(loaded: LoadedModel, jobs: list[DrawJob], batch_size: int = 2) -> dict[str, Drawn]:
    outcomes = list(Engine(loaded, batch_size).draw(jobs))
    assert all(isinstance(each, Drawn) for each in outcomes), outcomes
    return {each.recipe_id: each for each in outcomes if isinstance(each, Drawn)}


@pytest.mark.parametrize("name", FORMS)
def test_the_levels_are_those_that_it_was_distilled_to(
    name: str, models: dict[str, LoadedModel]
) -> None:
    form, loaded = FORMS[name], models[name]
    scheduler = loaded.family.scheduler("own", loaded.scheduler, form.steps)
    assert [round(float(level)) for level in scheduler.timesteps] == form.levels


@pytest.mark.parametrize("name", FORMS)
def test_pictures_are_those_of_the_plain_pipeline(
    name: str, models: dict[str, LoadedModel], folders: dict[str, Path], make_job: MakeJob
) -> None:
    from diffusers import DiffusionPipeline

    form = FORMS[name]
    pipeline: Any = DiffusionPipeline.from_pretrained(folders[name])
    pipeline.set_progress_bar_config(disable=True)
    for job in jobs_of(form, models[name], make_job)[:2]:
        (ours,) = drawn(models[name], [job], 1).values()
        theirs = pipeline(
            job.recipe.prompt,
            width=32,
            height=32,
            num_inference_steps=form.steps,
            guidance_scale=form.guidance,
            generator=torch.Generator().manual_seed(job.recipe.seed),
        ).images[0]
        assert np.abs(np.asarray(theirs, np.int16) - ours.pixels).max() <= 1


@pytest.mark.parametrize("name", FORMS)
def test_bytes_depend_on_no_order_or_neighbour(
    name: str, models: dict[str, LoadedModel], make_job: MakeJob
) -> None:
    jobs = jobs_of(FORMS[name], models[name], make_job)
    first = {key: each.sha256 for key, each in drawn(models[name], jobs).items()}
    assert len(set(first.values())) == len(jobs)
    for other in (jobs[::-1], jobs[1:2]):
        again = {key: each.sha256 for key, each in drawn(models[name], other).items()}
        assert again.items() <= first.items()


@pytest.mark.parametrize("name", FORMS)
def test_without_guidance_a_negative_prompt_changes_nothing(
    name: str, models: dict[str, LoadedModel], make_job: MakeJob
) -> None:
    plain, against = (
        drawn(models[name], jobs_of(FORMS[name], models[name], make_job, negative_prompt=text))
        for text in ("", "blurry and dark")
    )
    assert [each.sha256 for each in plain.values()] == [each.sha256 for each in against.values()]


def test_a_distilled_models_limits_are_reported_at_plan(folders: dict[str, Path]) -> None:
    def problem(name: str, **changes: Any) -> str:
        view = ViewSettings.model_validate({"template": "x", "guidance": 0.0} | changes)
        return " ".join(found(folders[name]).problem(view) or ())

    few = problem(
        "sdxl-turbo, 4 steps",
        steps=2,
        method=ImageToImage(strength=0.4),
    )
    assert "no step is left to run" in few
    assert "at least 3 steps" in few
    assert not problem("sdxl-turbo, 4 steps", steps=3, method=ImageToImage(strength=0.4))
    assert "no more than 50 of this model" in problem("lcm, 4 steps", steps=51)
    assert "no more than 10 of this model" in problem("lcm of another origin", steps=11)
    assert not problem("lcm of another origin", steps=10)
