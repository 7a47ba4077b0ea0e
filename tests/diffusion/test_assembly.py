"""Forms of weights: shards, checkpoint files, LoRAs, learned words, quantised denoisers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from catalog_gen.diffusion.assembly import assembled
from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import Drawn
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.model_hash import model_hash, model_parts, pinned_model
from catalog_gen.errors import ConfigError, ModelError
from catalog_gen.prompting.budget import TokenBudget
from catalog_gen.settings.model import EmbeddingSettings, LoraSettings, ModelSettings
from tests.tiny import tiny
from tests.tiny.added import lora, quantised, word
from tests.tiny.checkpoint import checkpoint
from tests.tiny_models import tiny_sd

from .conftest import MakeJob, found

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:peft"),
]


def _loaded(folder: Path | str, **settings: Any) -> LoadedModel:
    return load_model(ModelSettings(id=str(folder), device="cpu", **settings))


@pytest.fixture
def draw(make_job: MakeJob) -> Callable[..., list[str]]:
    """The hashes of two pictures drawn by a model, independent of the model's own hash."""

    def draw(loaded: LoadedModel, **changes: Any) -> list[str]:
        jobs = [make_job(loaded, seed, scheduler="own", **changes) for seed in range(2)]
        hashes = []
        for outcome in Engine(loaded, batch_size=2).draw(jobs):
            assert isinstance(outcome, Drawn), outcome
            hashes.append(outcome.sha256)
        return hashes

    return draw


def _without_weights(folder: Path, to: Path) -> Path:
    """The folder's configuration and tokenizers."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.safetensors"))
    return to


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_sharded_weights_draw_as_one_file_does(
    sd: LoadedModel, sd_folder: Path, tmp_path: Path, variant: str | None, draw: Any
) -> None:
    folder = tmp_path / "model"
    sd.main.save_pretrained(folder, max_shard_size="60KB", variant=variant)
    assert len(list((folder / "unet").glob("*.safetensors"))) > 1
    model = found(folder)
    assert model.variant == variant
    loaded = _loaded(folder)
    assert draw(loaded) == draw(sd)
    shard = min((folder / "unet").glob("*.safetensors"))
    shard.unlink()
    with pytest.raises(ModelError, match=shard.name):
        found(folder)


@pytest.fixture(scope="session")
def sdxl_wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("sdxl_wide", tmp_path_factory.mktemp("sdxl-wide"))


@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_a_checkpoint_file_draws_as_its_folder_does(
    kind: str, sd_folder: Path, sdxl_wide: Path, tmp_path: Path, draw: Any
) -> None:
    folder = sd_folder if kind == "sd" else sdxl_wide
    whole = _loaded(folder)
    file = checkpoint(whole.main, tmp_path / "my.safetensors")
    config = _without_weights(folder, tmp_path / "config")
    single = _loaded(file, config=str(config))
    assert draw(single) == draw(whole)
    assert single.model_hash != whole.model_hash
    moved = file.rename(tmp_path / "another-name.safetensors")
    assert pinned_model(ModelSettings(id=str(moved), config=str(config)))[1] == single.model_hash
    assert model_parts(found(moved, config=str(config)))["checkpoint"][0]["file"] == moved.name


def test_a_checkpoint_that_lacks_something_is_refused_before_it_is_loaded(
    sd: LoadedModel, sd_folder: Path, tmp_path: Path
) -> None:
    file = checkpoint(sd.main, tmp_path / "my.safetensors")
    with pytest.raises(ConfigError, match=r"Set model\.config"):
        found(file)
    with pytest.raises(ConfigError, match=r"Remove model\.config"):
        found(sd_folder, config=str(sd_folder))
    pickled = file.with_suffix(".ckpt")
    pickled.write_bytes(b"\x80")
    with pytest.raises(ModelError, match="can run any code"):
        found(pickled, config=str(sd_folder))
    worn = lora(_loaded(sd_folder).main, tmp_path / "lora.safetensors")
    with pytest.raises(ModelError, match=r"it is a LoRA.*no unet.*Name it in model\.loras"):
        found(worn, config=str(sd_folder))
    flux = tiny("flux", tmp_path / "flux")
    with pytest.raises(ModelError, match=r"does not come as one file.*model\.denoiser"):
        found(file, config=str(flux))
    nine = tiny("stable_diffusion_inpaint", tmp_path / "nine")
    inpainting = checkpoint(_loaded(nine).main, tmp_path / "nine.safetensors")
    with pytest.raises(ModelError, match=r"the checkpoint takes 9 channels.* takes 4"):
        found(inpainting, config=str(sd_folder))
    assert found(inpainting, config=str(nine)).checkpoint == inpainting
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError, match="header announces"):
        found(file, config=str(sd_folder))


@pytest.fixture(scope="session")
def loras(sd_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A style for the U-Net and one for the text encoder."""
    folder, pipeline = tmp_path_factory.mktemp("loras"), _loaded(sd_folder).main
    text = ["q_proj", "v_proj"]
    return (
        lora(pipeline, folder / "style.safetensors"),
        lora(pipeline, folder / "words.safetensors", part="text_encoder", targets=text),
    )


def _worn(*worn: tuple[Path, float]) -> dict[str, Any]:
    return {"loras": [LoraSettings(path=path, weight=weight) for path, weight in worn]}


def test_loras_change_pictures_by_their_weight_and_cost_no_step(
    sd: LoadedModel, sd_folder: Path, loras: tuple[Path, Path], draw: Any
) -> None:
    style, words = loras
    known = {"plain": sd}
    known["half"] = _loaded(sd_folder, **_worn((style, 0.5)))
    known["whole"] = _loaded(sd_folder, **_worn((style, 1.0)))
    known["both"] = _loaded(sd_folder, **_worn((style, 1.0), (words, 0.8)))
    assert len({each.model_hash for each in known.values()}) == 4
    pictures = {name: draw(each) for name, each in known.items()}
    assert len({tuple(each) for each in pictures.values()}) == 4
    assert draw(_loaded(sd_folder, **_worn((style, 0.5)))) == pictures["half"]
    assert draw(_loaded(sd_folder, **_worn((style, 0.0)))) == pictures["plain"]
    # In the weights: the same modules as without them.
    names = [name for name, _ in known["both"].denoiser.named_parameters()]
    assert names == [name for name, _ in sd.denoiser.named_parameters()]


def test_fused_loras_draw_as_adapters_do(
    sd_folder: Path, loras: tuple[Path, Path], make_job: MakeJob
) -> None:
    fused = _loaded(sd_folder, **_worn((loras[0], 0.7)))
    beside = assembled(found(sd_folder), torch.float32)
    beside.load_lora_weights(str(loras[0].parent), weight_name=loras[0].name, adapter_name="a")
    beside.set_adapters(["a"], [0.7])
    beside.set_progress_bar_config(disable=True)
    pictures = []
    for pipeline in (fused.main, beside):
        pictures.append(
            pipeline(
                "a red mug",
                width=32,
                height=32,
                num_inference_steps=3,
                generator=torch.Generator().manual_seed(1),
                output_type="np",
            ).images
        )
    assert np.abs(pictures[0] - pictures[1]).max() < 1 / 255


def test_a_lora_that_does_not_fit_is_refused(
    sd_folder: Path, sdxl_wide: Path, loras: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="is made for layers 16 wide"):
        found(sdxl_wide, **_worn((loras[0], 1.0)))
    with pytest.raises(ModelError, match="there is no such file"):
        found(sd_folder, **_worn((tmp_path / "gone.safetensors", 1.0)))
    with pytest.raises(ModelError, match=r"holds no LoRA.*model\.embeddings"):
        found(sd_folder, **_worn((word(tmp_path / "w.safetensors", emb_params=(1, 16)), 1.0)))
    with pytest.raises(ModelError, match="loads no LoRA into a PixArtAlphaPipeline"):
        found(tiny("pixart", tmp_path / "pixart"), **_worn((loras[0], 1.0)))
    foreign = tmp_path / "foreign.safetensors"
    from safetensors.torch import load_file, save_file

    tensors = load_file(loras[0])
    renamed = {name.replace("down_blocks.1", "down_blocks.7"): t for name, t in tensors.items()}
    save_file(renamed, foreign)
    with pytest.raises(ModelError, match="has a place for"):
        _loaded(sd_folder, **_worn((foreign, 1.0)))


def test_an_unused_lora_in_the_folder_is_reported(loras: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tiny_sd(tmp_path / "model")
    assert found(folder).warnings == ()
    before = model_hash(found(folder))
    for place in (folder, folder / "unet"):
        shutil.copy(loras[0], place / "pytorch_lora_weights.safetensors")
    model = found(folder)
    assert len(model.warnings) == 2
    assert "is a LoRA that is not loaded; name it in model.loras" in model.warnings[0]
    assert model_hash(model) == before
    asked = folder / "pytorch_lora_weights.safetensors"
    assert len(found(folder, **_worn((asked, 1.0))).warnings) == 1


@pytest.mark.parametrize(
    ("card", "warned"),
    [
        ("---\nlicense: other\nlicense_name: flux-1-dev-non-commercial-license\n---\n", True),
        ("---\nlicense: cc-by-nc-4.0\n---\n", True),
        ("---\nlicense: openrail++\ntags: [nc]\n---\n", False),
        ("No front matter, and research only in the text.", False),
    ],
)
def test_a_licence_that_forbids_selling_is_a_warning(
    tmp_path: Path, card: str, warned: bool
) -> None:
    folder = tiny_sd(tmp_path / "model")
    (folder / "README.md").write_text(card)
    assert bool(found(folder).warnings) is warned


def _learned(path: Path, token: str = "<my-mug>") -> dict[str, Any]:
    return {"embeddings": [EmbeddingSettings(path=path, token=token)]}


def test_a_learned_word_changes_pictures_whose_prompt_contains_it(
    sd: LoadedModel, sd_folder: Path, tmp_path: Path, draw: Any
) -> None:
    taught = _learned(word(tmp_path / "mug.safetensors", emb_params=(3, 16)))
    loaded = _loaded(sd_folder, **taught)
    assert loaded.model_hash != sd.model_hash
    assert draw(loaded, prompt="a red mug") == draw(sd, prompt="a red mug")
    assert draw(loaded, prompt="a <my-mug>") != draw(sd, prompt="a <my-mug>")
    model = found(sd_folder, **taught)
    plain = TokenBudget(sd_folder / "tokenizer")
    budget = TokenBudget(sd_folder / "tokenizer", None, model.learned_words)
    assert budget.count("a red mug") == plain.count("a red mug")
    # Three vectors, and what the pipeline reads of them.
    ids = loaded.main.tokenizer(
        loaded.main.maybe_convert_prompt("a <my-mug>", loaded.main.tokenizer)
    )
    assert budget.count("a <my-mug>") == len(ids["input_ids"]) == plain.count("a") + 3


def test_a_learned_word_for_both_text_encoders(
    sdxl_wide: Path, sd_folder: Path, tmp_path: Path, draw: Any
) -> None:
    both = word(tmp_path / "both.safetensors", clip_l=(2, 16), clip_g=(2, 24))
    loaded = _loaded(sdxl_wide, **_learned(both))
    assert draw(loaded, prompt="a <my-mug>") != draw(_loaded(sdxl_wide), prompt="a <my-mug>")
    with pytest.raises(ModelError, match="takes clip_g and clip_l, and it has emb_params"):
        found(sdxl_wide, **_learned(word(tmp_path / "one.safetensors", emb_params=(2, 16))))
    with pytest.raises(ModelError, match="loads no learned words"):
        found(tiny("sd3", tmp_path / "sd3"), **_learned(both))
    wide = word(tmp_path / "wide.safetensors", emb_params=(2, 24))
    with pytest.raises(ModelError, match=r"wide\.safetensors: .*do not fit together"):
        _loaded(sd_folder, **_learned(wide))


@pytest.fixture(scope="session")
def flux_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("flux", tmp_path_factory.mktemp("flux"))


def test_a_quantised_denoiser_replaces_the_folders_denoiser(
    flux_folder: Path, tmp_path: Path, draw: Any
) -> None:
    whole = _loaded(flux_folder)
    file = quantised(whole.denoiser, tmp_path / "flux-Q8_0.gguf")
    folder = shutil.copytree(flux_folder, tmp_path / "model")
    for weights in (folder / "transformer").glob("*.safetensors"):
        weights.unlink()
    with pytest.raises(ModelError, match="no safetensors weights"):
        found(folder)
    loaded = _loaded(folder, denoiser=file)
    assert {each.dtype for each in loaded.denoiser.parameters()} == {torch.uint8, torch.float32}
    assert loaded.dtype == "fp32"
    assert draw(loaded) == draw(_loaded(folder, denoiser=file)) != draw(whole)
    assert loaded.model_hash != whole.model_hash
    parts = model_parts(found(folder, denoiser=file))
    assert parts["denoiser"][0]["file"] == "flux-Q8_0.gguf"
    worn = lora(whole.main, tmp_path / "style.safetensors", part="transformer")
    styled = _loaded(folder, denoiser=file, **_worn((worn, 1.0)))
    assert draw(styled) != draw(loaded)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ModelError, match="not a complete GGUF file"):
        found(folder, denoiser=file)


def test_a_denoiser_in_one_safetensors_file_is_the_same_model(
    flux_folder: Path, tmp_path: Path, draw: Any
) -> None:
    (weights,) = (flux_folder / "transformer").glob("*.safetensors")
    alone = tmp_path / "transformer.safetensors"
    shutil.copy(weights, alone)
    assert draw(_loaded(flux_folder, denoiser=alone)) == draw(_loaded(flux_folder))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(before)
