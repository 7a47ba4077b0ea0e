"""The text encoder's limit, kept with the model's own tokenizer and without loading the model.

A CLIP text encoder silently ignores what lies beyond its 77 tokens, often the background and half
of a word. Here whole trailing clauses go instead, and the caller learns which. It needs only the
``tokenizers`` library; ``transformers`` would take seconds to import.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from catalog_gen.errors import ModelError

#: Context length of Stable Diffusion's text encoders; used if the folder gives none.
CLIP_CONTEXT: Final = 77
#: Tokenizers without a limit write a huge number instead.
_NO_LIMIT: Final = 1_000_000
_START: Final = "<|startoftext|>"
_END: Final = "<|endoftext|>"
#: How CLIP cuts text into words (Radford et al. 2021, the reference implementation's pattern).
_CLIP_WORDS: Final = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
_REMEDY: Final = "Set model.id to a diffusers folder whose tokenizer/ is complete."


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits the encoder's limit."""

    text: str
    tokens: int
    """Length of ``text`` in tokens, with the start and the end token."""
    dropped: tuple[str, ...]
    """The parts that were cut, in the prompt's order."""


class TokenBudget:
    """The token limit of one model.

    Args:
        folder: its diffusers ``tokenizer`` folder.
        tokens: overrides the folder's limit.
        words: the words that were taught to the model, with the tokens that each takes.
    """

    def __init__(
        self, folder: Path, tokens: int | None = None, words: Mapping[str, int] | None = None
    ) -> None:
        self._folder = folder
        self._tokens = tokens
        self._words = dict(words or {})

    @cached_property
    def limit(self) -> int:
        """The encoder's limit in tokens, start and end token included.

        Raises:
            ModelError: the folder's ``tokenizer_config.json`` can't be read, or leaves no room.
        """
        if self._tokens is not None:
            return self._tokens
        limit = _read_json(self._folder / "tokenizer_config.json").get("model_max_length")
        if not isinstance(limit, int | float) or limit > _NO_LIMIT:
            return CLIP_CONTEXT
        if limit < 3:
            raise ModelError(
                str(self._folder), f"model_max_length {limit} leaves no room for a word", _REMEDY
            )
        return int(limit)

    def count(self, text: str) -> int:
        """Count a text's tokens, with the start and the end token.

        Raises:
            ModelError: the folder holds no usable tokenizer.
        """
        tokens: list[str] = self._tokenizer.encode(text).tokens
        return len(tokens) + sum(
            (vectors - 1) * tokens.count(word) for word, vectors in self._words.items()
        )

    def fit(self, prompt: str) -> Fitted:
        """Drop whole clauses from the end, at commas, until the prompt fits.

        If the first clause alone is too long, whole words are dropped from its end. The prompt
        becomes empty only if its first word alone exceeds the limit.

        Raises:
            ModelError: the folder holds no usable tokenizer.
        """
        tokens = self.count(prompt)
        if tokens <= self.limit:
            return Fitted(prompt, tokens, ())
        # A comma between digits belongs to a number: "1,5 l".
        clauses = [each.strip() for each in re.split(r",(?!\d)", prompt) if each.strip()]
        kept = self._most(clauses, ", ")
        dropped = clauses[kept:]
        text = ", ".join(clauses[:kept])
        if not kept:
            words = clauses[0].split() if clauses else []
            fitting = self._most(words, " ")
            text = " ".join(words[:fitting])
            dropped = [" ".join(words[fitting:]), *clauses[1:]]
        return Fitted(text, self.count(text), tuple(dropped))

    def _most(self, parts: list[str], joint: str) -> int:
        """The number of leading parts that fit, by binary search: tokens grow with the text."""
        low, high = 0, len(parts)
        while low < high:
            middle = (low + high + 1) // 2
            if self.count(joint.join(parts[:middle])) <= self.limit:
                low = middle
            else:
                high = middle - 1
        return low

    @cached_property
    def _tokenizer(self) -> Any:
        """The folder's, which knows the learned words, too."""
        tokenizer = self._own_tokenizer()
        if self._words:
            tokenizer.add_tokens(list(self._words))
        return tokenizer

    def _own_tokenizer(self) -> Any:
        """Load the tokenizer, with start and end tokens but without truncation or padding."""
        from tokenizers import Tokenizer

        whole = self._folder / "tokenizer.json"
        if not whole.is_file():
            return _from_vocabulary(self._folder)
        text = _read_text(whole)
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the Rust library raises no narrower class
            raise ModelError(str(whole), f"is not a tokenizer ({error})", _REMEDY) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def _from_vocabulary(folder: Path) -> Any:
    """CLIP's tokenizer from its two original files, ``vocab.json`` and ``merges.txt``."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    vocabulary = _read_json(folder / "vocab.json")
    missing = [token for token in (_START, _END) if token not in vocabulary]
    if missing:
        raise ModelError(str(folder / "vocab.json"), f"lacks the token {missing[0]}", _REMEDY)
    lines = _read_text(folder / "merges.txt").splitlines()
    pairs = [line.split() for line in lines if line and not line.startswith("#version")]
    try:
        model = models.BPE(
            vocab=vocabulary,
            merges=[(first, second) for first, second in pairs],
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            unk_token=_END,
            fuse_unk=False,
        )
    except Exception as error:  # the Rust library raises no narrower class
        raise ModelError(
            str(folder), f"vocab.json and merges.txt disagree ({error})", _REMEDY
        ) from error
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_CLIP_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        (_END, vocabulary[_END]),
        (_START, vocabulary[_START]),
        trim_offsets=False,
        add_prefix_space=False,
    )
    special = [AddedToken(token, normalized=False, special=True) for token in (_START, _END)]
    tokenizer.add_special_tokens(special)
    return tokenizer


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(str(path), f"can't be read ({error})", _REMEDY) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(str(path), f"is not JSON ({error})", _REMEDY) from error
    if not isinstance(value, dict):
        raise ModelError(str(path), "is no JSON object", _REMEDY)
    return value
