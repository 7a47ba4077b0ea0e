"""Train the byte-pair tokenizer of the text encoders on the captions of the closed vocabulary.

The result is a stock ``CLIPTokenizer`` folder in which every caption word is one token. Other words
are split into letters. No photos are needed: captions follow from scenes.
"""

import json
import random
from pathlib import Path
from typing import Any, Final

from studio.captions import captions
from studio.networks.sizes import CONTEXT
from studio.photos.scene import BLOCK, scene_at
from studio.vocabulary import COLOURS

START: Final[str] = "<|startoftext|>"
END: Final[str] = "<|endoftext|>"
#: Enough merges for every word of the captions; training stops early when none is left.
VOCABULARY_LIMIT: Final[int] = 4_000


def caption_corpus() -> list[str]:
    """Captions of every combination of the vocabulary: one block of scenes in all colours."""
    chance = random.Random("caption corpus 0")
    return [
        text
        for scene in map(scene_at, range(BLOCK))
        for colour in COLOURS
        for text in captions(scene, colour, chance)
    ]


def train_tokenizer(texts: list[str], folder: Path) -> None:
    """Writes a CLIP tokenizer trained on ``texts`` into ``folder``.

    ``END`` gets the highest id: open_clip and CLIP's text encoder take the sentence from there.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    stock: Any = CLIPTokenizer
    words = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    words.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_LIMIT,
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    words.train_from_iterator(texts, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    words.model.save(str(folder))
    # The trainer ends only those letters with </w> that end a word of the captions.
    vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text())
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        for token in (letter, letter + "</w>"):
            vocabulary.setdefault(token, len(vocabulary))
    for token in (START, END):
        vocabulary[token] = len(vocabulary)
    merges = [
        (first, second)
        for first, second in (
            line.split(" ")
            for line in (folder / "merges.txt").read_text().splitlines()
            if not line.startswith("#")
        )
    ]
    tokenizer = stock(
        vocab=vocabulary,
        merges=merges,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=CONTEXT,
    )
    tokenizer.save_pretrained(folder)
