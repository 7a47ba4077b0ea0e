"""Additions to a model: pictures are redrawn when they change, and lineage records them."""

import json
from pathlib import Path

import pytest

from catalog_gen.cli.doctor import examine
from catalog_gen.diffusion.loading import load_model
from catalog_gen.errors import ConfigError
from catalog_gen.settings.model import ModelSettings
from catalog_gen.stages.plan import make_plan
from catalog_gen.store.lineage import lineage_of
from tests.pipeline.shop import Shop, open_shop
from tests.tiny.added import lora


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


def _wear(shop: Shop, weight: float) -> Shop:
    text = shop.config.read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("loras")]
    place = lines.index("[model]") + 1
    lines.insert(place, f'loras = [{{ path = "style.safetensors", weight = {weight} }}]')
    shop.config.write_text("\n".join(lines), "utf-8")
    return Shop(shop.folder)  # whose engine is not loaded yet


@pytest.mark.slow
def test_another_weight_of_a_lora_draws_everything_anew(shop: Shop) -> None:
    pipeline = load_model(ModelSettings(id=str(shop.folder / "model"), device="cpu")).main
    lora(pipeline, shop.folder / "style.safetensors")
    assert shop.night("plain")["generated"] == 6
    worn = _wear(shop, 0.5)
    assert worn.night("half")["generated"] == 6
    again = _wear(shop, 0.8)
    assert [item.reason for item in make_plan(again.catalog).items] == ["model"] * 6
    assert again.night("more")["generated"] == 6
    assert again.night("nothing new")["generated"] == 0
    parts = [json.loads(str(each)) for (each,) in again.query("SELECT parts FROM models")]
    weights = [each["weight"] for part in parts for each in part.get("loras", [])]
    assert sorted(weights) == [0.5, 0.8]
    with again.catalog.store.reading() as connection:
        ((image_id,),) = connection.execute(
            "SELECT image_id FROM lineage WHERE run_id = 'more' LIMIT 1"
        ).fetchall()
        answer = lineage_of(connection, image_id)
    assert answer["model"] == str(shop.folder / "model")
    assert answer["model_parts"]["loras"][0]["file"] == "style.safetensors"


def test_a_lora_in_the_models_folder_is_named_by_plan_and_doctor(shop: Shop) -> None:
    model = shop.folder / "model"
    pipeline = load_model(ModelSettings(id=str(model), device="cpu")).main
    lora(pipeline, model / "pytorch_lora_weights.safetensors")
    (warning,) = make_plan(shop.catalog).warnings
    assert "is a LoRA that is not loaded" in warning
    found = [each.message for each in examine(shop.catalog.settings, shop.home)]
    assert warning in found


def test_steps_that_a_scheduler_lacks_are_refused_at_plan(shop: Shop) -> None:
    text = shop.config.read_text("utf-8")
    shop.config.write_text(text.replace("steps = 2", 'steps = 60\nscheduler = "lcm"'), "utf-8")
    with pytest.raises(ConfigError, match=r"views\.packshot: steps = 60.*no more than 50"):
        make_plan(shop.catalog)
