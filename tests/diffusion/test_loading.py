from pathlib import Path

import pytest
import torch

from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.model_hash import model_hash
from catalog_gen.errors import ConfigError
from catalog_gen.settings.model import ModelSettings
from tests.tiny import tiny

from .conftest import found


def test_both_families_share_weights_between_the_pipelines(
    sd: LoadedModel, sdxl: LoadedModel
) -> None:
    for loaded in (sd, sdxl):
        assert loaded.pipelines["img2img"].unet is loaded.main.unet
        assert loaded.pipelines["img2img"].vae is loaded.main.vae
        assert loaded.dtype == "fp32"
    assert sdxl.main.watermark is None
    assert sdxl.pipelines["img2img"].watermark is None


def test_the_hash_is_that_of_the_folder(sd: LoadedModel, sd_folder: Path, cache: Path) -> None:
    assert sd.model_hash == model_hash(found(sd_folder), cache)


def test_the_environment_lists_everything_that_determines_pixels(sd: LoadedModel) -> None:
    environment = sd.environment(6)
    assert environment.device == "cpu"
    assert environment.batch_size == 6
    assert environment.threads == torch.get_num_threads()
    assert environment.libraries["torch"] == torch.__version__.split("+")[0]
    assert environment.differences(sd.environment(3, "bf16")) == [
        "batch_size: 6 -> 3",
        "dtype: fp32 -> bf16",
        "rounded_to: None -> fp32",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(sd_folder: Path, cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.device = 'auto'"):
        load_model(ModelSettings(id=str(sd_folder), device="cuda"), cache)


def test_lower_precision_goes_to_fp32_and_back_unchanged(sd_folder: Path, cache: Path) -> None:
    loaded = load_model(ModelSettings(id=str(sd_folder), device="cpu", dtype="bf16"), cache)
    before = {name: value.clone() for name, value in loaded.main.unet.state_dict().items()}
    with loaded.in_dtype("fp32"):
        assert loaded.pipelines["img2img"].unet.dtype == torch.float32
    assert loaded.main.unet.dtype == torch.bfloat16
    after = loaded.main.unet.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_weights_that_a_model_keeps_in_fp32_stay_so(tmp_path: Path) -> None:
    loaded = load_model(
        ModelSettings(id=str(tiny("flux", tmp_path / "flux")), device="cpu", dtype="fp16")
    )
    t5 = loaded.main.text_encoder_2
    before = {name: tensor.dtype for name, tensor in t5.named_parameters()}
    assert set(before.values()) == {torch.float16, torch.float32}
    with loaded.in_dtype("fp32"):
        assert {tensor.dtype for tensor in t5.parameters()} == {torch.float32}
    assert {name: tensor.dtype for name, tensor in t5.named_parameters()} == before
