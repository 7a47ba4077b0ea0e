"""Where a scorer's model comes from: its folder, hub id or open_clip name, checked and hashed."""

import hashlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from catalog_gen.broken_rules import nearest
from catalog_gen.diffusion.model_folder import refuse_code
from catalog_gen.diffusion.weights import check_safetensors
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_file, sha256_files
from catalog_gen.settings.types import LOCAL_SCORER

if TYPE_CHECKING:
    import torch

_HUB: Final = "hf-hub:"
_CONFIG: Final = "open_clip_config.json"
_TOKENIZER_FILES: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
)
#: Configurations of a scorer that can ask transformers for code, and how.
_TRUSTING: Final = (_CONFIG, "config.json", "tokenizer_config.json")
_WEIGHTS: Final = frozenset({".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz"})
REMEDY: Final = (
    "Set scorer.id to 'local-dir:FOLDER' with an open_clip folder, to 'hf-hub:OWNER/NAME', "
    "or to 'ARCHITECTURE:TAG' as open_clip.list_pretrained() names them."
)


def folder_scorer_hash(model_id: str) -> str | None:
    """The hash of a scorer in a folder; None for another, whose hash takes loading it.

    Raises:
        ModelError: the folder can't be used.
    """
    return folder_hash(checked_folder(model_id)) if model_id.startswith(LOCAL_SCORER) else None


def check_scorer(model_id: str) -> str:
    """Check a scorer by its files or its name, and describe it, without loading or fetching it.

    Raises:
        ModelError: the folder doesn't exist, its safetensors are incomplete, or open_clip doesn't
            know the architecture.
    """
    if model_id.startswith(LOCAL_SCORER):
        return f"{model_id}, {folder_hash(checked_folder(model_id))[:16]}"
    name, tag = name_and_tag(model_id)
    if tag is not None:
        known = {each.stem for each in _architectures()}
        if name.replace("/", "-") not in known:
            near = nearest(name, known)
            hint = f"; did you mean '{near}:{tag}'?" if near else ""
            raise ModelError(model_id, f"open_clip has no architecture '{name}'{hint}", REMEDY)
    return f"{model_id}, not loaded yet"


def _architectures() -> Iterator[Path]:
    """The configuration files inside open_clip, found without its import of ten seconds."""
    package = find_spec("open_clip")
    for folder in (package.submodule_search_locations or ()) if package else ():
        yield from (Path(folder) / "model_configs").glob("*.json")


def name_and_tag(model_id: str) -> tuple[str, str | None]:
    """The model's name in open_clip and its pretrained tag."""
    if model_id.startswith(LOCAL_SCORER):
        checked_folder(model_id)
        return model_id, None
    if model_id.startswith(_HUB):
        return model_id, None
    name, _, tag = model_id.partition(":")
    if not tag:
        raise ModelError(model_id, "names no pretrained weights for this architecture", REMEDY)
    return name, tag


def checked_folder(model_id: str) -> Path:
    """The model's folder; it must hold a configuration, one safetensors file and no pickles."""
    folder = Path(model_id.removeprefix(LOCAL_SCORER))
    if not (folder / _CONFIG).is_file():
        raise ModelError(str(folder), f"is not an open_clip folder: it has no {_CONFIG}", REMEDY)
    weights = [each for each in sorted(folder.iterdir()) if each.suffix in _WEIGHTS]
    if [each.suffix for each in weights] != [".safetensors"]:
        found = ", ".join(each.name for each in weights) or "none"
        raise ModelError(
            str(folder),
            f"must hold its weights in one safetensors file and no other format; found: {found}",
            "Convert pickled weights to safetensors, and delete the rest.",
        )
    check_safetensors(weights[0])
    refuse_code(folder, _TRUSTING)
    return folder


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and hashes of the files that decide an embedding."""
    names = {_CONFIG, *_TOKENIZER_FILES}
    files = sorted(
        each for each in folder.iterdir() if each.name in names or each.suffix == ".safetensors"
    )
    return sha256_files(files, sha256_file)


def tensor_hash(tensors: Mapping[str, "torch.Tensor"]) -> str:
    """SHA-256 over names, shapes and values (as fp32) of a model's tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].detach().cpu().contiguous().float().numpy()
        digest.update(f"{name} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
