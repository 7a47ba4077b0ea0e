"""Check the LoRAs and learned words that the settings add to a model, by the files' headers.

LoRA: Low-Rank Adaptation of Large Language Models (https://arxiv.org/abs/2106.09685). A LoRA adds
the product of (out, r) and (r, in) to the weights of an (out, in) layer. Textual inversion
(https://arxiv.org/abs/2208.01618) adds words to the text encoder's vocabulary.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog_gen.diffusion.families.family import Family
from catalog_gen.diffusion.weights import Shapes, kind_of, tensor_shapes
from catalog_gen.errors import ModelError
from catalog_gen.settings.model import EmbeddingSettings, LoraSettings

#: A layer's name in a LoRA file, before the suffixes of the two factors.
_PART: Final = re.compile(
    r"(?P<layer>.+?)\.(?P<part>lora_A|lora_B|lora_down|lora_up|lora\.down|lora\.up)\.weight"
)
_INNER: Final = frozenset({"lora_A", "lora_down", "lora.down"})
_PREFIXES: Final = ("unet.", "transformer.", "lora_unet_", "lora_transformer_")


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA file and its weight."""

    path: Path
    weight: float


@dataclass(frozen=True, slots=True)
class Embedding:
    """A learned word: its file, its spelling in prompts, and the number of tokens that it takes."""

    path: Path
    token: str
    vectors: int


def check_lora(asked: LoraSettings, pipeline: str, family: Family, denoiser: Shapes) -> Lora:
    """Check that a LoRA fits the denoiser, as far as the layer names allow a comparison.

    Args:
        denoiser: shapes of its weights; empty if another tool named them. Layers that can't be
            compared here are counted when the LoRA is loaded.

    Raises:
        ModelError: the file is missing, truncated or not a LoRA, or was made for other widths.
    """
    shapes = tensor_shapes(asked.path)
    kind = kind_of(shapes)
    if kind != "LoRA":
        remedy = "Name it in model.embeddings." if kind == "embedding" else "Name a LoRA's file."
        raise ModelError(str(asked.path), "holds no LoRA", remedy)
    if not family.loras:
        raise ModelError(
            str(asked.path),
            f"diffusers loads no LoRA into a {pipeline}",
            "Remove it from model.loras, or use another model.",
        )
    for layer, own, theirs in _unlike(shapes, denoiser):
        raise ModelError(
            str(asked.path),
            f"its {layer} is made for layers {theirs} wide, and the model's is {own} wide",
            "Name a LoRA that was trained for this model's kind.",
        )
    return Lora(asked.path, asked.weight)


def check_embedding(asked: EmbeddingSettings, pipeline: str, family: Family) -> Embedding:
    """Check that a learned word fits the family's text encoders.

    Raises:
        ModelError: the file is missing, truncated or not such a word.
    """
    if not family.words:
        raise ModelError(
            str(asked.path),
            f"diffusers loads no learned words into a {pipeline}",
            "Remove it from model.embeddings, or use another model.",
        )
    shapes = tensor_shapes(asked.path)
    if kind_of(shapes) != "embedding":
        raise ModelError(
            str(asked.path), "holds no learned word", "Name a textual inversion's file."
        )
    expected = {name for name in family.words if name}
    if expected and not expected <= shapes.keys():
        raise ModelError(
            str(asked.path),
            f"a {pipeline} takes {' and '.join(sorted(expected))}, and it has "
            f"{', '.join(sorted(shapes))}",
            "Name a word that was learned for this kind of model.",
        )
    vectors = {shape[0] if len(shape) == 2 else 1 for shape in shapes.values()}
    if len(vectors) > 1:
        raise ModelError(
            str(asked.path),
            f"its text encoders learned words of {' and '.join(map(str, sorted(vectors)))} tokens",
            "Name a file whose parts have the same number of tokens.",
        )
    return Embedding(asked.path, asked.token, *vectors)


def _unlike(lora: Shapes, denoiser: Shapes) -> Iterator[tuple[str, int, int]]:
    """Layers of different width: name, the model's width, the LoRA's width."""
    by_name = {
        name.removesuffix(".weight").replace(".", "_"): shape
        for name, shape in denoiser.items()
        if name.endswith(".weight") and len(shape) > 1
    }
    for name, shape in lora.items():
        found = _PART.fullmatch(name)
        if found is None:
            continue
        layer = found["layer"]
        for prefix in _PREFIXES:
            layer = layer.removeprefix(prefix)
        base = by_name.get(layer.replace(".", "_"))
        if base is None:
            continue
        inner = found["part"] in _INNER
        own, theirs = (base[1], shape[1]) if inner else (base[0], shape[0])
        if own != theirs:
            yield found["layer"], own, theirs
