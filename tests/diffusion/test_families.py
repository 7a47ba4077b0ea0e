"""What only fails while drawing is known before: a family says what it can't draw."""

import re

import pytest

from catalog_gen.diffusion.families.family import FAMILIES, family_of
from catalog_gen.diffusion.families.sdxl import StableDiffusionXL
from catalog_gen.diffusion.families.stable_diffusion import StableDiffusion
from catalog_gen.diffusion.methods.img2img import ImageToImage
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.errors import ModelError
from catalog_gen.method import METHODS


def test_every_family_and_method_is_registered_under_its_name() -> None:
    assert FAMILIES.get("sdxl") is StableDiffusionXL
    assert {name for name, _ in FAMILIES.items()} == {"sdxl", "stable-diffusion"}
    for name, method in METHODS.items():
        assert method.model_fields["name"].default == name


def test_a_pipeline_class_has_one_family() -> None:
    assert isinstance(family_of("StableDiffusionXLPipeline", "here"), StableDiffusionXL)
    with pytest.raises(ModelError, match=r"FluxPipeline.*StableDiffusionPipeline"):
        family_of("FluxPipeline", "here")


class Drawn(TextToImage):
    """A method for a kind of pipeline that Stable Diffusion's folders don't have."""

    task = "edit"


@pytest.mark.parametrize(
    ("method", "scheduler", "steps", "told"),
    [
        (TextToImage(), "magic", 20, r"scheduler = 'magic'.*ddim"),
        (ImageToImage(strength=0.3), "ddim", 3, "at least 4 steps"),
        (Drawn(), "ddim", 20, "takes a model for edit, and this one has img2img, text2img"),
    ],
)
def test_what_a_family_cannot_draw_is_said(
    method: TextToImage | ImageToImage, scheduler: str, steps: int, told: str
) -> None:
    problem = StableDiffusion().problem(method, scheduler, steps)
    assert problem is not None
    assert re.search(told, " ".join(problem))


def test_what_it_can_draw_has_no_problem() -> None:
    assert StableDiffusion().problem(ImageToImage(strength=0.3), "heun", 4) is None
