"""ControlNets: checked by configuration and headers, then loaded beside the model.

Adding Conditional Control to Text-to-Image Diffusion Models (https://arxiv.org/abs/2302.05543): a
copy of the U-Net's first half looks at a control picture and adds to what the U-Net computes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from catalog_gen.diffusion.families.family import Family
from catalog_gen.diffusion.weights import (
    MISFITS,
    check_component,
    common_variant,
    misfit,
    read_json,
)
from catalog_gen.errors import ModelError
from catalog_gen.settings.model import ControlNetSettings

if TYPE_CHECKING:
    import torch

_CONFIG: Final = "config.json"
#: What a ControlNet copies from the U-Net that it was made for.
_COPIED: Final = ("in_channels", "cross_attention_dim", "block_out_channels", "layers_per_block")
#: Output channels of the layers that bring the control picture to the latents' size, by default.
_EMBEDDING: Final = (16, 32, 96, 256)


@dataclass(frozen=True, slots=True)
class ControlNet:
    """A checked ControlNet: its name in the settings, its folder, and the files that are read."""

    name: str
    path: Path
    files: tuple[Path, ...]
    variant: str | None


def check_controlnet(
    asked: ControlNetSettings, model: Path, pipeline: str, family: Family
) -> ControlNet:
    """A ControlNet that fits the model.

    Args:
        asked: its name and folder.
        model: the model's diffusers folder, for the configurations of its U-Net and VAE.
        pipeline: the model's pipeline class.
        family: the model's family.

    Raises:
        ModelError: the family takes none; the folder holds none, or pickled or broken weights; or
            it was made for a model of another kind.
    """
    family.check_draws_with("controlnet", asked.path, pipeline)
    own = read_json(asked.path / _CONFIG) if (asked.path / _CONFIG).is_file() else {}
    if own.get("_class_name") != "ControlNetModel":
        raise ModelError(
            str(asked.path),
            f"it has no {_CONFIG} of a ControlNet (_class_name = 'ControlNetModel')",
            "Name the diffusers folder of a ControlNet.",
        )
    unet = read_json(model / family.denoises / _CONFIG)
    for key in _COPIED:
        if key in own and key in unet and own[key] != unet[key]:
            raise ModelError(
                str(asked.path),
                f"its {key} is {own[key]}, and that of the model's {family.denoises} {unet[key]}",
                "Name a ControlNet that was made for this kind of model.",
            )
    layers, blocks = own.get("conditioning_embedding_out_channels"), _blocks(model)
    halvings = len(layers if isinstance(layers, Sequence) else _EMBEDDING) - 1
    if blocks is not None and halvings != blocks - 1:
        raise ModelError(
            str(asked.path),
            f"it divides a picture's sides by {2**halvings}, and the model's VAE by "
            f"{2 ** (blocks - 1)}",
            "Name a ControlNet that was made for this kind of model.",
        )
    variant = common_variant([asked.path])
    weights = check_component(asked.path, variant)
    return ControlNet(asked.name, asked.path, (asked.path / _CONFIG, *weights), variant)


def load_controlnets(nets: Sequence[ControlNet], dtype: "torch.dtype") -> Mapping[str, Any]:
    """The networks by name, on the CPU.

    Raises:
        ModelError: a folder's configuration and weights do not fit together.
    """
    import diffusers

    network: Any = diffusers.ControlNetModel
    loaded: dict[str, Any] = {}
    for net in nets:
        try:
            loaded[net.name] = network.from_pretrained(
                str(net.path),
                dtype=dtype,
                variant=net.variant,
                use_safetensors=True,
                local_files_only=True,
            )
        except MISFITS as error:
            raise misfit(net.path, error) from error
    return loaded


def _blocks(model: Path) -> int | None:
    """The levels of the model's VAE; None: its configuration leaves them to the class."""
    levels = read_json(model / "vae" / _CONFIG).get("block_out_channels")
    return len(levels) if isinstance(levels, list) else None
