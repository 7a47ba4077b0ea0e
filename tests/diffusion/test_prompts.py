from typing import Any

import pytest
import torch

from catalog_gen.diffusion.loading import LoadedModel
from catalog_gen.diffusion.prompts import PromptEncoder


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


def test_each_distinct_prompt_is_encoded_once(
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
