"""What a photo shows, in words: by a captioner in transformers' form.

Models that caption without being asked anything load: an encoder with a decoder
(``VisionEncoderDecoderModel``), BLIP, GIT; none runs code of its own. A caption is made of the
likeliest tokens, one by one, each with the probability that the model gave it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from catalog_gen.diffusion.model_folder import ModelFolder
from catalog_gen.fingerprint import canonical_json, sha256_text
from catalog_gen.imaging.pixels import Pixels

if TYPE_CHECKING:
    from catalog_gen.diffusion.hash_cache import HashCache

#: Those of transformers' architectures that caption a picture without a question.
ARCHITECTURES: Final = (
    "BlipForConditionalGeneration",
    "GitForCausalLM",
    "VisionEncoderDecoderModel",
)
#: Tokens of a caption, at most.
_LONGEST: Final = 48
_CLOSE: Final = re.compile(r" ([,.;:!?])")
_JOINED: Final = re.compile(r"(?<=\w) - (?=\w)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A token's text, and the probability that the model gave it after those before it."""

    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption, piece by piece."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The caption as it is written: tokenizers of words put blanks before commas, too."""
        spoken = "".join(each.text for each in self.pieces).strip()
        return _JOINED.sub("-", _CLOSE.sub(r"\1", spoken))

    @property
    def confidence(self) -> float:
        """The probability of the whole caption, 0..1."""
        return prod(each.probability for each in self.pieces)


class Captioner:
    """Loads the model with the first photo; on the CPU, where its words do not depend on a card.

    Args:
        folder: configuration, image preprocessor, tokenizer and safetensors weights.
        hashes: remembers the hashes of its files.

    Raises:
        ModelError: the folder is missing or incomplete, brings its own code, or is another kind.
    """

    def __init__(self, folder: Path, hashes: "HashCache") -> None:
        self._folder = ModelFolder.checked(
            folder,
            ARCHITECTURES,
            absent=(
                "captions.model is a folder with a config.json, and there is none",
                "Name the folder of a transformers model that captions pictures.",
            ),
            unfit="captions nothing without a question",
        )
        self.made_by: Mapping[str, Any] = {
            "version": 1,
            "architecture": self._folder.architecture,
            "sha256": self._folder.sha256(hashes.sha256),
        }

    @property
    def maker(self) -> str:
        """SHA-256 over all that decides its captions."""
        return sha256_text(canonical_json(dict(self.made_by)))

    def caption(self, photo: Pixels) -> Caption:
        """The likeliest caption of a photo (H, W, 3)."""
        import torch
        from PIL import Image

        model, prepare, tokenizer = self._parts
        seen = prepare(images=Image.fromarray(photo), return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            answer = model.generate(
                pixel_values=seen,
                do_sample=False,
                num_beams=1,
                max_new_tokens=_LONGEST,
                output_scores=True,
                return_dict_in_generate=True,
            )
        steps = len(answer.scores)
        tokens = answer.sequences[0, -steps:].tolist()
        pieces: list[Piece] = []
        before = ""
        for place, (token, scores) in enumerate(zip(tokens, answer.scores, strict=True), start=1):
            text = tokenizer.decode(tokens[:place], skip_special_tokens=True)
            probability = float(scores[0].float().softmax(-1)[token])
            pieces.append(Piece(text.removeprefix(before), probability))
            before = text
        return Caption(tuple(pieces))

    @cached_property
    def _parts(self) -> tuple[Any, ...]:
        """The model, its preprocessor and its tokenizer."""
        from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

        model, *others = self._folder.load(
            AutoModelForImageTextToText,
            AutoImageProcessor,
            AutoTokenizer,
            dtype="float32",
            remedy="Save model, image preprocessor and tokenizer again, or take captions.model "
            "out.",
        )
        model.generation_config.max_length = None  # else it is warned of beside max_new_tokens
        return model, *others
