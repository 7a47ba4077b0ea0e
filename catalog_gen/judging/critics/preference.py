"""A preference model in CLIP's form, such as PickScore or HPS.

It is a CLIP that was trained on which of two pictures of one prompt people prefer; its logit for
prompt and picture is the preference (Y. Kirstain et al., "Pick-a-Pic", 2023, arXiv:2305.01569). The
level means little by itself, so no rule of the rubric that comes with catalog_gen reads it: it
decides among candidates, and a critic that learns from reviews uses it.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.critics.critic import Answer
from catalog_gen.judging.critics.folder_critic import FolderCritic

_BATCH: Final = 16
_DIGITS: Final = 4


class PreferenceCritic(FolderCritic):
    """A transformers folder of a ``CLIPModel`` with its processor."""

    fact: ClassVar[Answer] = "preference"
    usable = frozenset({"CLIPModel"})
    unfit = "is no CLIPModel, as a preference model is"
    instead = (
        "Name a CLIPModel's folder, or set critic.kind = 'questions' for a vision-language model."
    )

    def check(self) -> str:
        return f"preference model {self.folder().path}"

    def classes(self) -> tuple[Any, Any]:
        from transformers import CLIPModel, CLIPProcessor

        return CLIPModel, CLIPProcessor

    def look(self, pictures: Sequence[Pixels], prompts: Sequence[str]) -> list[float]:
        """The logit of each picture and its prompt: the scaled cosine of their embeddings."""
        import torch
        from PIL import Image

        model, processor = self.loaded()
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
