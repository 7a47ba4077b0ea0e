"""Folders in transformers' form with a model of the user's: checked, hashed, and loaded.

Nothing in them runs: neither code that comes with a model nor pickled weights.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalog_gen.diffusion.hub import READ
from catalog_gen.diffusion.weights import check_component, read_json
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_files

#: Files that can name code of their own.
_CONFIGS: Final = (
    "config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
)
#: Their keys that do.
_CODE: Final = ("trust_remote_code", "auto_map", "custom_pipelines")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose model can do what it is for."""

    path: Path
    architecture: str
    config: Mapping[str, Any]

    @classmethod
    def checked(
        cls,
        path: Path,
        usable: Collection[str] | None,
        *,
        absent: tuple[str, str],
        unfit: str = "",
        instead: str = "",
    ) -> "ModelFolder":
        """The folder, if it has configuration and safetensors weights of a usable architecture.

        Args:
            usable: transformers' names of the architectures; None: what loads will do.
            absent: the rule and the next step where there is no ``config.json``.
            unfit: what models of other architectures don't do, such as "enlarges nothing".
            instead: the next step then; without it, the usable architectures are listed.

        Raises:
            ModelError: it is missing or incomplete, brings its own code, its weights are pickled or
                cut off, or it is another kind.
        """
        file = path / "config.json"
        if not file.is_file():
            raise ModelError(str(path), *absent)
        refuse_code(path, _CONFIGS)
        check_component(path, None)
        config = read_json(file)
        named = config.get("architectures")
        architecture = str(named[0]) if isinstance(named, list) and named else "not named"
        if usable is not None and architecture not in usable:
            raise ModelError(
                str(file),
                f"its architecture is {architecture}, which {unfit}",
                instead or f"Use one of: {', '.join(sorted(usable))}.",
            )
        return cls(path, architecture, config)

    def sha256(self, hashing: Callable[[Path], str]) -> str:
        """SHA-256 over the files that are read; ``hashing`` gives that of one."""
        suffixes = READ | {".safetensors"}
        files = sorted(each for each in self.path.iterdir() if each.suffix in suffixes)
        return sha256_files(files, hashing)

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
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
            why = " ".join(str(error).split())[:300]
            raise ModelError(str(self.path), f"it can't be loaded ({why})", remedy) from error


def refuse_code(folder: Path, names: Iterable[str]) -> None:
    """Refuse configurations that make transformers run Python files, or ask whether to.

    Raises:
        ModelError: one of a folder's files of these names does, at any depth.
    """
    for file in (folder / name for name in names):
        asked: list[object] = [read_json(file)] if file.is_file() else []
        while asked:
            value = asked.pop()
            if isinstance(value, dict):
                found = [name for name in _CODE if value.get(name)]
                if found:
                    raise ModelError(
                        str(file),
                        f"asks for code that comes with the model ({found[0]}), which is never run",
                        "Use a model whose classes are transformers' own.",
                    )
                asked += value.values()
            elif isinstance(value, list):
                asked += value
