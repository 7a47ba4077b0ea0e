"""Words that a model did not know: put into its tokenizer and text encoder for a block.

Textual Inversion (https://arxiv.org/abs/2208.01618): a learned word is one or several vectors in
the place of token embeddings. Nothing of the model is changed: copies that know the words take the
places of tokenizer and embedding, and leave them again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import torch

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

#: A word's vectors, (N, D), by the family's name of the text encoder that they are for.
Vectors = Mapping[str, torch.Tensor]

#: Copies of tokenizers by the tokens that were added: copying 49,000 words takes a while.
_copies: Final["WeakKeyDictionary[Any, dict[tuple[str, ...], Any]]"] = WeakKeyDictionary()


class _Vocabulary(torch.nn.Module):
    """A text encoder's token embedding with rows for further tokens, from id ``first`` on."""

    def __init__(self, known: torch.nn.Module, learned: torch.Tensor, first: int) -> None:
        super().__init__()
        self.known = known
        self._learned = learned
        self._first = first

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Embed ids of (B, T) as (B, T, D)."""
        new = ids >= self._first
        rows: torch.Tensor = self.known(ids.masked_fill(new, 0))
        learned = self._learned.to(rows.device, rows.dtype)
        return torch.where(new[..., None], learned[(ids - self._first).clamp_min(0)], rows)


@contextmanager
def spoken(model: "LoadedModel", words: Mapping[str, Vectors]) -> Iterator[None]:
    """Let the model understand these words during the block.

    Args:
        words: vectors by spelling; a word of N vectors takes N tokens of a prompt.
    """
    pipeline, before = model.main, []
    try:
        for key, (encoder_name, tokenizer_name) in model.family.words.items():
            encoder, tokenizer = getattr(pipeline, encoder_name), getattr(pipeline, tokenizer_name)
            vectors = [each[key] for each in words.values()]
            counts = [len(each) for each in vectors]
            embedding = encoder.get_input_embeddings()
            before.append((encoder, embedding, tokenizer_name, tokenizer))
            encoder.set_input_embeddings(_Vocabulary(embedding, torch.cat(vectors), len(tokenizer)))
            tokens = _tokens(dict(zip(words, counts, strict=True)))
            setattr(pipeline, tokenizer_name, _knowing(tokenizer, tokens))
        yield
    finally:
        for encoder, embedding, tokenizer_name, tokenizer in before:
            encoder.set_input_embeddings(embedding)
            setattr(pipeline, tokenizer_name, tokenizer)


def initial_vectors(model: "LoadedModel", words: str, count: int) -> dict[str, torch.Tensor]:
    """What a word starts from: ``count`` times the mean of the tokens of known words.

    Of a text without tokens it is the mean of the whole vocabulary.
    """
    vectors = {}
    for key, (encoder, tokenizer) in model.family.words.items():
        ids = getattr(model.main, tokenizer)(words, add_special_tokens=False).input_ids
        table = getattr(model.main, encoder).get_input_embeddings().weight.detach().float()
        mean = (table[ids] if ids else table).mean(0)
        vectors[key] = mean.expand(count, -1).clone()
    return vectors


def as_tensors(spelling: str, vectors: Vectors) -> dict[str, torch.Tensor]:
    """A word as the tensors of its file: one encoder's bears the spelling, others their names."""
    return {key or spelling: each for key, each in vectors.items()}


def of_tensors(
    model: "LoadedModel", spelling: str, tensors: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The word of a file, by the family's names of the text encoders."""
    return {key: tensors[key or spelling] for key in model.family.words}


def _tokens(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Each word's tokens as diffusers names them: <mug>, <mug>_1, <mug>_2."""
    return tuple(
        f"{word}_{place}" if place else word
        for word, count in counts.items()
        for place in range(count)
    )


def _knowing(tokenizer: Any, tokens: tuple[str, ...]) -> Any:
    known = _copies.setdefault(tokenizer, {})
    if tokens not in known:
        known[tokens] = deepcopy(tokenizer)
        known[tokens].add_tokens(list(tokens))
    return known[tokens]
