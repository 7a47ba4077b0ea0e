import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalog_gen.diffusion.families.stable_diffusion import StableDiffusion
from catalog_gen.diffusion.loading import load_model
from catalog_gen.diffusion.model_hash import model_hash, pinned_model
from catalog_gen.errors import ModelError
from catalog_gen.settings.model import ModelSettings
from tests.tiny_models import tiny_sd

from .conftest import found

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_sd(tmp_path / "model")


@pytest.fixture
def hashes(tmp_path: Path) -> Path:
    return tmp_path / "hashes.json"


def test_hashing_needs_no_torch() -> None:
    code = "import sys, catalog_gen.diffusion.model; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_hash_is_the_same_wherever_the_folder_lies(tmp_path: Path, hashes: Path) -> None:
    one, two = tiny_sd(tmp_path / "one"), tiny_sd(tmp_path / "elsewhere" / "two")
    assert model_hash(found(one), hashes) == model_hash(found(two), hashes)


@pytest.mark.parametrize("name", [UNET, "text_encoder/config.json", "tokenizer/tokenizer.json"])
def test_any_changed_byte_is_another_model(model: Path, hashes: Path, name: str) -> None:
    before = model_hash(found(model), hashes)
    content = bytearray((model / name).read_bytes())
    content[-2] ^= 1
    (model / name).write_bytes(content)
    assert model_hash(found(model), hashes) != before


def test_files_that_decide_no_pixels_are_not_hashed(model: Path, hashes: Path) -> None:
    before = model_hash(found(model), hashes)
    (model / "README.md").write_text("About this model")
    (model / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"never loaded")
    assert model_hash(found(model), hashes) == before


def test_unchanged_files_are_hashed_once(
    model: Path, hashes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model_hash(found(model), hashes)
    monkeypatch.setattr("catalog_gen.diffusion.hash_cache.sha256_file", pytest.fail)
    assert model_hash(found(model), hashes) == before


def test_a_damaged_cache_is_filled_again(model: Path, hashes: Path) -> None:
    before = model_hash(found(model), hashes)
    hashes.write_text('{"cut of')
    assert model_hash(found(model), hashes) == before


def test_a_sound_folder_is_described(model: Path) -> None:
    folder = found(model)
    assert folder.pipeline_class == "StableDiffusionPipeline"
    assert isinstance(folder.family, StableDiffusion)
    assert set(folder.components) == {"unet", "vae", "text_encoder", "tokenizer", "scheduler"}
    assert model / UNET in folder.files


def _refusal(model: Path | str) -> str:
    with pytest.raises(ModelError) as caught:
        found(str(model))
    return str(caught.value)


def test_a_missing_folder_is_refused() -> None:
    assert "no such folder" in _refusal("/nowhere/at/all")


def test_a_hub_id_that_is_not_here_is_refused_offline(tmp_path: Path) -> None:
    assert "HF_HUB_OFFLINE" in _refusal("nobody/no-such-model")


def test_weights_of_a_variant_are_loaded_where_there_are_no_others(
    model: Path, hashes: Path
) -> None:
    plain = load_model(ModelSettings(id=str(model), device="cpu"))
    for name in ("unet", "text_encoder"):
        (weights,) = (model / name).glob("*.safetensors")
        weights.rename(weights.with_suffix(".fp16.safetensors"))
    folder = found(model)
    assert folder.variant == "fp16"
    assert model / "unet" / "diffusion_pytorch_model.fp16.safetensors" in folder.files
    assert model / "vae" / "diffusion_pytorch_model.safetensors" in folder.files
    loaded = load_model(ModelSettings(id=str(model), device="cpu"), hashes)
    assert loaded.model_hash != plain.model_hash
    theirs = plain.main.unet.state_dict()
    for name, value in loaded.main.unet.state_dict().items():
        assert value.equal(theirs[name])


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The local cache of a hub that has one model, "nobody/tiny"; returns its folder."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository, commit = tmp_path / "models--nobody--tiny", "c" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    return tiny_sd(repository / "snapshots" / commit)


def test_a_hub_id_is_found_in_the_local_cache(hub: Path) -> None:
    assert found("nobody/tiny").path == hub


def test_a_hub_model_that_no_family_drives_is_refused_before_it_is_fetched(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _change_index(hub, _class_name="AudioLDM2Pipeline")
    monkeypatch.setattr("huggingface_hub.snapshot_download", pytest.fail)
    message = _refusal("nobody/tiny")
    assert message.startswith("nobody/tiny: its pipeline class is 'AudioLDM2Pipeline'")


@pytest.mark.parametrize("name", ["chat_template.jinja", "spiece.model"])
def test_templates_and_sentencepiece_models_decide_prompts(
    model: Path, hashes: Path, name: str
) -> None:
    seen = set()
    for content in (None, "one", "another"):
        if content is not None:
            (model / "tokenizer" / name).write_text(content)
        seen.add(model_hash(found(model), hashes))
    assert len(seen) == 3


def test_pickled_weights_are_refused_with_a_remedy(model: Path) -> None:
    (model / UNET).rename(model / "unet" / "diffusion_pytorch_model.bin")
    assert "safe_serialization" in _refusal(model)


def test_missing_weights_are_refused(model: Path) -> None:
    (model / UNET).unlink()
    assert "no safetensors weights" in _refusal(model)


def test_tampered_weights_of_a_pinned_model_are_refused(model: Path, hashes: Path) -> None:
    pinned = ModelSettings(id=str(model), sha256=model_hash(found(model), hashes))
    folder, identity = pinned_model(pinned, hashes)
    assert (folder.path, identity) == (model, pinned.sha256)
    content = bytearray((model / UNET).read_bytes())
    content[-2] ^= 1  # one bit of one weight: still a valid file
    (model / UNET).write_bytes(content)
    assert pinned_model(ModelSettings(id=str(model)), hashes)[1] != pinned.sha256
    with pytest.raises(ModelError, match=r"model\.sha256 pins") as refused:
        pinned_model(pinned, hashes)
    assert "Fetch the model again" in str(refused.value)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_weights_are_refused(model: Path, keep: int) -> None:
    (model / UNET).write_bytes((model / UNET).read_bytes()[:keep])
    assert UNET in _refusal(model)


def test_text_in_place_of_weights_is_refused(model: Path) -> None:
    (model / UNET).write_text("version https://git-lfs.github.com/spec/v1\n" * 4)
    assert "not a safetensors header" in _refusal(model)


def test_a_missing_shard_is_refused_with_its_name(model: Path) -> None:
    index = {"weight_map": {"conv_in.weight": "diffusion-00002-of-00002.safetensors"}}
    (model / f"{UNET}.index.json").write_text(json.dumps(index))
    assert "diffusion-00002-of-00002.safetensors" in _refusal(model)


def _change_index(model: Path, **changes: object) -> None:
    path = model / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_unknown_pipeline_is_refused_with_those_known(model: Path) -> None:
    _change_index(model, _class_name="AudioLDM2Pipeline")
    message = _refusal(model)
    assert "AudioLDM2Pipeline" in message
    assert "StableDiffusionXLPipeline" in message


def test_code_inside_the_folder_is_never_run(model: Path) -> None:
    _change_index(model, unet=["my_unet", "MyUNet"])
    assert "never run" in _refusal(model)


def test_a_pipeline_within_the_pipeline_is_refused(model: Path) -> None:
    """Its components would be loaded, too, whatever they are."""
    within = model / "safety_checker"
    shutil.copytree(model / "unet", within)
    (within / "model_index.json").write_text('{"_class_name": "X", "a": ["code", "A"]}', "utf-8")
    _change_index(model, safety_checker=["diffusers", "UNet2DConditionModel"])
    assert "pipeline within" in _refusal(model)
    _change_index(model, safety_checker=["diffusers", "StableDiffusionPipeline"])
    assert "pipeline within" in _refusal(model)
    _change_index(model, safety_checker=[["diffusers"], "UNet2DConditionModel"])
    assert "never run" in _refusal(model)


def test_a_component_that_is_missing_is_named(model: Path) -> None:
    _change_index(model, vae=[None, None])
    assert "vae" in _refusal(model)


def test_damaged_json_is_refused(model: Path) -> None:
    (model / "model_index.json").write_text("{")
    assert "JSON" in _refusal(model)


def test_deeply_nested_json_is_refused(model: Path) -> None:
    (model / "model_index.json").write_text("[" * 100_000, "utf-8")
    with pytest.raises(ModelError, match="not readable JSON"):
        found(model)
