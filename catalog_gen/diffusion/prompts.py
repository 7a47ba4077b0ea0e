"""Encode prompts, and cache the embeddings for later pictures.

A prompt is always encoded alone, so that its embedding never depends on its neighbours.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from catalog_gen.diffusion.families.family import Embedding

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

#: About 0.25 MB each for Stable Diffusion and 0.6 MB for SDXL, in fp32.
CAPACITY: Final = 256


class PromptEncoder:
    """Encodes prompts by the model's family, and caches the latest ones."""

    def __init__(self, model: "LoadedModel", capacity: int = CAPACITY) -> None:
        self._model = model
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, bool, torch.dtype], Embedding] = OrderedDict()

    def arguments(self, prompts: Sequence[str], negatives: Sequence[str] | None) -> dict[str, Any]:
        """The pipeline's keyword arguments for a batch.

        ``negatives`` is None without classifier-free guidance.
        """
        stacked = self._model.family.stacked
        arguments = stacked([self._encoded(prompt) for prompt in prompts])
        if negatives is not None:
            against = stacked([self._encoded(prompt, negative=True) for prompt in negatives])
            arguments |= {f"negative_{name}": value for name, value in against.items()}
        return arguments

    def _encoded(self, prompt: str, *, negative: bool = False) -> Embedding:
        model = self._model
        # Not ``unet.dtype``: diffusers' property walks all modules, 5 ms a call.
        key = (prompt, negative, next(model.denoiser.parameters()).dtype)
        embedding = self._known.get(key)
        if embedding is None:
            family = model.family
            encode = family.encode_negative if negative else family.encode
            embedding = self._known[key] = encode(model.main, prompt)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return embedding
