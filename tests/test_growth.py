"""Identities are stable: a version with additional fields and methods finds the old ids."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import pytest
from pydantic import create_model
from pydantic_core import PydanticUndefined

from catalog_gen.chosen import Chosen
from catalog_gen.diffusion.methods.img2img import ImageToImage
from catalog_gen.diffusion.methods.text2img import TextToImage
from catalog_gen.imaging import provenance
from catalog_gen.imaging.provenance import Provenance
from catalog_gen.judging.rubric import Rubric
from catalog_gen.method import METHODS, Method, Task
from catalog_gen.recipe import Environment, Recipe
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.settings.views import ViewSettings

RECIPE: dict[str, Any] = {
    "method": "text2img",
    "model_hash": "a" * 64,
    "prompt": "product photo of one matte red mug",
    "negative_prompt": "",
    "seed": 7,
    "scheduler": "ddim",
    "steps": 20,
    "guidance": 3.0,
    "width": 128,
    "height": 128,
}
EDIT = RECIPE | {
    "method": {"name": "img2img", "strength": 0.35},
    "reference_sha256": "b" * 64,
}
ENVIRONMENT: dict[str, Any] = {
    "device": "cpu",
    "dtype": "fp32",
    "batch_size": 8,
    "threads": 2,
    "compiled": False,
    "platform": "Linux x86_64 AVX512",
    "libraries": {"torch": "2.15.0"},
}
VIEW: dict[str, Any] = {"template": "{{ title }}", "method": EDIT["method"]}

#: Every kind of thing that has an identity, with values and the identity of the first release.
KNOWN = {
    "recipe": (Recipe, RECIPE, "6f64ba1763d068dc"),
    "recipe from a photo": (Recipe, EDIT, "de2457c70c0330e6"),
    "environment": (Environment, ENVIRONMENT, "5929603e98d1d090"),
    "view": (ViewSettings, VIEW, "74c8967f3d833d42"),
}


def grown(model: type[Chosen]) -> type[Any]:
    """The model of a later version, with one more optional field."""
    extra: Any = (str | None, None)
    return create_model(f"Grown{model.__name__}", __base__=model, control_sha256=extra)


class Echo(Method):
    """A method that a later version has."""

    task: ClassVar[Task] = "text2img"
    name: Literal["echo"] = "echo"

    def draw(self, model: Any, batch: Any) -> Any:
        raise NotImplementedError


def identity(value: Any) -> str:
    return str(value.settings_hash if isinstance(value, ViewSettings) else value.identity)


@pytest.mark.parametrize("name", KNOWN)
def test_identities_of_the_first_release_stay(name: str) -> None:
    model, values, known = KNOWN[name]
    assert identity(model(**values))[:16] == known


@pytest.mark.parametrize("name", KNOWN)
def test_a_field_that_is_not_set_changes_no_identity(name: str) -> None:
    model, values, _ = KNOWN[name]
    later = grown(model)
    assert identity(later(**values)) == identity(model(**values))
    assert identity(later(**values, control_sha256="c" * 64)) != identity(model(**values))


def test_a_new_method_and_a_new_parameter_change_no_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = [Recipe(**RECIPE).recipe_id, Recipe(**EDIT).recipe_id]
    later = {"text2img": TextToImage, "img2img": grown(ImageToImage), "echo": Echo}
    monkeypatch.setattr(METHODS, "get", later.__getitem__)
    assert [Recipe(**RECIPE).recipe_id, Recipe(**EDIT).recipe_id] == before
    changed = EDIT | {"method": EDIT["method"] | {"control_sha256": "c" * 64}}
    assert Recipe(**changed).recipe_id not in before
    assert Recipe(**RECIPE | {"method": "echo"}).recipe_id not in before


def test_exports_of_an_earlier_version_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Provenance(Recipe(**EDIT), datetime(2026, 11, 21, tzinfo=UTC))
    text = written.as_json()
    monkeypatch.setattr(provenance, "Recipe", grown(Recipe))
    assert Provenance.from_json(text).image_id == written.image_id


#: Fields of the first release that have a default and still always enter the hashes.
FIRST = {
    Recipe: {"version"},
    ViewSettings: {
        *("negative_prompt", "method", "candidates", "scheduler", "steps", "guidance"),
        *("width", "height", "edit_policy", "retry_negative_prompt", "background", "asks"),
    },
}


@pytest.mark.parametrize("model", [Recipe, Environment, ViewSettings])
def test_fields_that_come_later_are_optional(model: type[Chosen]) -> None:
    """Otherwise every old wish would get another fingerprint, and the catalog be redrawn."""
    defaults = {
        name: field.default
        for name, field in model.model_fields.items()
        if field.default is not PydanticUndefined and name not in FIRST.get(model, set())
    }
    assert {name for name, value in defaults.items() if value is not None} == set()


def test_all_that_is_chosen_shares_the_base() -> None:
    for model in (CatalogSettings, Rubric, Method, Recipe, Environment):
        assert issubclass(model, Chosen)
        assert model.model_config["frozen"]
        assert model.model_config["extra"] == "forbid"
