"""Inspect weights files by their headers: completeness, shapes and kind.

No tensor is read. Pickled weights are always refused, since a pickle can run any code.
"""

import json
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from catalog_gen.errors import ModelError

#: The shapes of a file's tensors, by name.
Shapes = Mapping[str, tuple[int, ...]]
#: What a file holds if it is not a whole component.
Kind = Literal["LoRA", "embedding", "other"]

PICKLED: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl"})
#: Maximum size of a safetensors header, the same as in the format's own readers.
_MAX_HEADER: Final = 100_000_000
#: Names that ``save_pretrained`` gives to a component's weights, in diffusers and transformers.
_NAME: Final = re.compile(
    r"(?:diffusion_pytorch_model|model)(?:\.(?P<variant>\w+?))?(?:-\d{5}-of-\d{5})?"
    r"(?:\.(?P<late>\w+))?\.safetensors"
)
_INDEX: Final = re.compile(
    r"(?:diffusion_pytorch_model|model)\.safetensors\.index(?:\.(?P<variant>\w+))?\.json"
)
_LORA_SIGNS: Final = (
    ".lora_A.",
    ".lora_B.",
    ".lora_down.",
    ".lora_up.",
    ".lora.down.",
    ".lora.up.",
)
#: What diffusers, transformers, peft and safetensors raise where weights and classes disagree.
MISFITS: Final = (RuntimeError, ValueError, KeyError, AttributeError, TypeError, OSError)
#: The tensors of a learned word, as AUTOMATIC1111 and trainers for SDXL write it.
_EMBEDDING_SIGNS: Final = frozenset({"emb_params", "clip_l", "clip_g"})


def tensor_shapes(file: Path) -> Shapes:
    """The shapes of a safetensors file's tensors. Checks the file's length against its header.

    The format: 8 bytes of header length (little-endian), a JSON header that gives each tensor's
    shape, begin and end, then the tensors without gaps.

    Raises:
        ModelError: the file is missing, truncated or not a safetensors file.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            prefix = stream.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else -1
            if not 2 <= length <= min(_MAX_HEADER, size - 8):
                raise broken(file, "its header is truncated or is not a safetensors header")
            raw = stream.read(length)
    except FileNotFoundError:
        raise broken(file, "there is no such file") from None
    try:
        header = json.loads(raw)
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        shapes = {name: tuple(map(int, entry["shape"])) for name, entry in tensors.items()}
        ends = [int(entry["data_offsets"][1]) for entry in tensors.values()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise broken(file, "its header is not a safetensors header") from error
    announced = 8 + length + max(ends, default=0)
    if size != announced:
        raise broken(file, f"it has {size} bytes, and its header announces {announced}")
    return shapes


def check_safetensors(file: Path) -> None:
    """Refuse a file that ``tensor_shapes`` can't read.

    Raises:
        ModelError: as there.
    """
    tensor_shapes(file)


def gguf_shapes(file: Path) -> Shapes:
    """The shapes of a GGUF file's tensors, unquantised, in torch's order.

    Raises:
        ModelError: the file is missing, truncated or not a GGUF file.
    """
    from gguf import GGUFReader

    if not file.is_file():
        raise broken(file, "there is no such file")
    try:
        reader = GGUFReader(file)
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        raise broken(file, f"is not a complete GGUF file ({error})") from error
    # ggml lists dimensions from the innermost one.
    return {
        tensor.name: tuple(int(length) for length in reversed(tensor.shape.tolist()))
        for tensor in reader.tensors
    }


def kind_of(shapes: Shapes) -> Kind:
    """What a file beside a model holds."""
    if any(sign in name for name in shapes for sign in _LORA_SIGNS):
        return "LoRA"
    if shapes.keys() <= _EMBEDDING_SIGNS and shapes:
        return "embedding"
    return "embedding" if _one_word(shapes) else "other"


def _one_word(shapes: Shapes) -> bool:
    """Whether these are the vectors of one word, as diffusers writes them: {"<mug>": (N, D)}."""
    return len(shapes) == 1 and all(
        "." not in name and len(shape) <= 2 for name, shape in shapes.items()
    )


def component_weights(folder: Path) -> dict[str | None, list[Path]]:
    """A component's safetensors files by variant ("fp16"); None for the plain ones.

    Files under other names are not weights of the component; no library loads them.
    """
    weights: dict[str | None, list[Path]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found = _NAME.fullmatch(file.name)
        if found is not None:
            weights.setdefault(found["variant"] or found["late"], []).append(file)
    return weights


def check_component(folder: Path, variant: str | None) -> list[Path]:
    """The weights files of a component that are loaded for this variant, checked and sorted.

    A component without files of this variant has its plain ones loaded.

    Raises:
        ModelError: there are none, they are pickled or truncated, or a shard is missing.
    """
    by_variant = component_weights(folder)
    chosen = variant if variant in by_variant else None
    weights = by_variant.get(chosen, [])
    if not weights:
        if any(each.suffix in PICKLED for each in folder.iterdir()):
            raise ModelError(
                str(folder),
                "its weights are pickled, and a pickle can run any code",
                "Convert them: load the model where you trust it and call "
                "save_pretrained(folder, safe_serialization=True).",
            )
        raise ModelError(
            str(folder),
            "it has no safetensors weights, or only those of a variant that the rest lacks",
            "Fetch the model again, or save it whole.",
        )
    for file in weights:
        check_safetensors(file)
    for index in folder.glob("*.json"):
        found = _INDEX.fullmatch(index.name)
        if found is not None and found["variant"] == chosen:
            _check_shards(index)
    return sorted(weights)


def common_variant(folders: Iterable[Path]) -> str | None:
    """The variant to load: that of the first component which has no plain weights."""
    for folder in folders:
        weights = component_weights(folder)
        if weights and None not in weights:
            return min(weights, key=str)
    return None


def read_json(file: Path) -> dict[str, object]:
    """Read a JSON object.

    Raises:
        ModelError: the file is missing, or is not a JSON object.
    """
    try:
        value = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            str(file.parent),
            f"it has no {file.name}, so it is not a diffusers folder",
            "Name the folder that save_pretrained wrote; or one checkpoint file as model.id, with "
            "such a folder as model.config.",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise broken(file, f"is not readable JSON ({error})") from error
    if not isinstance(value, dict):
        raise broken(file, "is not a JSON object")
    return value


def broken(file: Path, rule: str) -> ModelError:
    """The error for a broken file, whose remedy is a new copy."""
    return ModelError(str(file), rule, "Fetch or copy the model again.")


def misfit(file: Path, error: Exception) -> ModelError:
    """The error for a complete file whose weights its class refused."""
    reason = " ".join(str(error).split())[:300]
    return ModelError(
        str(file),
        f"its weights and its configuration do not fit together ({reason})",
        "Name files that belong to one kind of model.",
    )


def _check_shards(index: Path) -> None:
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict):
        raise broken(index, "it lists no shards")
    for name in sorted({str(shard) for shard in shards.values()}):
        if not (index.parent / name).is_file():
            raise broken(index.parent / name, f"{index.name} lists this shard, and it is missing")
