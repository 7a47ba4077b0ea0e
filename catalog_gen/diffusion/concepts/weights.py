"""A LoRA on a denoiser: trained by PEFT, and added to the weights for a block.

LoRA: Low-Rank Adaptation of Large Language Models (https://arxiv.org/abs/2106.09685).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import torch

from catalog_gen.diffusion.concepts.course import LessonError

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

#: How names in a LoRA's file begin: diffusers' name of the denoiser.
_ADAPTER: Final = "concept"
_INNER, _OUTER = ".lora_A.weight", ".lora_B.weight"


@contextmanager
def trained_lora(
    model: "LoadedModel", rank: int, targets: Sequence[str]
) -> Iterator[dict[str, torch.nn.Parameter]]:
    """A new LoRA on the denoiser during the block: its parameters by their names in the file.

    It changes nothing before it is trained: B is zero. A comes from torch's global generator.

    Args:
        targets: the ends of the layers' names: to_q, to_v.

    Raises:
        LessonError: the denoiser has no such layers, or wears LoRAs that can't be taken off.
    """
    from peft import LoraConfig

    denoiser, begin = model.denoiser, model.family.denoises
    if getattr(denoiser, "peft_config", None):
        raise LessonError(
            "model.loras",
            "this denoiser is quantised and wears them, and no second LoRA can be trained beside",
            "Remove model.loras, or use weights that are not quantised.",
        )
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets))
    try:
        denoiser.add_adapter(config, _ADAPTER)  # type: ignore[operator]
    except ValueError as error:
        # diffusers sets it before it looks for the layers, and would not add another one.
        denoiser._hf_peft_config_loaded = False  # type: ignore[assignment]
        raise LessonError(
            f"targets {list(targets)}",
            f"this model's denoiser has no such layers ({' '.join(str(error).split())[:200]})",
            "Name the ends of layers' names: to_q, to_v.",
        ) from error
    try:
        yield {
            f"{begin}.{name.replace(f'.{_ADAPTER}.', '.')}": parameter
            for name, parameter in denoiser.named_parameters()
            if f".{_ADAPTER}." in name
        }
    finally:
        denoiser.unload_lora()  # type: ignore[operator]


def merged(model: "LoadedModel", lora: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The denoiser's weights, by name, with a LoRA of alpha = rank added: W + BA."""
    begin = f"{model.family.denoises}."
    own = dict(model.denoiser.named_parameters())
    result = {}
    for name, inner in lora.items():
        if not name.endswith(_INNER):
            continue
        layer = name.removesuffix(_INNER)
        weight = own[f"{layer.removeprefix(begin)}.weight"]
        outer = lora[layer + _OUTER].to(weight.device, torch.float32)
        change = outer @ inner.to(weight.device, torch.float32)
        result[f"{layer.removeprefix(begin)}.weight"] = weight.detach().float() + change
    return result


def copied(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors' values as they are now, without gradients."""
    return {name: each.detach().clone() for name, each in tensors.items()}


@contextmanager
def replaced(module: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Give some parameters other values during the block, and then their own again, bit for bit.

    In place: a compiled module keeps its graph.
    """
    own = dict(module.named_parameters())
    before = copied({name: own[name] for name in values})
    try:
        _set(own, values)
        yield
    finally:
        _set(own, before)


def _set(own: Mapping[str, torch.nn.Parameter], values: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(value)
