from pathlib import Path
from typing import Any

import pytest
import torch

from catalog_gen.diffusion.families.family import FAMILIES
from catalog_gen.diffusion.loading import LoadedModel, load_model
from catalog_gen.diffusion.prompts import TOGETHER, PromptEncoder
from catalog_gen.settings.model import ModelSettings
from tests.tiny import tiny


def _encoded_by_diffusers(pipeline: Any, prompt: str, negative: str | None) -> list[torch.Tensor]:
    with torch.inference_mode():
        return list(
            pipeline.encode_prompt(
                prompt,
                device="cpu",
                num_images_per_prompt=1,
                do_classifier_free_guidance=True,
                negative_prompt=negative,
            )
        )


@pytest.mark.parametrize("negative", ["", "blurry"])
def test_embeddings_are_those_of_diffusers_to_the_bit(
    sd: LoadedModel, sdxl: LoadedModel, negative: str
) -> None:
    for loaded in (sd, sdxl):
        theirs = _encoded_by_diffusers(loaded.main, "a red mug", negative or None)
        with torch.inference_mode():
            ours = PromptEncoder(loaded).arguments(["a red mug"], [negative])
        names = ["prompt_embeds", "negative_prompt_embeds"]
        if loaded is sdxl:
            names += ["pooled_prompt_embeds", "negative_pooled_prompt_embeds"]
        assert sorted(ours) == sorted(names)
        for name, value in zip(names, theirs, strict=True):
            assert torch.equal(ours[name], value), name


def test_distinct_prompts_are_encoded_once(
    sd: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    original = sd.main.encode_prompt

    def counting(prompt: str, **options: Any) -> Any:
        seen.append(prompt)
        return original(prompt, **options)

    monkeypatch.setattr(sd.main, "encode_prompt", counting)
    encoder = PromptEncoder(sd, capacity=3)
    with torch.inference_mode():
        encoder.arguments(["mug", "cup", "mug"], ["", "", ""])
        encoder.arguments(["cup"], [""])
        assert seen == ["mug", "cup", ""]
        encoder.arguments(["jug"], None)  # the oldest, "mug", makes room
        encoder.arguments(["cup"], [""])
        encoder.arguments(["mug"], None)
    assert seen == ["mug", "cup", "", "jug", "mug"]


#: Tiny folders of the families whose prompts are encoded together on a GPU.
TOGETHER_IN = ["flux", "lcm", "pixart", "sana", "sd3", "sdxl_wide", "stable_diffusion_inpaint"]


@pytest.mark.parametrize("name", TOGETHER_IN)
def test_prompts_that_are_encoded_together_depend_on_no_neighbour(
    name: str, tmp_path: Path
) -> None:
    loaded = load_model(ModelSettings(id=str(tiny(name, tmp_path / "model")), device="cpu"))
    assert loaded.family.encodes_together
    prompts = [f"a {'very ' * number}red mug" for number in range(TOGETHER + 3)]
    with torch.inference_mode():
        alone = PromptEncoder(loaded).arguments(prompts[:1], None)
        together = PromptEncoder(loaded, together=TOGETHER)
        first = together.arguments(prompts, ["blurry"] * len(prompts))
        again = PromptEncoder(loaded, together=TOGETHER).arguments(prompts[:1], ["blurry"])
    assert first.keys() == again.keys()
    for key, values in again.items():
        assert torch.equal(values, first[key][:1]), key
    for key, values in alone.items():
        assert torch.allclose(values.float(), again[key].float(), atol=1e-4), key


def test_the_families_that_encode_together_are_tested_for_it() -> None:
    tested = {"flux", "lcm", "pixart", "sana", "sd3", "sdxl", "stable-diffusion-inpaint"}
    same = {"stable-diffusion", "sdxl-inpaint", "flux-fill", "flux-kontext"}  # by inheritance
    assert {name for name, family in FAMILIES.items() if family.encodes_together} == tested | same
