"""Prompts as embeddings, each distinct one encoded once and kept for the next pictures.

A prompt is always encoded alone, so that its embedding never depends on its neighbours.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

#: About 0.25 MB each for Stable Diffusion and 0.6 MB for SDXL, in fp32.
CAPACITY: Final = 256


@dataclass(frozen=True, slots=True)
class Embedding:
    """One prompt: ``sequence`` is (1, tokens, width); ``pooled`` is (1, width), SDXL only."""

    sequence: torch.Tensor
    pooled: torch.Tensor | None


class PromptEncoder:
    """Encodes prompts with a pipeline's own text encoders, and remembers the latest ones."""

    def __init__(self, pipeline: Any, capacity: int = CAPACITY) -> None:
        self._pipeline = pipeline
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, torch.dtype], Embedding] = OrderedDict()
        self._pools = "text_encoder_2" in pipeline.components
        self._zeros_for_empty = bool(pipeline.config.get("force_zeros_for_empty_prompt", False))

    def arguments(
        self, prompts: Sequence[str], negatives: Sequence[str] | None
    ) -> dict[str, torch.Tensor]:
        """The pipeline's keyword arguments for a batch.

        ``negatives`` is None without classifier-free guidance. An empty negative prompt means
        what the model's configuration says: zeros for SDXL, the encoded empty text otherwise.
        """
        arguments = _stacked([self._encoded(prompt) for prompt in prompts], "")
        if negatives is not None:
            arguments |= _stacked([self._negative(prompt) for prompt in negatives], "negative_")
        return arguments

    def _negative(self, prompt: str) -> Embedding:
        embedding = self._encoded(prompt)
        if prompt or not self._zeros_for_empty:
            return embedding
        pooled = None if embedding.pooled is None else torch.zeros_like(embedding.pooled)
        return Embedding(torch.zeros_like(embedding.sequence), pooled)

    def _encoded(self, prompt: str) -> Embedding:
        # Not ``unet.dtype``: diffusers' property walks all modules, 5 ms a call.
        key = (prompt, next(self._pipeline.unet.parameters()).dtype)
        embedding = self._known.get(key)
        if embedding is None:
            embedding = self._known[key] = self._encode(prompt)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return embedding

    def _encode(self, prompt: str) -> Embedding:
        parts = self._pipeline.encode_prompt(
            prompt,
            device=self._pipeline.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        # SD returns (prompt, negative), SDXL (prompt, negative, pooled, negative pooled).
        return Embedding(parts[0], parts[2] if self._pools else None)


def _stacked(embeddings: Sequence[Embedding], prefix: str) -> dict[str, torch.Tensor]:
    stacked = {f"{prefix}prompt_embeds": torch.cat([each.sequence for each in embeddings])}
    pooled = [each.pooled for each in embeddings if each.pooled is not None]
    if pooled:
        stacked[f"{prefix}pooled_prompt_embeds"] = torch.cat(pooled)
    return stacked
