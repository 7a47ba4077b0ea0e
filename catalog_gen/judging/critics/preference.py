"""A preference model in CLIP's form, such as PickScore or HPS.

It is a CLIP that was trained on which of two pictures of one prompt people prefer; its logit for
prompt and picture is the preference (Y. Kirstain et al., "Pick-a-Pic", 2023, arXiv:2305.01569). The
level means little by itself, so no rule of the rubric that comes with catalog_gen reads it: it
decides among candidates, and a critic that learns from reviews uses it.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from catalog_gen.errors import ModelError
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.critics.critic import Answer, Critic, Hashing
from catalog_gen.judging.critics.folders import checked_folder, folder_hash, load_folder
from catalog_gen.settings import CriticSettings

_BATCH: Final = 16
_DIGITS: Final = 4


class PreferenceCritic(Critic):
    """A transformers folder of a ``CLIPModel`` with its processor."""

    fact: ClassVar[Answer] = "preference"

    def __init__(self, settings: CriticSettings) -> None:
        super().__init__(settings)
        self._lock = threading.Lock()
        self._parts: tuple[Any, Any] | None = None

    def check(self) -> str:
        return f"preference model {_checked(self.settings.id)}"

    def identity(self, hashing: Hashing) -> str:
        return folder_hash(_checked(self.settings.id), hashing)

    def look(self, pictures: Sequence[Pixels], prompts: Sequence[str]) -> list[float]:
        """The logit of each picture and its prompt: the scaled cosine of their embeddings."""
        import torch
        from PIL import Image

        model, processor = self._loaded()
        found: list[float] = []
        for start in range(0, len(pictures), _BATCH):
            chosen = slice(start, start + _BATCH)
            inputs = processor(
                images=[Image.fromarray(each) for each in pictures[chosen]],
                text=list(prompts[chosen]),
                return_tensors="pt",
                padding="max_length",
                truncation=True,
                max_length=model.config.text_config.max_position_embeddings,
            ).to(model.device, model.dtype)
            with torch.inference_mode():
                seen = model(**inputs)
                cosines = (seen.image_embeds * seen.text_embeds).sum(-1)
                logits = cosines * model.logit_scale.exp()
            found += [round(float(each), _DIGITS) for each in logits]
        return found

    def _loaded(self) -> tuple[Any, Any]:
        from transformers import CLIPModel, CLIPProcessor

        with self._lock:
            if self._parts is None:
                folder = _checked(self.settings.id)
                self._parts = load_folder(folder, CLIPModel, CLIPProcessor)
            return self._parts


def _checked(folder: Path) -> Path:
    found = checked_folder(folder).get("model_type")
    if found != "clip":
        raise ModelError(
            str(folder),
            f"is a model of type '{found}', and a preference model is a 'clip'",
            "Name a CLIPModel's folder, or set critic.kind = 'questions' for a vision-language "
            "model.",
        )
    return folder
