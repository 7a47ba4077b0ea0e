"""Folders in transformers' form with a model of the user's: checked, hashed, and loaded.

Nothing in them runs: neither code that comes with a model nor pickled weights.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog_gen.diffusion.hub import READ
from catalog_gen.diffusion.weights import read_json
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_json

if TYPE_CHECKING:
    from catalog_gen.diffusion.hash_cache import HashCache


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose model can do what it is for."""

    path: Path
    architecture: str
    config: Mapping[str, Any]

    @classmethod
    def checked(
        cls, path: Path, usable: Collection[str], *, absent: tuple[str, str], unfit: str
    ) -> "ModelFolder":
        """The folder, if it has configuration and safetensors weights of a usable architecture.

        Args:
            absent: the rule and the next step where there is no ``config.json``.
            unfit: what models of other architectures don't do, such as "enlarges nothing".

        Raises:
            ModelError: it is missing or incomplete, brings its own code, or is another kind.
        """
        file = path / "config.json"
        if not file.is_file():
            raise ModelError(str(path), *absent)
        config = read_json(file)
        if "auto_map" in config:
            raise ModelError(
                str(file),
                "it needs code from its own folder, which is never run",
                "Use a model whose class is in transformers itself.",
            )
        if not any(path.glob("*.safetensors")):
            raise ModelError(
                str(path),
                "it has no safetensors weights; pickled ones can run any code",
                "Save it with safe_serialization=True.",
            )
        named = config.get("architectures")
        architecture = str(named[0]) if isinstance(named, list) and named else "not named"
        if architecture not in usable:
            raise ModelError(
                str(file),
                f"its architecture is {architecture}, which {unfit}",
                f"Use one of: {', '.join(sorted(usable))}.",
            )
        return cls(path, architecture, config)

    def sha256(self, hashes: "HashCache") -> str:
        """SHA-256 over the files that are read."""
        suffixes = READ | {".safetensors"}
        files = sorted(each for each in self.path.iterdir() if each.suffix in suffixes)
        return sha256_json({each.name: hashes.sha256(each) for each in files})

    def load(self, model_class: Any, *others: Any, remedy: str, **options: Any) -> tuple[Any, ...]:
        """The model in evaluation mode, on the CPU, and what stands beside it in the folder.

        Args:
            model_class: transformers' class of the model.
            others: those of preprocessor, tokenizer, ...
            remedy: the next step where they can't be loaded.
            options: of the model's ``from_pretrained``.

        Raises:
            ModelError: the files can't be read, or don't fit each other.
        """
        own: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            model = model_class.from_pretrained(self.path, use_safetensors=True, **options, **own)
            return model.eval(), *(each.from_pretrained(self.path, **own) for each in others)
        except (OSError, ValueError, RuntimeError) as error:
            why = " ".join(str(error).split())[:300]
            raise ModelError(str(self.path), f"it can't be loaded ({why})", remedy) from error
