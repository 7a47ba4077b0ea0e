"""What a photo shows, in words: by a captioner in transformers' form.

Models that caption without being asked anything load: an encoder with a decoder
(``VisionEncoderDecoderModel``), BLIP, GIT; none runs code of its own. A caption is made of the
likeliest tokens, one by one, each with the probability that the model gave it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from catalog_gen.diffusion.hub import READ
from catalog_gen.diffusion.weights import read_json
from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import canonical_json, sha256_json, sha256_text
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
        """The caption, without blanks around it."""
        return "".join(each.text for each in self.pieces).strip()

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
        self._folder = folder
        architecture = _checked(folder)
        files = sorted(each for each in folder.iterdir() if each.suffix in READ | {".safetensors"})
        self.made_by: Mapping[str, Any] = {
            "version": 1,
            "architecture": architecture,
            "sha256": sha256_json({each.name: hashes.sha256(each) for each in files}),
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
    def _parts(self) -> tuple[Any, Any, Any]:
        """The model, its preprocessor and its tokenizer."""
        from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

        kind: Any = AutoModelForImageTextToText
        prepare: Any = AutoImageProcessor
        words: Any = AutoTokenizer
        own: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            model = kind.from_pretrained(self._folder, use_safetensors=True, dtype="float32", **own)
            parts = (prepare, words)
            return model.eval(), *(each.from_pretrained(self._folder, **own) for each in parts)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                str(self._folder),
                f"it can't be loaded ({' '.join(str(error).split())[:300]})",
                "Save model, image preprocessor and tokenizer again, or take captions.model out.",
            ) from error


def _checked(folder: Path) -> str:
    """The folder's architecture.

    Raises:
        ModelError: see ``Captioner``.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise ModelError(
            str(folder),
            "captions.model is a folder with a config.json, and there is none",
            "Name the folder of a transformers model that captions pictures.",
        )
    config = read_json(file)
    if "auto_map" in config:
        raise ModelError(
            str(file),
            "it needs code from its own folder, which is never run",
            "Use a model whose class is in transformers itself.",
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            str(folder),
            "it has no safetensors weights; pickled ones can run any code",
            "Save it with safe_serialization=True.",
        )
    named = config.get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else "not named"
    if architecture not in ARCHITECTURES:
        raise ModelError(
            str(file),
            f"its architecture is {architecture}, which captions nothing without a question",
            f"Use one of: {', '.join(ARCHITECTURES)}.",
        )
    return architecture
