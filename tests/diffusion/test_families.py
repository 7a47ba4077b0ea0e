"""A family reports before drawing what it can't draw."""

import re
from dataclasses import dataclass, field

import pytest

from catalog_gen.diffusion.families.family import FAMILIES, OWN, Family, family_of
from catalog_gen.diffusion.families.flux import Flux
from catalog_gen.diffusion.families.sdxl import StableDiffusionXL
from catalog_gen.diffusion.families.stable_diffusion import StableDiffusion
from catalog_gen.diffusion.methods.edit import Edit
from catalog_gen.diffusion.methods.img2img import ImageToImage
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.errors import ModelError
from catalog_gen.method import METHODS, Method
from tests.families_page import PAGE, page


def test_every_family_and_method_is_registered_under_its_name() -> None:
    assert FAMILIES.get("sdxl") is StableDiffusionXL
    assert "stable-diffusion" in FAMILIES.names()
    for name, method in METHODS.items():
        assert method.model_fields["name"].default == name


def test_a_pipeline_class_has_one_family() -> None:
    assert isinstance(family_of("StableDiffusionXLPipeline", "here"), StableDiffusionXL)
    with pytest.raises(ModelError, match=r"AudioLDM2Pipeline.*StableDiffusionPipeline"):
        family_of("AudioLDM2Pipeline", "here")


@dataclass(frozen=True)
class Wanted:
    """What a recipe or a view requires of a model."""

    method: Method = field(default_factory=TextToImage)
    scheduler: str = "ddim"
    steps: int = 20
    width: int = 64
    height: int = 64
    eta: float | None = None


@pytest.mark.parametrize(
    ("family", "wanted", "rule"),
    [
        (StableDiffusion(), Wanted(scheduler="magic"), r"scheduler = 'magic'.*own, ddim"),
        (StableDiffusion(), Wanted(scheduler="ddmi"), r"did you mean 'ddim'\?"),
        (StableDiffusion(), Wanted(ImageToImage(strength=0.3), steps=3), "at least 4 steps"),
        (
            StableDiffusion(),
            Wanted(Edit()),
            "takes a model for edit, and this one has control, img2img, inpaint, "
            "text2img, variation",
        ),
        (Flux(), Wanted(scheduler="own", width=72), r"width = 72.*multiples of 16.*64 or 80"),
        (Flux(), Wanted(scheduler="own", height=8), r"height = 8.*Set it to 16\."),
    ],
)
def test_a_familys_limits_are_reported(family: Family, wanted: Wanted, rule: str) -> None:
    problem = family.problem(wanted)
    assert problem is not None
    assert re.search(rule, " ".join(problem))


def test_drawable_views_have_no_problem() -> None:
    wanted = Wanted(ImageToImage(strength=0.3), "heun", 4, width=72)
    assert StableDiffusion().problem(wanted) is None


def test_every_family_has_the_models_own_scheduler_and_a_task() -> None:
    for name, family in FAMILIES.items():
        assert family.schedulers[0] == OWN, name
        assert family.tasks, name


def test_the_page_of_families_is_that_of_the_code() -> None:
    assert page(PAGE.read_text("utf-8")) == PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    ("family", "wanted", "own", "rule"),
    [
        (
            StableDiffusion(),
            Wanted(scheduler="heun"),
            {"rescale_betas_zero_snr": True},
            "zero terminal SNR",
        ),
        (
            StableDiffusion(),
            Wanted(scheduler="lcm", steps=60),
            {"_class_name": "DDIMScheduler"},
            "no more than 50",
        ),
        (
            StableDiffusion(),
            Wanted(scheduler="own", steps=40),
            {"_class_name": "LCMScheduler", "original_inference_steps": 30},
            "Set at most 30",
        ),
        (Flux(), Wanted(scheduler="own"), {"stochastic_sampling": True}, "no seed decides"),
    ],
)
def test_a_models_schedule_limits_are_reported(
    family: Family, wanted: Wanted, own: dict[str, object], rule: str
) -> None:
    problem = family.schedule_problem(wanted, own)
    assert problem is not None
    assert rule in " ".join(problem)
    assert family.schedule_problem(Wanted(scheduler=family.schedulers[1]), {}) is None
