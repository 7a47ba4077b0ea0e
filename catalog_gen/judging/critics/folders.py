"""Folders of the transformers library: checked, hashed and loaded without running their code."""

from pathlib import Path
from typing import Any, Final

from catalog_gen.diffusion.weights import check_component, read_json
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.judging.critics.critic import Hashing

#: What decides a model's answers besides its weights: configuration, tokenizer, chat template.
_TEXTS: Final = frozenset({".json", ".txt", ".jinja", ".model"})
_CONFIGS: Final = ("config.json", "processor_config.json", "preprocessor_config.json")
_REMEDY: Final = (
    "Set critic.id to a folder that save_pretrained of the transformers library wrote, with model "
    "and processor."
)


def checked_folder(folder: Path) -> dict[str, Any]:
    """The folder's ``config.json``.

    Raises:
        ModelError: there is no such folder, its weights are missing, pickled or cut off, or it
            asks for code of its own.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(str(folder), "is no transformers folder: it has no config.json", _REMEDY)
    for name in _CONFIGS:
        if (folder / name).is_file() and "auto_map" in read_json(folder / name):
            raise ModelError(
                str(folder / name),
                "names code that comes with the model (auto_map), which is never run",
                "Choose a model whose architecture is part of the transformers library.",
            )
    check_component(folder, None)
    return read_json(folder / "config.json")


def folder_hash(folder: Path, hashing: Hashing) -> str:
    """SHA-256 over the folder's weights and texts.

    Raises:
        ModelError: as ``checked_folder``.
    """
    checked_folder(folder)
    files = sorted(
        each for each in folder.iterdir() if each.suffix in _TEXTS or each.suffix == ".safetensors"
    )
    return sha256_json({each.name: hashing(each) for each in files})


def load_folder(folder: Path, model_class: Any, processor_class: Any) -> tuple[Any, Any]:
    """The model in evaluation mode, on a GPU if there is one, and its processor.

    Raises:
        ModelError: as ``checked_folder``, or the files don't fit each other.
    """
    import torch

    checked_folder(folder)
    cuda = torch.cuda.is_available()
    try:
        model = model_class.from_pretrained(
            folder,
            dtype=torch.bfloat16 if cuda else torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        processor = processor_class.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        raise ModelError(str(folder), f"can't be loaded as a critic ({error})", _REMEDY) from error
    return model.eval().to("cuda" if cuda else "cpu"), processor
