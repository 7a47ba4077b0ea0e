"""A concept as bytes: one safetensors file, whose header has the lesson.

Tensors have the names by which diffusers and PEFT know them: a learned word is the tensor of its
spelling, (N, D); a LoRA has ``unet.LAYER.lora_A.weight`` and ``lora_B``. A file that holds one of
them alone is loaded by other tools as it is; ``parts`` takes apart what holds more.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from pydantic import ValidationError
from safetensors.torch import load, save

from catalog_gen.concept import Lesson
from catalog_gen.diffusion.jobs import DrawJob, RecipeError

#: The key of the header's metadata; a second key would make the order of the bytes undefined.
_LESSON: Final = "lesson"
_LORA: Final = ".lora_"
#: How the names of an optimised embedding's tensors begin.
OPTIMISED: Final = "imagic."


@dataclass(frozen=True, eq=False, slots=True)
class Concept:
    """What was learned, and the lesson that it was learned by."""

    lesson: Lesson
    tensors: Mapping[str, torch.Tensor]

    @property
    def lora(self) -> dict[str, torch.Tensor]:
        """The LoRA's tensors; empty: there is none."""
        return {name: each for name, each in self.tensors.items() if _LORA in name}

    @property
    def optimised(self) -> dict[str, torch.Tensor]:
        """The embedding from which the model draws the photo, by its names for pipelines."""
        return {
            name.removeprefix(OPTIMISED): each
            for name, each in self.tensors.items()
            if name.startswith(OPTIMISED)
        }

    @property
    def rest(self) -> dict[str, torch.Tensor]:
        """All other tensors."""
        return {name: each for name, each in self.tensors.items() if _LORA not in name}

    def parts(self) -> dict[str, bytes]:
        """The files that other tools load, by path.

        ``embedding.safetensors`` and ``lora.safetensors`` are diffusers', and ``peft`` is a folder
        of PEFT's with the same LoRA.
        """
        named = {"lora.safetensors": self.lora, "embedding.safetensors": self.rest}
        files = {name: written(self.lesson, each) for name, each in named.items() if each}
        return files | (self._peft() if self.lora else {})

    def _peft(self) -> dict[str, bytes]:
        # Names begin with diffusers' name of the denoiser, which PEFT does not know.
        own = {name.partition(".")[2]: each for name, each in self.lora.items()}
        layers = {name.partition(_LORA)[0] for name in own}
        rank = min(len(each) for name, each in own.items() if name.endswith("lora_A.weight"))
        config = {
            "peft_type": "LORA",
            "r": rank,
            "lora_alpha": rank,
            "target_modules": sorted(layers),
            "inference_mode": True,
        }
        tensors = {f"base_model.model.{name}": each for name, each in own.items()}
        return {
            "peft/adapter_config.json": json.dumps(config, indent=2).encode(),
            "peft/adapter_model.safetensors": written(self.lesson, tensors),
        }


def written(lesson: Lesson, tensors: Mapping[str, torch.Tensor]) -> bytes:
    """The bytes of a concept, which depend on nothing but these values."""
    own = {name: each.detach().to("cpu").contiguous() for name, each in sorted(tensors.items())}
    content: bytes = save(own, metadata={_LESSON: lesson.canonical})
    return content


def concept_of(job: DrawJob) -> Concept | None:
    """The concept that a job's recipe names; None: it names none.

    Raises:
        RecipeError: the job has none, or other bytes than the recipe's.
    """
    wanted = job.recipe.concept_sha256
    if wanted is None and "concept" not in job.recipe.method.needs:
        return None
    if job.concept is None or wanted is None:
        raise RecipeError(
            "concept",
            f"{job.recipe.method.name} needs what was learned about the product, and there is none",
            "Give the product a photo to learn from, or leave it out of this view.",
        )
    return _read(job.concept, wanted)


@lru_cache(maxsize=4)
def _read(content: bytes, wanted: str) -> Concept:
    if hashlib.sha256(content).hexdigest() != wanted:
        raise RecipeError(
            f"concept {wanted[:12]}",
            "these are not the bytes that the recipe names",
            "Restore a backup: `catalog-gen restore DIR --force`.",
        )
    return read(content)


def read(content: bytes) -> Concept:
    """Read what ``written`` wrote.

    Raises:
        RecipeError: its learner is not installed.
    """
    length = int.from_bytes(content[:8], "little")  # safetensors: the header's length, then JSON
    header = json.loads(content[8 : 8 + length])["__metadata__"]
    try:
        lesson = Lesson.model_validate_json(header[_LESSON])
    except ValidationError as error:
        raise RecipeError(
            "concept",
            f"it was learned in a way that is not installed ({error.errors()[0]['msg']})",
            "Install the package that has this learner.",
        ) from error
    return Concept(lesson, load(content))
