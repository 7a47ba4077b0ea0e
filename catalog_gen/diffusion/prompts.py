"""Encode prompts, and cache the embeddings for later pictures.

On the CPU, a prompt is encoded alone. On a GPU, which one prompt can't occupy, those of a batch are
encoded together, always the same number at a time, so that an embedding never depends on its
neighbours.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import torch

from catalog_gen.diffusion.batching import pad
from catalog_gen.diffusion.families.family import Embedding

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

#: About 0.25 MB each for Stable Diffusion and 0.6 MB for SDXL, in fp32.
CAPACITY: Final = 256
#: Prompts that are encoded at a time on a GPU; fewer are padded with the last one.
TOGETHER: Final = 8

#: A prompt, whether it is a negative one, what the model wears, and its dtype.
_Key = tuple[str, bool, str | None, torch.dtype]


class PromptEncoder:
    """Encodes prompts by the model's family, and caches the latest ones.

    ``together`` prompts are encoded at a time; None: as the device needs.
    """

    def __init__(
        self, model: "LoadedModel", capacity: int = CAPACITY, together: int | None = None
    ) -> None:
        self._model = model
        self._capacity = capacity
        on_gpu = model.device.type == "cuda"
        self._together = together or (TOGETHER if on_gpu else 1)
        self._concept: str | None = None
        self._known: OrderedDict[_Key, Embedding] = OrderedDict()

    def arguments(
        self, prompts: Sequence[str], negatives: Sequence[str] | None, concept: str | None = None
    ) -> dict[str, Any]:
        """The pipeline's keyword arguments for a batch.

        Args:
            negatives: None without classifier-free guidance.
            concept: the hash of what the model wears, which may give words another meaning.
        """
        self._concept = concept
        stacked = self._model.family.stacked
        if self._together > 1 and self._model.family.encodes_together:
            self._encode_together(prompts)
        arguments = stacked([self._encoded(prompt) for prompt in prompts])
        if negatives is not None:
            against = stacked([self._encoded(prompt, negative=True) for prompt in negatives])
            arguments |= {f"negative_{name}": value for name, value in against.items()}
        while len(self._known) > self._capacity:  # not before: this batch may be larger
            self._known.popitem(last=False)
        return arguments

    def _encode_together(self, prompts: Sequence[str]) -> None:
        """Encode new prompts, padded with the last one."""
        new = [each for each in dict.fromkeys(prompts) if self._key(each) not in self._known]
        for start in range(0, len(new), self._together):
            part = new[start : start + self._together]
            rows = self._model.family.encode(self._model.main, pad(part, self._together))
            for place, prompt in enumerate(part):
                one = {name: values[place : place + 1].clone() for name, values in rows.items()}
                self._keep(self._key(prompt), one)

    def _encoded(self, prompt: str, *, negative: bool = False) -> Embedding:
        key = self._key(prompt, negative=negative)
        embedding = self._known.get(key)
        if embedding is None:
            family = self._model.family
            encode = family.encode_negative if negative else family.encode
            embedding = encode(self._model.main, prompt)
            self._keep(key, embedding)
        self._known.move_to_end(key)
        return embedding

    def _keep(self, key: _Key, embedding: Embedding) -> None:
        self._known[key] = embedding

    def _key(self, prompt: str, *, negative: bool = False) -> _Key:
        # Not ``vae.dtype``: diffusers' property walks all modules, 5 ms per call.
        return prompt, negative, self._concept, next(self._model.main.vae.parameters()).dtype
